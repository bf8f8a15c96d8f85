/*
 * worst: what costs most a packet: guessing in segments of one byte, then
 * segments full of the shortest lines, lines without end, and bytes that are nearly the end of one.
 */
#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

#define HANDSHAKE 3

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	return traffic_crowd_next(state, frame, tally);
}

static int
run_script(const struct bench_options *options, struct bench_mix *mix,
	const struct traffic_script *script)
{
	struct traffic_crowd crowd = {
		.script = script,
		.concurrency = options->sessions ? options->sessions : 4096,
		.sources = 1 << 20,
		.network = 0x0a000000, /* 10.0.0.0 */
	};

	mix->next = next;
	mix->state = &crowd;
	mix->state_bytes = sizeof(crowd);
	mix->scripts[0].script = script;
	mix->scripts[0].share = 1.0;
	mix->warm_up_packets = (uint64_t)crowd.concurrency * script->steps_count / 2;
	return bench_run_mix(options, mix);
}

static int
run(const struct bench_options *options)
{
	static struct traffic_script script;
	struct bench_mix bytes = {.scenario = "worst-bytes"};
	struct bench_mix lines = {
		.scenario = "worst-lines",
		.chunk = 256, /* else none is done before the kernel's next tick */
		/* What the lines are there for; no attempt may be missed by it. */
		.may = {COUNTER_SMTP_MALFORMED, COUNTER_SMTP_LONG_LINE, COUNTER_SMTP_QUEUE_FULL,
			COUNTER_SMTP_UNMATCHED},
	};

	traffic_script_guess(&script);
	traffic_script_crumble(&script, HANDSHAKE);
	int result = run_script(options, &bytes, &script);
	traffic_script_pathological(&script);
	return run_script(options, &lines, &script) != 0 ? -1 : result;
}

const struct bench_scenario bench_worst = {
	"worst", "guessing in segments of one byte; then lines as bad as can be", run};
