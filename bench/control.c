/*
 * control: AUTH events through engine_event, on one core, without ring and
 * export. Three mixtures, one line each:
 *   crowd   a million sources, one or two attempts each, room for all of them
 *   flood   the same into the default tables: nearly each event evicts
 *   attack  256 sources that never stop: each event grows an open finding
 */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "config/config.h"
#include "control/engine/engine.h"

#define SOURCES (1u << 20)
#define BATCH 4096u

struct mixture {
	const char *name;
	uint32_t sources;
	uint32_t accounts;
	bool roomy; /* tables as large as the crowd */
};

static const struct mixture mixtures[] = {
	{"crowd", SOURCES, 65536, true},
	{"flood", SOURCES, 65536, false},
	{"attack", 256, 64, false},
};

#define MIXTURES (sizeof(mixtures) / sizeof(mixtures[0]))

struct feed {
	struct engine *engine;
	const struct mixture *mixture;
	struct event *batch; /* BATCH events, made outside the measured time */
	uint64_t made;
	uint64_t random;
};

static uint64_t
draw(struct feed *feed)
{
	feed->random = feed->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return feed->random >> 24;
}

static void
make_event(struct feed *feed, struct event *event)
{
	uint32_t source = (uint32_t)(draw(feed) % feed->mixture->sources) + (10u << 24);
	uint32_t account = (uint32_t)(draw(feed) % feed->mixture->accounts);
	const uint8_t client[4] = {
		source >> 24, source >> 16 & 255, source >> 8 & 255, source & 255};
	const uint8_t server[4] = {203, 0, 113, 25};
	uint64_t clock_ns = 1760000000 * NS_PER_S + feed->made * NS_PER_US;

	memset(event, 0, sizeof(*event));
	event->head.type = EVENT_AUTH;
	event->head.version = EVENT_VERSION;
	event->head.clock_ns = event->head.time_ns = clock_ns;
	event->head.order = event->head.flow.flow_id = ++feed->made;
	event->head.flow.client = addr_from_v4(client);
	event->head.flow.server = addr_from_v4(server);
	event->auth.outcome = OUTCOME_FAILURE;
	event->auth.flags = AUTH_USERNAME_KNOWN | AUTH_PASSWORD_KNOWN;
	event->auth.password_fp = draw(feed);
	event->auth.username_len = 8;
	memcpy(event->text, "user", 4);
	for (unsigned i = 4; i < 8; i++, account /= 26)
		event->text[i] = (char)('a' + account % 26);
}

/* Nanoseconds that the engine took for one batch. */
static uint64_t
run_batch(struct feed *feed)
{
	uint64_t start_ns;

	for (unsigned i = 0; i < BATCH; i++)
		make_event(feed, &feed->batch[i]);
	start_ns = bench_now_ns();
	for (unsigned i = 0; i < BATCH; i++)
		engine_event(feed->engine, &feed->batch[i]);
	return bench_now_ns() - start_ns;
}

static int
report(const struct bench_options *options, const struct feed *feed, uint64_t events, double *ns)
{
	struct bench_line *line = bench_line_open(options, "control");
	double rate[BENCH_REPEATS_MAX];
	struct engine_totals totals;

	engine_totals(feed->engine, &totals);
	for (unsigned i = 0; i < options->repeats; i++)
		rate[i] = 1e3 / ns[i];
	bench_line_text(line, "mixture", feed->mixture->name);
	bench_line_count(line, "events", events);
	bench_line_count(line, "incidents", totals.findings);
	bench_line_count(line, "evicted_sources", totals.evicted_sources);
	bench_line_samples(line, "mevents_per_s", rate, options->repeats);
	bench_line_samples(line, "ns_per_event", ns, options->repeats);
	return bench_line_print(line);
}

static int
measure(const struct bench_options *options, struct feed *feed)
{
	uint64_t part_ns =
		(uint64_t)(options->seconds * 1e9 / (double)(MIXTURES * options->repeats));
	double samples[BENCH_REPEATS_MAX];
	uint64_t events = 0;

	/* Tables filled first: a crowd that is still arriving costs less to find. */
	if (options->packets == 0)
		for (uint64_t warm = 0; warm < 2ULL * feed->mixture->sources; warm += BATCH)
			run_batch(feed);
	for (unsigned i = 0; i < options->repeats; i++) {
		uint64_t took_ns = 0;
		uint64_t n = 0;

		do {
			took_ns += run_batch(feed);
			n += BATCH;
		} while (options->packets > 0 ? n < options->packets : took_ns < part_ns);
		samples[i] = (double)took_ns / (double)n;
		events += n;
	}
	return report(options, feed, events, samples);
}

static int
run_mixture(const struct bench_options *options, const struct mixture *mixture)
{
	const struct engine_sink sink = {0};
	struct feed feed = {.mixture = mixture, .random = 1};
	struct config config;
	int rc = -1;

	config_defaults(&config);
	if (mixture->roomy) {
		config.aggr_sources = 2ULL * SOURCES;
		config.aggr_pairs = 16ULL * SOURCES;
	}
	feed.engine = engine_open(&config, &sink);
	feed.batch = malloc(BATCH * sizeof(*feed.batch));
	if (feed.engine != NULL && feed.batch != NULL)
		rc = measure(options, &feed);
	free(feed.batch);
	engine_close(feed.engine);
	return rc;
}

static int
run(const struct bench_options *options)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < MIXTURES; i++)
		rc = run_mixture(options, &mixtures[i]);
	return rc;
}

const struct bench_scenario bench_control = {
	.name = "control",
	.help = "AUTH events to counters and incidents",
	.run = run,
};
