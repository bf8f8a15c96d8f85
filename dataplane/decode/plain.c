/*
 * The quick answer. Frames of a busy link are a random sequence of tagged and
 * untagged, IPv4 and IPv6, TCP and UDP: a branch on each would be mispredicted
 * often enough to cost more than everything else. So what is needed is
 * selected, not branched upon (`&` and `|` on purpose), and there is one
 * decision at the end.
 */
#include "base/bytes.h"
#include "dataplane/decode/decode.h"
#include "dataplane/decode/layer.h"

#define TYPE_OFFSET 12u
#define TYPE_BYTES 2u
#define VLAN_BYTES 4u
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define PORTS_BYTES 4u

/* A tagged frame with IPv4: shorter ones are not worth a thought. */
#define BYTES_MIN (TYPE_OFFSET + TYPE_BYTES + VLAN_BYTES + IPV4_BYTES + PORTS_BYTES)

static bool
is_tunnel_port(uint16_t port)
{
	return (port == DECODE_PORT_GTPU) | (port == DECODE_PORT_VXLAN) |
	       (port == DECODE_PORT_GENEVE) | (port == DECODE_PORT_MPLS) |
	       (port == DECODE_PORT_VXLAN_LINUX);
}

bool
decode_is_plain_other(const struct decode_config *cfg, const uint8_t *data, uint32_t len)
{
	if (len < BYTES_MIN)
		return false;
	bool tagged = load_be16(data + TYPE_OFFSET) == ETHERTYPE_VLAN;
	uint32_t ip_offset = TYPE_OFFSET + TYPE_BYTES + (tagged ? VLAN_BYTES : 0);
	const uint8_t *ip = data + ip_offset;
	uint16_t type = load_be16(ip - TYPE_BYTES);

	/* No options, no fragment, room for the ports. */
	unsigned whole = (load_be16(ip + 6) & 0x3fff) == 0;
	unsigned v4_room = load_be16(ip + 2) >= IPV4_BYTES + PORTS_BYTES;
	unsigned v6_room = load_be16(ip + 4) >= PORTS_BYTES;
	unsigned v4 = (type == ETHERTYPE_IPV4) & (ip[0] == 0x45) & whole & v4_room;
	unsigned v6 = (type == ETHERTYPE_IPV6) & (ip[0] >> 4 == 6) & v6_room;
	uint8_t protocol = ip[v6 ? 6 : 9];
	uint32_t ports_offset = ip_offset + (v6 ? IPV6_BYTES : IPV4_BYTES);
	unsigned there = ports_offset + PORTS_BYTES <= len;
	const uint8_t *ports = data + (there ? ports_offset : 0);
	uint16_t src_port = load_be16(ports);
	uint16_t dst_port = load_be16(ports + 2);

	unsigned from_mail = decode_is_mail_port(cfg, src_port);
	unsigned to_mail = decode_is_mail_port(cfg, dst_port);
	unsigned tunnel = is_tunnel_port(dst_port);
	unsigned tcp = (protocol == IPPROTO_NUM_TCP) & !from_mail & !to_mail;
	unsigned udp = (protocol == IPPROTO_NUM_UDP) & !tunnel;
	return there & (v4 | v6) & (tcp | udp);
}
