/* synflood: 19 of 20 packets are SYNs that nothing follows; the others guess passwords. */
#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

#define GUESS_EVERY 20

struct flooded {
	uint64_t count;
	struct traffic_flood flood;
	struct traffic_crowd guesses;
};

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	struct flooded *f = state;

	if (f->count++ % GUESS_EVERY)
		return traffic_flood_next(&f->flood, frame, tally);
	return traffic_crowd_next(&f->guesses, frame, tally);
}

static int
run(const struct bench_options *options)
{
	static struct traffic_script script;
	struct flooded flooded = {
		.flood = {.network = 0x0b000000}, /* 11.0.0.0 */
		.guesses =
			{
				.script = &script,
				.concurrency = options->sessions ? options->sessions : 512,
				.sources = 1 << 20,
				.network = 0x0a000000, /* 10.0.0.0 */
			},
	};
	struct bench_mix mix = {
		.scenario = "synflood",
		.next = next,
		.state = &flooded,
		.state_bytes = sizeof(flooded),
		.scripts = {{&script, 1.0 / GUESS_EVERY}},
		/* The flood fills the table and evicts itself; guesses must all be counted. */
		.may = {COUNTER_FLOW_EVICTED_HALF_OPEN},
	};

	traffic_script_guessing(&script);
	/* Until the table is full, and every slot is in its first session. */
	mix.warm_up_packets = options->packets ? 0 : 1 << 20;
	mix.warm_up_packets +=
		(uint64_t)flooded.guesses.concurrency * script.steps_count / 2 * GUESS_EVERY;
	return bench_run_mix(options, &mix);
}

const struct bench_scenario bench_synflood = {
	"synflood", "SYNs that nothing follows, 19 of 20 packets, over guessing", run};
