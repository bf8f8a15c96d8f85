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
#include "dataplane/smtp/smtp.h"

#define EVENTS_MAX 600u
#define PAGES 64
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

/* What one call of the session under test needs. */
struct talk {
	struct smtp_ctx ctx;
	struct smtp_session session;
	uint64_t now_ns;
	bool single; /* byte by byte */
};

static void
say(struct talk *t, enum smtp_side side, const uint8_t *data, size_t len)
{
	if (!t->single) {
		/* Its own memory, so that a read past the end is found. */
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, data, len);
		smtp_input(&t->ctx, &t->session, side, copy, len, t->now_ns);
		free(copy);
		return;
	}
	for (size_t i = 0; i < len; i++)
		smtp_input(&t->ctx, &t->session, side, data + i, 1, t->now_ns);
}

static void
replay(const uint8_t *data, size_t len, struct run *run, bool single)
{
	static uint8_t memory[65 * SLABS_PAGE_BYTES] __attribute__((aligned(64)));
	struct counters counters = {{0}};
	struct emit emit = {.array = run->events, .array_cap = EVENTS_MAX, .counters = &counters};
	struct event_flow flow = {.flow_id = 1};
	struct slabs slabs;
	struct talk t = {.now_ns = 1700000000ULL * 1000000000ULL, .single = single};
	uint8_t options = data[0];

	slabs_init(&slabs, memory, options & OPTION_NO_BLOCKS ? 1 : PAGES);
	t.ctx = (struct smtp_ctx){.emit = &emit,
		.slabs = &slabs,
		.counters = &counters,
		.password_key = {{1, 2}},
		.proxy_protocol = options & OPTION_PROXY,
		.flow = &flow};
	/* Shared names and names in the note must say the same. */
	static const struct siphash_key names_key = {{5, 6}};
	uint32_t chains[2] = {0};
	if (single)
		smtp_names_init(&t.ctx.names, chains, 2, &names_key);
	smtp_open(&t.ctx, &t.session, !(options & OPTION_MIDSTREAM));
	data++, len--;
	while (len >= 3) {
		uint8_t what = data[0];
		size_t n = load_be16(data + 1);
		enum smtp_side side = what & 1 ? SMTP_SERVER : SMTP_CLIENT;
		data += 3, len -= 3;
		if (what & 2) {
			smtp_gap(&t.ctx, &t.session, side, n + 1, t.now_ns);
		} else if (what & 4) {
			t.now_ns += n * 1000000000ULL;
		} else {
			n = n < len ? n : len;
			say(&t, side, data, n);
			data += n, len -= n;
		}
	}
	memset(&run->closing, 0, sizeof(run->closing));
	smtp_close(&t.ctx, &t.session, t.now_ns, &run->closing);
	run->count = emit.array_len;
	if (slabs.bytes_in_use != 0 || slabs.pages_in_use != 0)
		complain("a piece was not given back\n");
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
