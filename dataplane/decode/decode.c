/*
 * Theory of operation
 *
 * A cursor walks the packet: each step reads the header it stands on, checks
 * it, moves past it and names the next one. There is no recursion and no state
 * but the cursor; the loop ends after DECODE_DEPTH_MAX steps, and the loops
 * inside a step (IPv6 extension headers, GTP-U extension headers) have bounds
 * of their own. So the work per packet is bounded whatever the bytes are.
 *
 * Two ends are kept. `end` is where readable bytes end; `wire_end` is where the
 * innermost header that told a length says that the packet ended. Padding is cut
 * by moving both; a snap length makes them differ. An inner header that claims
 * more than the one around it allows contradicts it: no receiver would take
 * that packet, so we do not either. (ERSPAN is the exception: switches mirror
 * cut frames with the lengths of the whole ones.)
 *
 * Most traffic is not mail. It leaves after Ethernet, an IP header and two port
 * numbers: these are in this file, so that the compiler inlines them, and touch
 * the first 64 bytes of the frame only.
 *
 * What an attacker would try: to make the tap see a packet that the peer does
 * not (a length that contradicts, an extension header that is no such thing) or
 * the other way round; to nest until the stack or the clock gives in; to send
 * something that is no tunnel to a tunnel's port so that it counts as damage
 * (it counts as OTHER).
 */
#include "dataplane/decode/decode.h"

#include <string.h>

#include "base/bytes.h"
#include "dataplane/decode/layer.h"

#define ETHERNET_BYTES 14
#define VLAN_BYTES 4
#define PBB_BYTES 4
#define IPV4_BYTES_MIN 20
#define TCP_BYTES_MIN 20
#define COMMON_BYTES_MIN (ETHERNET_BYTES + IPV4_BYTES_MIN + TCP_BYTES_MIN)

/* TCP's options (IANA): two without a length, and two that sign the segment. */
#define TCP_OPTION_END 0
#define TCP_OPTION_NOTHING 1
#define TCP_OPTION_MD5 19
#define TCP_MD5_BYTES 18
/* Nothing, nothing, timestamps of ten bytes: the options of nearly all segments (RFC 7323 A). */
#define TCP_OPTIONS_STAMPED 0x0101080au
#define TCP_BYTES_STAMPED (TCP_BYTES_MIN + 12)

/* No packet is longer (2^30); offsets can then be added without overflow. */
#define PACKET_BYTES_MAX (1u << 30)

void
decode_config_add_port(struct decode_config *cfg, uint16_t port)
{
	if (decode_is_mail_port(cfg, port))
		return;
	cfg->mail_ports[port >> 6] |= 1ULL << (port & 63);
	if (cfg->ports_count < DECODE_PORTS_FEW)
		cfg->few_ports[cfg->ports_count] = port;
	cfg->ports_count++;
}

enum decode_layer
decode_layer_of_ethertype(uint16_t type)
{
	switch (type) {
	case ETHERTYPE_IPV4:
		return LAYER_IPV4;
	case ETHERTYPE_IPV6:
		return LAYER_IPV6;
	case ETHERTYPE_VLAN: /* IEEE 802.1Q */
	case 0x88a8:         /* IEEE 802.1ad */
	case 0x9100:         /* QinQ before it was a standard */
	case 0x9200:
		return LAYER_VLAN;
	case 0x8847: /* RFC 3032 */
	case 0x8848:
		return LAYER_MPLS;
	case 0x8926: /* Cisco VN-Tag */
	case 0x893f: /* IEEE 802.1BR E-TAG */
	case 0x8909: /* Cisco TrustSec's metadata */
		return type == 0x8926 ? LAYER_TAG4 : LAYER_TAG6;
	case 0x88e7: /* IEEE 802.1ah, a service instance and a whole frame */
		return LAYER_PBB;
	case 0x8864: /* RFC 2516, session stage */
		return LAYER_PPPOE;
	case 0x880b:
		return LAYER_PPP;
	case 0x6558: /* transparent Ethernet bridging, RFC 1701 */
		return LAYER_ETHERNET;
	default: /* below 0x600 it is a length: IEEE 802.3 */
		return type < 0x600 ? LAYER_LLC : LAYER_NONE;
	}
}

static inline enum decode_layer
decode_ethernet(struct decode_cursor *c)
{
	if (!decode_has(c, ETHERNET_BYTES))
		return decode_stop_short(c, ETHERNET_BYTES);
	uint16_t type = load_be16(decode_at(c) + 12);
	c->offset += ETHERNET_BYTES;
	return type == ETHERTYPE_IPV4 ? LAYER_IPV4 : decode_layer_of_ethertype(type);
}

static enum decode_layer
decode_vlan(struct decode_cursor *c)
{
	if (!decode_has(c, VLAN_BYTES))
		return decode_stop_short(c, VLAN_BYTES);
	uint16_t type = load_be16(decode_at(c) + 2);
	c->offset += VLAN_BYTES;
	return decode_layer_of_ethertype(type);
}

/* A tag of so many bytes, and the EtherType of what follows it. */
static enum decode_layer
decode_tag(struct decode_cursor *c, uint32_t bytes)
{
	if (!decode_has(c, bytes + 2))
		return decode_stop_short(c, bytes + 2);
	uint16_t type = load_be16(decode_at(c) + bytes);
	c->offset += bytes + 2;
	return decode_layer_of_ethertype(type);
}

static enum decode_layer
decode_pbb(struct decode_cursor *c)
{
	if (!decode_has(c, PBB_BYTES))
		return decode_stop_short(c, PBB_BYTES);
	c->offset += PBB_BYTES;
	return LAYER_ETHERNET;
}

/*
 * Is there a TCP-MD5 option (RFC 2385)? Only who shares a key with the sender accepts it. One of
 * another length is none, and TCP-AO (RFC 5925) is passed over by whoever does not know it.
 */
static inline bool
tcp_is_signed(const uint8_t *tcp, uint32_t header_len)
{
	uint32_t at = TCP_BYTES_MIN;

	if (header_len == TCP_BYTES_MIN ||
		(header_len == TCP_BYTES_STAMPED && load_be32(tcp + at) == TCP_OPTIONS_STAMPED))
		return false;
	while (at + 1 < header_len && tcp[at] != TCP_OPTION_END) {
		if (tcp[at] == TCP_OPTION_MD5 && tcp[at + 1] == TCP_MD5_BYTES)
			return at + TCP_MD5_BYTES <= header_len;
		if (tcp[at] != TCP_OPTION_NOTHING && tcp[at + 1] < 2)
			return false;
		at += tcp[at] == TCP_OPTION_NOTHING ? 1 : tcp[at + 1];
	}
	return false;
}

static inline enum decode_layer
decode_tcp(struct decode_cursor *c)
{
	struct decode_packet *out = c->out;
	const uint8_t *tcp = decode_at(c);

	if (!decode_has(c, 4))
		return decode_stop_short(c, 4);
	uint16_t src_port = load_be16(tcp);
	uint16_t dst_port = load_be16(tcp + 2);
	if (!decode_is_mail_port(c->cfg, src_port) && !decode_is_mail_port(c->cfg, dst_port))
		return LAYER_NONE;
	if (!decode_has(c, TCP_BYTES_MIN))
		return decode_stop_short(c, TCP_BYTES_MIN);
	uint32_t header_len = (uint32_t)(tcp[12] >> 4) * 4;
	if (header_len < TCP_BYTES_MIN)
		return decode_stop(c, DECODE_MALFORMED);
	if (!decode_has(c, header_len))
		return decode_stop_short(c, header_len);
	out->src_port = src_port;
	out->dst_port = dst_port;
	out->seq = load_be32(tcp + 4);
	out->ack = load_be32(tcp + 8);
	out->tcp_flags = tcp[13];
	out->window = load_be16(tcp + 14);
	out->is_signed = tcp_is_signed(tcp, header_len);
	out->l4_offset = c->offset;
	out->payload_offset = c->offset + header_len;
	out->payload_len = c->end - out->payload_offset;
	out->payload_wire_len = c->wire_end - out->payload_offset;
	return decode_stop(c, DECODE_MAIL);
}

static inline enum decode_layer
decode_udp(struct decode_cursor *c)
{
	if (!decode_has(c, 4))
		return decode_stop_short(c, 4);
	uint16_t dst_port = load_be16(decode_at(c) + 2);
	/* The ports of decode_udp_tunnel: checked here so that other UDP leaves at once. */
	switch (dst_port) {
	case DECODE_PORT_GTPU:
	case DECODE_PORT_VXLAN:
	case DECODE_PORT_GENEVE:
	case DECODE_PORT_MPLS:
	case DECODE_PORT_VXLAN_LINUX:
		return decode_udp_tunnel(c, dst_port);
	default:
		return LAYER_NONE;
	}
}

enum decode_layer
decode_ip_payload(struct decode_cursor *c, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_NUM_TCP:
		return decode_tcp(c);
	case IPPROTO_NUM_UDP:
		return decode_udp(c);
	case IPPROTO_NUM_IPV4: /* RFC 2003 */
		return LAYER_IPV4;
	case IPPROTO_NUM_IPV6: /* RFC 4213 */
		return LAYER_IPV6;
	case IPPROTO_NUM_GRE:
		return LAYER_GRE;
	case IPPROTO_NUM_MPLS: /* RFC 4023 */
		return LAYER_MPLS;
	default:
		return LAYER_NONE;
	}
}

static inline enum decode_layer
decode_ipv4(struct decode_cursor *c)
{
	struct decode_packet *out = c->out;
	const uint8_t *ip = decode_at(c);

	if (!decode_has(c, IPV4_BYTES_MIN))
		return decode_stop_short(c, IPV4_BYTES_MIN);
	if (!decode_ipv4_is_sane(ip))
		return decode_stop(c, DECODE_MALFORMED);
	uint32_t header_len = (uint32_t)(ip[0] & 0xf) * 4;
	uint32_t total_len = load_be16(ip + 2);
	/* A sender that leaves segmentation to its NIC may leave the length to it too. */
	if (total_len == 0)
		total_len = c->end - c->offset;
	if (total_len < header_len || !decode_limit(c, total_len))
		return decode_stop(c, DECODE_MALFORMED);
	if (!decode_has(c, header_len))
		return decode_stop_short(c, header_len);

	out->has_ip = true;
	out->is_v6 = false;
	out->l3_offset = c->offset;
	out->l3_len = total_len;
	out->src = addr_from_v4(ip + 12);
	out->dst = addr_from_v4(ip + 16);
	out->hops = ip[8];
	if (load_be16(ip + 6) & 0x3fff) /* RFC 791 3.1: more fragments, or an offset */
		return decode_stop(c, DECODE_FRAGMENT);
	uint8_t protocol = ip[9];
	c->offset += header_len;
	if (protocol == IPPROTO_NUM_AH)
		return decode_extensions(c, protocol);
	return decode_ip_payload(c, protocol);
}

static enum decode_layer
decode_ip(struct decode_cursor *c)
{
	if (!decode_has(c, 1))
		return decode_stop_short(c, 1);
	switch (decode_at(c)[0] >> 4) {
	case 4:
		return LAYER_IPV4;
	case 6:
		return LAYER_IPV6;
	default:
		return decode_stop(c, DECODE_MALFORMED);
	}
}

static inline enum decode_layer
decode_step(struct decode_cursor *c, enum decode_layer layer)
{
	switch (layer) {
	case LAYER_NONE:
		break;
	case LAYER_ETHERNET:
		return decode_ethernet(c);
	case LAYER_LLC:
		return decode_llc(c);
	case LAYER_VLAN:
		return decode_vlan(c);
	case LAYER_TAG4:
		return decode_tag(c, 4);
	case LAYER_TAG6:
		return decode_tag(c, 6);
	case LAYER_PBB:
		return decode_pbb(c);
	case LAYER_MPLS:
		return decode_mpls(c);
	case LAYER_PPPOE:
		return decode_pppoe(c);
	case LAYER_PPP:
		return decode_ppp(c);
	case LAYER_IP:
		return decode_ip(c);
	case LAYER_IPV4:
		return decode_ipv4(c);
	case LAYER_IPV6:
		return decode_ipv6(c);
	case LAYER_GRE:
		return decode_gre(c);
	}
	return LAYER_NONE;
}

/*
 * The mail that is nearly all of it, at one go: Ethernet, IPv4 without options, whole and in one
 * piece, TCP. What is anything else in any way walks the headers one by one. out is zeroed.
 */
static inline bool
decode_common_mail(const struct decode_config *cfg, const uint8_t *data, uint32_t len,
	struct decode_packet *out)
{
	const uint8_t *ip = data + ETHERNET_BYTES;
	const uint8_t *tcp = ip + IPV4_BYTES_MIN;

	if (len < COMMON_BYTES_MIN || load_be16(data + 12) != ETHERTYPE_IPV4 || ip[0] != 0x45 ||
		ip[9] != IPPROTO_NUM_TCP || (load_be16(ip + 6) & 0x3fff))
		return false;
	uint32_t total_len = load_be16(ip + 2);
	uint32_t headers_len = IPV4_BYTES_MIN + (uint32_t)(tcp[12] >> 4) * 4;
	uint16_t src_port = load_be16(tcp);
	uint16_t dst_port = load_be16(tcp + 2);
	if (total_len > len - ETHERNET_BYTES || headers_len > total_len ||
		headers_len < IPV4_BYTES_MIN + TCP_BYTES_MIN ||
		!(decode_is_mail_port(cfg, src_port) || decode_is_mail_port(cfg, dst_port)))
		return false;
	out->has_ip = true;
	out->l3_offset = ETHERNET_BYTES;
	out->l3_len = total_len;
	out->src = addr_from_v4(ip + 12);
	out->dst = addr_from_v4(ip + 16);
	out->hops = ip[8];
	out->src_port = src_port;
	out->dst_port = dst_port;
	out->seq = load_be32(tcp + 4);
	out->ack = load_be32(tcp + 8);
	out->window = load_be16(tcp + 14);
	out->tcp_flags = tcp[13];
	out->is_signed = tcp_is_signed(tcp, headers_len - IPV4_BYTES_MIN);
	out->l4_offset = ETHERNET_BYTES + IPV4_BYTES_MIN;
	out->payload_offset = ETHERNET_BYTES + headers_len;
	out->payload_len = total_len - headers_len;
	out->payload_wire_len = out->payload_len;
	return true;
}

enum decode_verdict
decode_packet(const struct decode_config *cfg, enum decode_link link, const uint8_t *data,
	uint32_t len, struct decode_packet *out)
{
	struct decode_cursor c = {
		.cfg = cfg,
		.data = data,
		.out = out,
		.end = len < PACKET_BYTES_MAX ? len : PACKET_BYTES_MAX,
		.wire_end = WIRE_UNKNOWN,
		.verdict = DECODE_OTHER,
	};
	enum decode_layer layer;

	memset(out, 0, sizeof(*out));
	if (link == DECODE_LINK_ETHERNET && decode_common_mail(cfg, data, len, out))
		return DECODE_MAIL;
	if (link == DECODE_LINK_ETHERNET)
		layer = decode_ethernet(&c);
	else
		layer = decode_link_header(&c, link);
	for (unsigned depth = 0; layer != LAYER_NONE; depth++) {
		if (depth == DECODE_DEPTH_MAX)
			return DECODE_TOO_DEEP;
		layer = decode_step(&c, layer);
	}
	if (c.verdict == DECODE_MALFORMED && c.guessed)
		return DECODE_OTHER;
	return c.verdict;
}
