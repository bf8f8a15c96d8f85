/* IPv6 and the headers that may stand between an IP header and its payload. */
#include <string.h>

#include "base/bytes.h"
#include "dataplane/decode/layer.h"

#define IPV6_BYTES 40
#define FRAGMENT_BYTES 8

/* More than RFC 8200 4.1 has kinds of, each of which should occur once. */
#define EXTENSIONS_MAX 10

/* Bytes of the extension header of kind next that stands at header. */
static uint32_t
extension_bytes(uint8_t next, const uint8_t *header)
{
	if (next == IPPROTO_NUM_FRAGMENT)
		return FRAGMENT_BYTES;
	if (next == IPPROTO_NUM_AH) /* RFC 4302 2.2 */
		return ((uint32_t)header[1] + 2) * 4;
	return ((uint32_t)header[1] + 1) * 8; /* RFC 8200 4.3, 4.4, 4.6 */
}

/*
 * While segments are left, the destination of the session (and of the
 * checksum, RFC 8200 8.1) is the last one of the route.
 */
static void
take_final_destination(struct decode_cursor *c, const uint8_t *routing, uint32_t bytes)
{
	const uint8_t *last;

	if (routing[3] == 0 || bytes < 8 + 16)
		return;
	switch (routing[2]) {
	case 0: /* RFC 5095 deprecates it; hosts ignore it */
	case 2: /* RFC 6275 6.4 */
		last = routing + bytes - 16;
		break;
	case 4: /* RFC 8754 2: the list is in reverse */
		last = routing + 8;
		break;
	default:
		return;
	}
	memcpy(c->out->dst.bytes, last, 16);
}

enum decode_layer
decode_extensions(struct decode_cursor *c, uint8_t next)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		switch (next) {
		case IPPROTO_NUM_AH:
			break;
		case IPPROTO_NUM_HOPOPTS:
		case IPPROTO_NUM_ROUTING:
		case IPPROTO_NUM_FRAGMENT:
		case IPPROTO_NUM_DSTOPTS:
		case IPPROTO_NUM_MOBILITY:
		case IPPROTO_NUM_HIP:
		case IPPROTO_NUM_SHIM6:
			if (c->out->is_v6)
				break;
			return LAYER_NONE;
		default:
			return decode_ip_payload(c, next);
		}
		if (!decode_has(c, 8))
			return decode_stop_short(c, 8);
		const uint8_t *header = decode_at(c);
		uint32_t bytes = extension_bytes(next, header);
		if (!decode_has(c, bytes))
			return decode_stop_short(c, bytes);
		/* Offset or more-fragments; an atomic fragment (RFC 6946) has neither. */
		if (next == IPPROTO_NUM_FRAGMENT && load_be16(header + 2) & 0xfff9) {
			c->out->frag_ext_offset = c->offset;
			return decode_stop(c, DECODE_FRAGMENT);
		}
		if (next == IPPROTO_NUM_ROUTING)
			take_final_destination(c, header, bytes);
		next = header[0];
		c->offset += bytes;
	}
	return decode_stop(c, DECODE_TOO_DEEP);
}

enum decode_layer
decode_ipv6(struct decode_cursor *c)
{
	struct decode_packet *out = c->out;
	const uint8_t *ip = decode_at(c);

	if (!decode_has(c, IPV6_BYTES))
		return decode_stop_short(c, IPV6_BYTES);
	if (ip[0] >> 4 != 6)
		return decode_stop(c, DECODE_MALFORMED);
	uint32_t total_len = load_be16(ip + 4) + IPV6_BYTES;
	/* RFC 2675 3: a jumbogram; in practice a super-segment of the sender's. */
	if (total_len == IPV6_BYTES)
		total_len = c->end - c->offset;
	if (!decode_limit(c, total_len))
		return decode_stop(c, DECODE_MALFORMED);
	out->has_ip = true;
	out->is_v6 = true;
	out->l3_offset = c->offset;
	out->l3_len = total_len;
	memcpy(out->src.bytes, ip + 8, 16);
	memcpy(out->dst.bytes, ip + 24, 16);
	out->hops = ip[7];
	uint8_t next = ip[6];
	c->offset += IPV6_BYTES;
	return decode_extensions(c, next);
}
