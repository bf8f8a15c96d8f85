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

/* The carry out of 64 bits counts as 1, as it does out of 16. */
static inline uint64_t
sum_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

static inline uint16_t
fold(uint64_t sum)
{
	uint32_t half;
	uint16_t quarter;
	bool carry = __builtin_add_overflow((uint32_t)sum, (uint32_t)(sum >> 32), &half);

	half += carry;
	carry = __builtin_add_overflow((uint16_t)half, (uint16_t)(half >> 16), &quarter);
	return (uint16_t)(quarter + carry);
}

/* Is a sum that is not 0 one of all ones once it is folded? */
static inline bool
sum_is_right(uint64_t sum)
{
	return sum % 0xffff == 0;
}

/* Fewer bytes are summed word by word: vectors would take longer to set up. */
#define SUM_LONG_BYTES 128

/*
 * Not folded: less than 2^33 for each 8 bytes. The two 32-bit halves of each word are
 * added in their own sums: no carry to look after for 16 GiB, so the loop vectorises. What
 * is left of the sum of the words when 2^32 times that of their upper halves is taken off
 * is the sum of the lower ones, whatever ran over.
 */
static inline uint64_t
sum_words(const uint8_t *p, size_t words)
{
	uint64_t all = 0;
	uint64_t high = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < words; i++) {
		uint64_t word = load_le64(p + i * 8);
		all += word;
		high += word >> 32;
	}
	return all - (high << 32) + high;
}

VECTOR_CLONES
static uint64_t
sum_many_words(const uint8_t *p, size_t words)
{
	return sum_words(p, words);
}

/* The last 1 to 7 bytes of len, as if zeros followed. */
static inline uint64_t
sum_rest(const uint8_t *p, size_t len)
{
	uint64_t word = 0;

	if (len >= 8)
		word = load_le64(p + len - 8) >> (64 - len % 8 * 8);
	else
		for (size_t i = len; i > 0; i--)
			word = word << 8 | p[i - 1];
	return word;
}

static inline uint64_t
sum_bytes(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	if (len >= SUM_LONG_BYTES) {
		sum = sum_many_words(p, len / 8);
	} else {
		for (size_t i = 0; i + 8 <= len; i += 8)
			sum = sum_add(sum, load_le64(p + i));
	}
	return len % 8 ? sum_add(sum, sum_rest(p, len)) : sum;
}

/* The segment in all its spans; false when bytes are missing. */
static inline bool
sum_segment(const struct decode_packet *packet, const uint8_t *data, const struct span *more,
	unsigned more_count, uint64_t *sum)
{
	uint32_t first = packet->payload_offset - packet->l4_offset + packet->payload_len;
	uint32_t left = packet->payload_wire_len - packet->payload_len;
	bool odd = first & 1;

	*sum = sum_bytes(data + packet->l4_offset, first);
	for (unsigned i = 0; i < more_count && left > 0; i++) {
		uint32_t len = more[i].len < left ? (uint32_t)more[i].len : left;
		uint16_t part = fold(sum_bytes(more[i].data, len));
		*sum = sum_add(*sum, odd ? __builtin_bswap16(part) : part);
		odd ^= len & 1;
		left -= len;
	}
	return left == 0;
}

static inline uint64_t
sum_addresses(const struct decode_packet *packet)
{
	if (packet->is_v6)
		return sum_words(packet->src.bytes, 2) + sum_words(packet->dst.bytes, 2);
	return (uint64_t)load_le32(packet->src.bytes + 12) + load_le32(packet->dst.bytes + 12);
}

static inline uint64_t
sum_ipv4_header(const uint8_t *ip)
{
	uint64_t sum = sum_add(load_le64(ip), load_le64(ip + 8));

	sum = sum_add(sum, load_le32(ip + 16));

	for (unsigned i = 5; i < (ip[0] & 0xfu); i++)
		sum = sum_add(sum, load_le32(ip + i * 4));
	return sum;
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
	uint32_t tcp_len = packet->payload_offset - packet->l4_offset + packet->payload_wire_len;
	uint64_t segment;
	bool ip_right = true;
	uint16_t ip_field = 0xffff;
	uint16_t field;

	if (!packet->is_v6) {
		ip_right = sum_is_right(sum_ipv4_header(ip));
		memcpy(&ip_field, ip + 10, sizeof(ip_field));
	}
	/* A field of zero may just mean that the NIC was to fill it in. */
	if (!ip_right && ip_field != 0)
		return DECODE_CHECKSUM_BAD;
	if (!sum_segment(packet, data, more, more_count, &segment))
		return DECODE_CHECKSUM_UNKNOWN;

	uint64_t pseudo = sum_addresses(packet) + __builtin_bswap32(IPPROTO_NUM_TCP);
	uint64_t len = __builtin_bswap32(tcp_len);
	memcpy(&field, tcp + 16, sizeof(field));
	if (sum_is_right(sum_add(pseudo + len, segment)))
		return ip_right ? DECODE_CHECKSUM_GOOD : DECODE_CHECKSUM_BAD;
	return is_partial(field, pseudo, len) ? DECODE_CHECKSUM_PARTIAL : DECODE_CHECKSUM_BAD;
}
