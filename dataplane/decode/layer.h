/*
 * What the files of decode share: the cursor that walks a packet from header
 * to header, and the names of the headers. Private to dataplane/decode.
 */
#ifndef SMTAP_DATAPLANE_DECODE_LAYER_H
#define SMTAP_DATAPLANE_DECODE_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/decode/decode.h"

/* IP protocol and next-header numbers (IANA). */
#define IPPROTO_NUM_HOPOPTS 0
#define IPPROTO_NUM_IPV4 4
#define IPPROTO_NUM_TCP 6
#define IPPROTO_NUM_UDP 17
#define IPPROTO_NUM_IPV6 41
#define IPPROTO_NUM_ROUTING 43
#define IPPROTO_NUM_FRAGMENT 44
#define IPPROTO_NUM_GRE 47
#define IPPROTO_NUM_AH 51
#define IPPROTO_NUM_DSTOPTS 60
#define IPPROTO_NUM_MOBILITY 135 /* RFC 6275 */
#define IPPROTO_NUM_MPLS 137
#define IPPROTO_NUM_HIP 139   /* RFC 7401 */
#define IPPROTO_NUM_SHIM6 140 /* RFC 5533 */

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100

/* UDP destination ports of tunnels. */
#define DECODE_PORT_GTPU 2152
#define DECODE_PORT_VXLAN 4789
#define DECODE_PORT_GENEVE 6081
#define DECODE_PORT_MPLS 6635        /* RFC 7510 */
#define DECODE_PORT_VXLAN_LINUX 8472 /* before there was an assigned one */

/* The header that stands at the cursor. */
enum decode_layer {
	LAYER_NONE, /* nothing more to decode; cursor.verdict says why */
	LAYER_ETHERNET,
	LAYER_LLC,
	LAYER_VLAN,
	LAYER_TAG4, /* four bytes and an EtherType */
	LAYER_TAG6,
	LAYER_PBB,
	LAYER_MPLS,
	LAYER_PPPOE,
	LAYER_PPP,
	LAYER_IP, /* the version nibble tells */
	LAYER_IPV4,
	LAYER_IPV6,
	LAYER_GRE,
};

/*
 * Always holds: offset <= end <= the captured length, and end <= wire_end.
 * Bytes before end may be read. Bytes from end to wire_end existed on the wire;
 * WIRE_UNKNOWN until some header told a length.
 */
struct decode_cursor {
	const struct decode_config *cfg;
	const uint8_t *data;
	struct decode_packet *out;
	uint32_t offset;
	uint32_t end;
	uint32_t wire_end;
	enum decode_verdict verdict; /* DECODE_OTHER until decode_stop says otherwise */
	bool guessed; /* inside a tunnel that only a UDP port announced: it may be none */
};

#define WIRE_UNKNOWN UINT32_MAX

static inline enum decode_layer
decode_stop(struct decode_cursor *c, enum decode_verdict verdict)
{
	c->verdict = verdict;
	return LAYER_NONE;
}

static inline const uint8_t *
decode_at(const struct decode_cursor *c)
{
	return c->data + c->offset;
}

static inline bool
decode_has(const struct decode_cursor *c, uint32_t bytes)
{
	return bytes <= c->end - c->offset;
}

/* Why decode_has failed: the capture cut the bytes, or they never existed. */
static inline enum decode_layer
decode_stop_short(struct decode_cursor *c, uint32_t bytes)
{
	return decode_stop(
		c, bytes <= c->wire_end - c->offset ? DECODE_TRUNCATED : DECODE_MALFORMED);
}

/*
 * A header says that what starts at the cursor is bytes long: what follows is
 * padding. False when the header around it has less room than that.
 */
static inline bool
decode_limit(struct decode_cursor *c, uint32_t bytes)
{
	if (bytes > c->wire_end - c->offset)
		return false;
	c->wire_end = c->offset + bytes;
	if (c->end > c->wire_end)
		c->end = c->wire_end;
	return true;
}

static inline bool
decode_ipv4_is_sane(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 && (ip[0] & 0xf) >= 5;
}

/* The header after an EtherType, LAYER_NONE when it is not one of ours. */
enum decode_layer decode_layer_of_ethertype(uint16_t type);

/* link.c: the outermost header, then those between Ethernet and IP. */
enum decode_layer decode_link_header(struct decode_cursor *c, enum decode_link link);
enum decode_layer decode_llc(struct decode_cursor *c);
enum decode_layer decode_mpls(struct decode_cursor *c);
enum decode_layer decode_pppoe(struct decode_cursor *c);
enum decode_layer decode_ppp(struct decode_cursor *c);

/* link_more.c: the rarer outermost headers. */
enum decode_layer decode_link_more(struct decode_cursor *c, enum decode_link link);

/* ipv6.c: what follows an IP header, extension headers first. */
enum decode_layer decode_ipv6(struct decode_cursor *c);
enum decode_layer decode_extensions(struct decode_cursor *c, uint8_t next);

/* tunnel.c */
enum decode_layer decode_gre(struct decode_cursor *c);
enum decode_layer decode_udp_tunnel(struct decode_cursor *c, uint16_t dst_port);

/* decode.c: what an IP header's protocol number announces. */
enum decode_layer decode_ip_payload(struct decode_cursor *c, uint8_t protocol);

#endif
