/*
 * The first byte picks the link type, the rest is the frame. A decoded mail
 * segment must lie inside the frame, and verifying it must not read past it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct decode_config config;
	struct decode_packet p;

	if (len == 0)
		return 0;
	enum decode_link link = data[0] % DECODE_LINK_COUNT;
	const uint8_t *frame = data + 1;
	uint32_t frame_len = (uint32_t)(len - 1);

	decode_config_add_port(&config, 25);
	enum decode_verdict verdict = decode_packet(&config, link, frame, frame_len, &p);
	const uint8_t *const frames[8] = {frame};
	const uint32_t lens[8] = {frame_len};
	if (link == DECODE_LINK_ETHERNET && decode_plain_others(&config, frames, lens, 1) != 0)
		require(verdict == DECODE_OTHER);
	if (p.has_ip)
		require(p.l3_offset < frame_len);
	if (verdict == DECODE_FRAGMENT)
		require(p.has_ip && (!p.is_v6 || p.frag_ext_offset > p.l3_offset));
	if (verdict != DECODE_MAIL)
		return 0;
	require(p.l3_offset < p.l4_offset && p.l4_offset + 20 <= p.payload_offset);
	require(p.payload_offset + p.payload_len <= frame_len);
	require(p.payload_len <= p.payload_wire_len);
	require(p.payload_offset + p.payload_wire_len == p.l3_offset + p.l3_len);
	/* The second half of the payload as a chained buffer must sum to the same. */
	enum decode_checksum whole = decode_verify(&p, frame, NULL, 0);
	struct decode_packet head = p;
	head.payload_len = p.payload_len / 2;
	struct span more = {
		frame + head.payload_offset + head.payload_len, p.payload_len - head.payload_len};
	require(decode_verify(&head, frame, &more, 1) == whole);
	return 0;
}
