/*
 * A session from bytes. The first byte is options; then records: a byte of what
 * (side, gap, time), two bytes of length, that many bytes (no bytes for a gap or a
 * time). What remains at the end is said by the client.
 *
 * Each input is run twice, once as it is cut and once byte by byte: the events must
 * be the same, each valid, and every block given back.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/span.h"
#include "dataplane/smtp/smtp.h"

#define EVENTS_MAX 600u
#define BLOCKS 6u
#define OPTION_MIDSTREAM 1u
#define OPTION_PROXY 2u
#define OPTION_NO_BLOCKS 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct run {
	struct event events[EVENTS_MAX + 1];
	size_t count;
	struct event closing;
};

static void
complain(const char *what)
{
	if (write(2, what, strlen(what)) < 0)
		abort();
	abort();
}

static void
say(struct smtp_ctx *ctx, struct smtp_session *s, enum smtp_side side, struct span bytes,
	uint64_t now, bool single)
{
	if (!single) {
		/* Its own memory, so that a read past the end is found. */
		uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
		memcpy(copy, bytes.data, bytes.len);
		smtp_input(ctx, s, side, copy, bytes.len, now);
		free(copy);
		return;
	}
	for (size_t i = 0; i < bytes.len; i++)
		smtp_input(ctx, s, side, bytes.data + i, 1, now);
}

static void
replay(const uint8_t *data, size_t len, struct run *run, bool single)
{
	static uint8_t memory[64 * SMTP_BLOCK_BYTES] __attribute__((aligned(64)));
	struct counters counters = {{0}};
	struct emit emit = {.array = run->events, .array_cap = EVENTS_MAX, .counters = &counters};
	struct event_flow flow = {.flow_id = 1};
	struct blocks blocks;
	struct smtp_session session;
	uint64_t now = 1700000000ULL * 1000000000ULL;
	uint8_t options = data[0];

	blocks_init(&blocks, memory, options & OPTION_NO_BLOCKS ? 1 : BLOCKS, SMTP_BLOCK_BYTES);
	struct smtp_ctx ctx = {.emit = &emit,
		.blocks = &blocks,
		.counters = &counters,
		.password_key = {{1, 2}},
		.proxy_protocol = options & OPTION_PROXY,
		.flow = &flow};
	smtp_open(&ctx, &session, !(options & OPTION_MIDSTREAM));
	data++, len--;
	while (len >= 3) {
		uint8_t what = data[0];
		size_t n = load_be16(data + 1);
		enum smtp_side side = what & 1 ? SMTP_SERVER : SMTP_CLIENT;
		data += 3, len -= 3;
		if (what & 2) {
			smtp_gap(&ctx, &session, side, n + 1, now);
		} else if (what & 4) {
			now += n * 1000000000ULL;
		} else {
			n = n < len ? n : len;
			say(&ctx, &session, side, (struct span){data, n}, now, single);
			data += n, len -= n;
		}
	}
	memset(&run->closing, 0, sizeof(run->closing));
	smtp_close(&ctx, &session, now, &run->closing);
	run->count = emit.array_len;
	if (blocks.in_use != 0)
		complain("a block was not given back\n");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct run whole, single;

	if (len < 1 || len > 65536)
		return 0;
	replay(data, len, &whole, false);
	replay(data, len, &single, true);
	for (size_t i = 0; i < whole.count; i++)
		if (!event_valid(&whole.events[i]))
			complain("an event is not valid\n");
	/* With too few blocks, what is lost depends on the cutting, and may. */
	if (data[0] & OPTION_NO_BLOCKS)
		return 0;
	if (whole.count != single.count ||
		memcmp(whole.events, single.events, whole.count * sizeof(whole.events[0])) != 0 ||
		memcmp(&whole.closing, &single.closing, sizeof(whole.closing)) != 0)
		complain("the cutting changes the events\n");
	return 0;
}
