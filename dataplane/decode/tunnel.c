/*
 * GRE with what it carries, and the tunnels that a UDP port announces. A UDP
 * port proves nothing: content that is no such tunnel is OTHER.
 */
#include "base/bytes.h"
#include "dataplane/decode/layer.h"

#define UDP_BYTES 8
#define VXLAN_BYTES 8
#define GENEVE_BYTES 8
#define GTPU_BYTES 8
#define ERSPAN2_BYTES 8
#define ERSPAN3_BYTES 12
#define ERSPAN3_SUBHEADER_BYTES 8

/* RFC 2784 2.1, RFC 2890 2, RFC 2637 4.1 */
#define GRE_CHECKSUM 0x8000u
#define GRE_ROUTING 0x4000u
#define GRE_KEY 0x2000u
#define GRE_SEQUENCE 0x1000u
#define GRE_ACK 0x0080u
#define GRE_VERSION 0x0007u

#define GRE_PROTOCOL_PPP 0x880b
#define GRE_PROTOCOL_ERSPAN2 0x88be /* and type I */
#define GRE_PROTOCOL_ERSPAN3 0x22eb

/* Of a GTP-U packet; 3GPP TS 29.281 defines fewer kinds. */
#define GTPU_EXTENSIONS_MAX 8

/* The mirror may have cut the frame: from here lengths are the frame's own. */
static enum decode_layer
mirrored(struct decode_cursor *c, enum decode_layer layer)
{
	c->wire_end = WIRE_UNKNOWN;
	return layer;
}

static enum decode_layer
decode_erspan2(struct decode_cursor *c, bool has_header)
{
	if (!has_header) /* type I is the frame alone */
		return mirrored(c, LAYER_ETHERNET);
	if (!decode_has(c, ERSPAN2_BYTES))
		return decode_stop_short(c, ERSPAN2_BYTES);
	if (decode_at(c)[0] >> 4 != 1)
		return LAYER_NONE;
	c->offset += ERSPAN2_BYTES;
	return mirrored(c, LAYER_ETHERNET);
}

static enum decode_layer
decode_erspan3(struct decode_cursor *c)
{
	if (!decode_has(c, ERSPAN3_BYTES))
		return decode_stop_short(c, ERSPAN3_BYTES);
	const uint8_t *header = decode_at(c);
	if (header[0] >> 4 != 2)
		return LAYER_NONE;
	uint16_t bits = load_be16(header + 10);
	uint32_t bytes = ERSPAN3_BYTES;
	if (bits & 1) /* the platform-specific subheader follows */
		bytes += ERSPAN3_SUBHEADER_BYTES;
	if (!decode_has(c, bytes))
		return decode_stop_short(c, bytes);
	c->offset += bytes;
	switch (bits >> 10 & 0x1f) { /* frame type */
	case 0:
		return mirrored(c, LAYER_ETHERNET);
	case 2:
		return mirrored(c, LAYER_IP);
	default:
		return LAYER_NONE;
	}
}

/* RFC 2637 4.1: version 1 carries PPP; without a sequence number it is a mere acknowledgment. */
static enum decode_layer
decode_gre_pptp(struct decode_cursor *c, uint16_t flags, uint16_t protocol)
{
	if (protocol != GRE_PROTOCOL_PPP || !(flags & GRE_KEY) || !(flags & GRE_SEQUENCE))
		return LAYER_NONE;
	uint32_t bytes = 12 + (flags & GRE_ACK ? 4 : 0);
	if (!decode_has(c, bytes))
		return decode_stop_short(c, bytes);
	uint16_t payload_len = load_be16(decode_at(c) + 4);
	c->offset += bytes;
	if (!decode_limit(c, payload_len))
		return decode_stop(c, DECODE_MALFORMED);
	return LAYER_PPP;
}

enum decode_layer
decode_gre(struct decode_cursor *c)
{
	if (!decode_has(c, 4))
		return decode_stop_short(c, 4);
	uint16_t flags = load_be16(decode_at(c));
	uint16_t protocol = load_be16(decode_at(c) + 2);
	if ((flags & GRE_VERSION) == 1)
		return decode_gre_pptp(c, flags, protocol);
	if (flags & GRE_VERSION || flags & GRE_ROUTING)
		return LAYER_NONE;
	/* Each of the optional fields takes four bytes. */
	uint32_t bytes = 4;
	bytes += flags & GRE_CHECKSUM ? 4 : 0;
	bytes += flags & GRE_KEY ? 4 : 0;
	bytes += flags & GRE_SEQUENCE ? 4 : 0;
	if (!decode_has(c, bytes))
		return decode_stop_short(c, bytes);
	c->offset += bytes;
	if (protocol == GRE_PROTOCOL_ERSPAN2)
		return decode_erspan2(c, flags & GRE_SEQUENCE);
	if (protocol == GRE_PROTOCOL_ERSPAN3)
		return decode_erspan3(c);
	return protocol < 0x600 ? LAYER_NONE : decode_layer_of_ethertype(protocol);
}

/* RFC 7348 5; only the I flag is checked, as other bits became extensions. */
static enum decode_layer
decode_vxlan(struct decode_cursor *c)
{
	if (!decode_has(c, VXLAN_BYTES))
		return decode_stop_short(c, VXLAN_BYTES);
	if (!(decode_at(c)[0] & 0x08))
		return LAYER_NONE;
	c->offset += VXLAN_BYTES;
	return LAYER_ETHERNET;
}

/* RFC 8926 3.4 */
static enum decode_layer
decode_geneve(struct decode_cursor *c)
{
	if (!decode_has(c, GENEVE_BYTES))
		return decode_stop_short(c, GENEVE_BYTES);
	const uint8_t *header = decode_at(c);
	uint16_t protocol = load_be16(header + 2);
	if (header[0] >> 6 != 0 || header[1] & 0x80) /* version; O: a control packet */
		return LAYER_NONE;
	uint32_t bytes = GENEVE_BYTES + (header[0] & 0x3fu) * 4;
	if (!decode_has(c, bytes))
		return decode_stop_short(c, bytes);
	c->offset += bytes;
	return protocol < 0x600 ? LAYER_NONE : decode_layer_of_ethertype(protocol);
}

/* 3GPP TS 29.281 5.2: length in units of four bytes, the next kind in the last byte. */
static enum decode_layer
decode_gtpu_extensions(struct decode_cursor *c, uint8_t next)
{
	for (unsigned i = 0; next != 0; i++) {
		if (i == GTPU_EXTENSIONS_MAX)
			return decode_stop(c, DECODE_TOO_DEEP);
		if (!decode_has(c, 4))
			return decode_stop_short(c, 4);
		uint32_t bytes = decode_at(c)[0] * 4u;
		if (bytes == 0)
			return decode_stop(c, DECODE_MALFORMED);
		if (!decode_has(c, bytes))
			return decode_stop_short(c, bytes);
		next = decode_at(c)[bytes - 1];
		c->offset += bytes;
	}
	return LAYER_IP;
}

/* 3GPP TS 29.281 5.1 */
static enum decode_layer
decode_gtpu(struct decode_cursor *c)
{
	if (!decode_has(c, GTPU_BYTES))
		return decode_stop_short(c, GTPU_BYTES);
	const uint8_t *header = decode_at(c);
	uint8_t flags = header[0];
	if (flags >> 4 != 3 || header[1] != 255) /* version 1, GTP rather than GTP'; T-PDU */
		return LAYER_NONE;
	uint16_t payload_len = load_be16(header + 2);
	c->offset += GTPU_BYTES;
	if (!decode_limit(c, payload_len))
		return decode_stop(c, DECODE_MALFORMED);
	if (!(flags & 7)) /* E, S, PN: any of them brings all of the optional fields */
		return LAYER_IP;
	if (!decode_has(c, 4))
		return decode_stop_short(c, 4);
	uint8_t next = flags & 4 ? decode_at(c)[3] : 0;
	c->offset += 4;
	return decode_gtpu_extensions(c, next);
}

enum decode_layer
decode_udp_tunnel(struct decode_cursor *c, uint16_t dst_port)
{
	c->guessed = true;
	if (!decode_has(c, UDP_BYTES))
		return decode_stop_short(c, UDP_BYTES);
	uint16_t udp_len = load_be16(decode_at(c) + 4);
	/* 0: a super-segment that the sender's NIC will cut (RFC 2675 4 for jumbograms). */
	if (udp_len != 0 && (udp_len < UDP_BYTES || !decode_limit(c, udp_len)))
		return LAYER_NONE;
	c->offset += UDP_BYTES;
	switch (dst_port) {
	case DECODE_PORT_GTPU:
		return decode_gtpu(c);
	case DECODE_PORT_VXLAN:
	case DECODE_PORT_VXLAN_LINUX:
		return decode_vxlan(c);
	case DECODE_PORT_GENEVE:
		return decode_geneve(c);
	case DECODE_PORT_MPLS:
		return LAYER_MPLS;
	default:
		return LAYER_NONE;
	}
}
