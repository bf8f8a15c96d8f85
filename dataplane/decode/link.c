/*
 * Link layers other than Ethernet, and what may stand between a link header
 * and IP: LLC/SNAP, MPLS, PPPoE and PPP. Stateless.
 */
#include "base/bytes.h"
#include "dataplane/decode/layer.h"

#define SLL_BYTES 16
#define SLL2_BYTES 20
#define NULL_BYTES 4
#define LLC_BYTES 3
#define LLC_IP 0x06
#define LLC_SNAP 0xaa
#define SNAP_BYTES 8
#define MPLS_BYTES 4
#define PPPOE_BYTES 6
#define ETHERNET_BYTES 14
#define PSEUDOWIRE_CONTROL_BYTES 4

/* Linux cooked: what the protocol field holds instead of an EtherType. */
#define SLL_PROTOCOL_802_2 4

#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057
#define PPP_MPLS 0x0281

static enum decode_layer
layer_of_sll_protocol(uint16_t protocol)
{
	if (protocol >= 0x600)
		return decode_layer_of_ethertype(protocol);
	return protocol == SLL_PROTOCOL_802_2 ? LAYER_LLC : LAYER_NONE;
}

/* The address family, in the byte order of whoever captured; its values differ by system. */
static enum decode_layer
layer_of_family(const uint8_t *field)
{
	uint32_t family = load_le32(field);

	if (family > 0xffff)
		family = load_be32(field);
	switch (family) {
	case 2:
		return LAYER_IPV4;
	case 10: /* Linux */
	case 23: /* Windows */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return LAYER_IPV6;
	default:
		return LAYER_NONE;
	}
}

/* Of fixed length; link_more.c knows the others. */
static const uint8_t link_header_bytes[DECODE_LINK_COUNT] = {
	[DECODE_LINK_SLL] = SLL_BYTES,
	[DECODE_LINK_SLL2] = SLL2_BYTES,
	[DECODE_LINK_NULL] = NULL_BYTES,
};

enum decode_layer
decode_link_header(struct decode_cursor *c, enum decode_link link)
{
	uint32_t header_len = link_header_bytes[link];

	if (!decode_has(c, header_len))
		return decode_stop_short(c, header_len);
	const uint8_t *header = decode_at(c);
	c->offset += header_len;
	switch (link) {
	case DECODE_LINK_ETHERNET:
		return LAYER_ETHERNET;
	case DECODE_LINK_IP:
		return LAYER_IP;
	case DECODE_LINK_SLL:
		return layer_of_sll_protocol(load_be16(header + 14));
	case DECODE_LINK_SLL2:
		return layer_of_sll_protocol(load_be16(header));
	case DECODE_LINK_NULL:
		return layer_of_family(header);
	case DECODE_LINK_PPP:
	case DECODE_LINK_HDLC:
	case DECODE_LINK_PPPOE:
	case DECODE_LINK_WIFI:
	case DECODE_LINK_RADIOTAP:
	case DECODE_LINK_ENC:
	case DECODE_LINK_PFLOG:
	case DECODE_LINK_NFLOG:
		return decode_link_more(c, link);
	case DECODE_LINK_COUNT:
		break;
	}
	return LAYER_NONE;
}

/* IEEE 802.2; SNAP as RFC 1042 puts IP into it. */
enum decode_layer
decode_llc(struct decode_cursor *c)
{
	if (!decode_has(c, LLC_BYTES))
		return decode_stop_short(c, LLC_BYTES);
	const uint8_t *llc = decode_at(c);
	if (llc[2] != 0x03) /* unnumbered information */
		return LAYER_NONE;
	if (llc[0] == LLC_IP && llc[1] == LLC_IP) {
		c->offset += LLC_BYTES;
		return LAYER_IPV4;
	}
	if (llc[0] != LLC_SNAP || llc[1] != LLC_SNAP)
		return LAYER_NONE;
	if (!decode_has(c, SNAP_BYTES))
		return decode_stop_short(c, SNAP_BYTES);
	uint32_t oui = load_be32(llc + 2) & 0xffffff;
	uint16_t type = load_be16(llc + 6);
	/* 0000f8: 802.1H tunnels the types that bridges would otherwise translate. */
	if ((oui != 0 && oui != 0x0000f8) || type < 0x600)
		return LAYER_NONE;
	c->offset += SNAP_BYTES;
	return decode_layer_of_ethertype(type);
}

/* Whether an Ethernet frame that carries something of ours may start ahead bytes further on. */
static bool
may_be_ethernet(const struct decode_cursor *c, uint32_t ahead)
{
	if (!decode_has(c, ahead + ETHERNET_BYTES + 1))
		return false;
	const uint8_t *frame = decode_at(c) + ahead;
	enum decode_layer layer = decode_layer_of_ethertype(load_be16(frame + 12));
	if (layer == LAYER_IPV4)
		return frame[ETHERNET_BYTES] >> 4 == 4;
	if (layer == LAYER_IPV6)
		return frame[ETHERNET_BYTES] >> 4 == 6;
	if (layer == LAYER_LLC)
		return frame[ETHERNET_BYTES] == LLC_SNAP;
	return layer != LAYER_NONE;
}

/* What may follow an IPv6 header and be of use here; below 64 (IANA). */
#define IPV6_NEXT_OURS                                                                             \
	(1ull << IPPROTO_NUM_HOPOPTS | 1ull << IPPROTO_NUM_IPV4 | 1ull << IPPROTO_NUM_TCP |        \
		1ull << IPPROTO_NUM_UDP | 1ull << IPPROTO_NUM_IPV6 | 1ull << IPPROTO_NUM_ROUTING | \
		1ull << IPPROTO_NUM_FRAGMENT | 1ull << IPPROTO_NUM_GRE | 1ull << IPPROTO_NUM_AH |  \
		1ull << IPPROTO_NUM_DSTOPTS)

/*
 * Is it an IP header beyond doubt? The addresses of a frame, of which the first begins with 4 or
 * 6, are none: IPv4 has a checksum, IPv6 a length that is exactly what is left.
 */
static bool
is_ip(const struct decode_cursor *c)
{
	const uint8_t *ip = decode_at(c);
	uint32_t left = c->end - c->offset;

	if (ip[0] >> 4 == 6)
		return left >= 40 && load_be16(ip + 4) + 40u == left && ip[6] < 64 &&
		       (IPV6_NEXT_OURS >> ip[6] & 1);
	uint32_t header_len = (ip[0] & 0xfu) * 4;
	uint32_t sum = 0;
	if (header_len < 20 || header_len > left)
		return false;
	for (uint32_t i = 0; i < header_len; i += 2)
		sum += load_be16(ip + i);
	return (sum & 0xffff) + (sum >> 16) == 0xffff; /* of ten to thirty words: one carry */
}

/*
 * Nothing in a label stack says what follows it; the first nibble is the
 * custom (RFC 4928 2): 4 and 6 are IP, 0 is a pseudowire's control word
 * (RFC 4385 3), but without a control word it is a MAC address's.
 */
static enum decode_layer
guess_mpls_payload(struct decode_cursor *c)
{
	if (!decode_has(c, 1))
		return decode_stop_short(c, 1);
	uint8_t nibble = decode_at(c)[0] >> 4;
	bool like_ip = nibble == 4 || nibble == 6;
	if (like_ip && !decode_has(c, ETHERNET_BYTES + 1)) /* less than either needs */
		return decode_stop_short(c, ETHERNET_BYTES + 1);
	if (like_ip && (is_ip(c) || !may_be_ethernet(c, 0)))
		return LAYER_IP;
	if (!decode_has(c, PSEUDOWIRE_CONTROL_BYTES))
		return decode_stop_short(c, PSEUDOWIRE_CONTROL_BYTES);
	/* RFC 4448 4.6: the bits before the sequence number are zero. */
	if (load_be16(decode_at(c)) == 0 && may_be_ethernet(c, PSEUDOWIRE_CONTROL_BYTES)) {
		c->offset += PSEUDOWIRE_CONTROL_BYTES;
		return LAYER_ETHERNET;
	}
	if (may_be_ethernet(c, 0))
		return LAYER_ETHERNET;
	/* Not ours, unless the capture ended before the EtherType. */
	if (!decode_has(c, PSEUDOWIRE_CONTROL_BYTES + ETHERNET_BYTES + 1) && c->end < c->wire_end)
		return decode_stop(c, DECODE_TRUNCATED);
	return LAYER_NONE;
}

/* RFC 3032 2.1; one label a step. */
enum decode_layer
decode_mpls(struct decode_cursor *c)
{
	if (!decode_has(c, MPLS_BYTES))
		return decode_stop_short(c, MPLS_BYTES);
	bool bottom = decode_at(c)[2] & 1;
	c->offset += MPLS_BYTES;
	return bottom ? guess_mpls_payload(c) : LAYER_MPLS;
}

/* RFC 2516 4 */
enum decode_layer
decode_pppoe(struct decode_cursor *c)
{
	if (!decode_has(c, PPPOE_BYTES))
		return decode_stop_short(c, PPPOE_BYTES);
	const uint8_t *header = decode_at(c);
	if (header[0] != 0x11 || header[1] != 0) /* version 1, type 1; session data */
		return LAYER_NONE;
	uint16_t payload_len = load_be16(header + 4);
	c->offset += PPPOE_BYTES;
	if (!decode_limit(c, payload_len))
		return decode_stop(c, DECODE_MALFORMED);
	return LAYER_PPP;
}

/* RFC 1661 2 and 6.5 (a compressed protocol field is one odd byte), RFC 1662 3.1. */
enum decode_layer
decode_ppp(struct decode_cursor *c)
{
	if (!decode_has(c, 2))
		return decode_stop_short(c, 2);
	if (load_be16(decode_at(c)) == 0xff03) /* address and control fields, not compressed */
		c->offset += 2;
	if (!decode_has(c, 2))
		return decode_stop_short(c, 2);
	uint16_t protocol = decode_at(c)[0];
	if (protocol & 1) {
		c->offset += 1;
	} else {
		protocol = load_be16(decode_at(c));
		c->offset += 2;
	}
	switch (protocol) {
	case PPP_IPV4:
		return LAYER_IPV4;
	case PPP_IPV6:
		return LAYER_IPV6;
	case PPP_MPLS:
		return LAYER_MPLS;
	default:
		return LAYER_NONE;
	}
}
