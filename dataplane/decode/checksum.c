/*
 * Whether a segment would be accepted by the peer it is addressed to
 * (RFC 1071; RFC 9293 3.1; RFC 8200 8.1).
 *
 * Sums are taken over words as the machine loads them: the ones' complement
 * sum does not depend on the byte order (RFC 1071 2B), only what is put in by
 * value has to be swapped. A span that starts at an odd place of the segment is
 * summed on its own and swapped (RFC 1071 2B again).
 */
#include <string.h>

#include "base/bytes.h"
#include "base/vector.h"
#include "dataplane/decode/decode.h"
#include "dataplane/decode/layer.h"

static uint16_t
fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/*
 * Not folded. The two 32-bit halves of each word are added in their own 64-bit
 * sums: no carry to look after for 16 GiB, so the loop vectorises.
 */
static inline uint64_t
sum_bytes(const uint8_t *p, size_t len)
{
	uint64_t low = 0;
	uint64_t high = 0;
	size_t words = len / 8;

	for (size_t i = 0; i < words; i++) {
		uint64_t word = load_le64(p + i * 8);
		low += word & 0xffffffff;
		high += word >> 32;
	}
	if (len % 8) {
		uint64_t last = 0;
		memcpy(&last, p + words * 8, len % 8);
		low += last & 0xffffffff;
		high += last >> 32;
	}
	return low + high;
}

/* The same for a payload, in the widest vectors that pay. Elsewhere the call costs more. */
VECTOR_CLONES
static uint64_t
sum_long(const uint8_t *p, size_t len)
{
	return sum_bytes(p, len);
}

/* The payload in all its spans; false when bytes are missing. */
static bool
sum_payload(const struct decode_packet *packet, const uint8_t *data, const struct span *more,
	unsigned more_count, uint64_t *sum)
{
	uint32_t left = packet->payload_wire_len - packet->payload_len;
	bool odd = packet->payload_len & 1;

	*sum = sum_long(data + packet->payload_offset, packet->payload_len);
	for (unsigned i = 0; i < more_count && left > 0; i++) {
		uint32_t len = more[i].len < left ? (uint32_t)more[i].len : left;
		uint16_t part = fold(sum_long(more[i].data, len));
		*sum += odd ? __builtin_bswap16(part) : part;
		odd ^= len & 1;
		left -= len;
	}
	return left == 0;
}

static uint64_t
sum_addresses(const struct decode_packet *packet)
{
	if (packet->is_v6)
		return sum_bytes(packet->src.bytes, 16) + sum_bytes(packet->dst.bytes, 16);
	return sum_bytes(packet->src.bytes + 12, 4) + sum_bytes(packet->dst.bytes + 12, 4);
}

/*
 * An offloading stack leaves the pseudo-header's sum for the NIC to go on
 * from; with segmentation left to the NIC as well, some leave its length out.
 */
static bool
is_partial(uint16_t field, uint64_t addresses_protocol, uint64_t len)
{
	return field == fold(addresses_protocol + len) || field == fold(addresses_protocol);
}

enum decode_checksum
decode_verify(const struct decode_packet *packet, const uint8_t *data, const struct span *more,
	unsigned more_count)
{
	const uint8_t *ip = data + packet->l3_offset;
	const uint8_t *tcp = data + packet->l4_offset;
	uint32_t header_len = packet->payload_offset - packet->l4_offset;
	uint32_t tcp_len = header_len + packet->payload_wire_len;
	uint64_t payload;
	uint16_t ip_sum = 0xffff;
	uint16_t ip_field = 0xffff;
	uint16_t field;

	if (!packet->is_v6) {
		ip_sum = fold(sum_bytes(ip, (ip[0] & 0xf) * 4u));
		memcpy(&ip_field, ip + 10, sizeof(ip_field));
	}
	/* A field of zero may just mean that the NIC was to fill it in. */
	if (ip_sum != 0xffff && ip_field != 0)
		return DECODE_CHECKSUM_BAD;
	if (!sum_payload(packet, data, more, more_count, &payload))
		return DECODE_CHECKSUM_UNKNOWN;

	uint64_t pseudo = sum_addresses(packet) + __builtin_bswap32(IPPROTO_NUM_TCP);
	uint64_t len = __builtin_bswap32(tcp_len);
	uint64_t segment = sum_bytes(tcp, header_len) + payload;
	memcpy(&field, tcp + 16, sizeof(field));
	if (fold(pseudo + len + segment) == 0xffff)
		return ip_sum == 0xffff ? DECODE_CHECKSUM_GOOD : DECODE_CHECKSUM_BAD;
	return is_partial(field, pseudo, len) ? DECODE_CHECKSUM_PARTIAL : DECODE_CHECKSUM_BAD;
}
