/*
 * The input is a run of IP packets, each behind its length in two bytes. What is
 * put together must be an IP packet whose own length says the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dataplane/frag/frag.h"

#define FUZZ_PACKETS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static void
require_whole(const struct span *out)
{
	require(out->len >= 20 && out->len <= 65535);
	if (out->data[0] >> 4 == 4)
		require(load_be16(out->data + 2) == out->len);
	else
		require(load_be16(out->data + 4) + 40u == out->len);
}

static void
feed(struct frag_table *table, const struct decode_config *decode, const uint8_t *data, size_t len)
{
	uint64_t clock_ns = 1;

	while (len >= 2) {
		uint32_t n = load_be16(data);
		data += 2;
		len -= 2;
		if (n > len)
			n = (uint32_t)len;
		struct decode_packet packet;
		struct span out;
		clock_ns += 1000000000;
		if (decode_packet(decode, DECODE_LINK_IP, data, n, &packet) == DECODE_FRAGMENT &&
			frag_input(table, &packet, data, n, clock_ns, &out))
			require_whole(&out);
		data += n;
		len -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct decode_config decode;
	struct counters counters = {0};
	struct frag_config cfg;

	frag_config_defaults(&cfg);
	cfg.packets = FUZZ_PACKETS;
	void *memory = aligned_alloc(64, (frag_table_footprint(&cfg) + 63) / 64 * 64);
	require(memory != NULL);
	memset(memory, 0, frag_table_footprint(&cfg));
	struct frag_table *table = frag_table_init(memory, &cfg, &counters);
	feed(table, &decode, data, len);
	frag_end(table);
	/* Each fragment was dropped, or is part of a packet that was put together. */
	require(counter_read(&counters, COUNTER_FRAG_DROP) +
			counter_read(&counters, COUNTER_FRAG_DONE) <=
		counter_read(&counters, COUNTER_FRAG_RX));
	free(memory);
	return 0;
}
