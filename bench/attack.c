/* attack: nothing but AUTH guessing, three guesses a session, from a million sources. */
#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	return traffic_crowd_next(state, frame, tally);
}

static int
run(const struct bench_options *options)
{
	static _Thread_local struct traffic_script script;
	struct traffic_crowd crowd = {
		.script = &script,
		.concurrency = options->sessions ? options->sessions : 65536,
		.sources = 1 << 20,
		.network = 0x0a000000, /* 10.0.0.0 */
	};
	struct bench_mix mix = {
		.scenario = "attack",
		.next = next,
		.state = &crowd,
		.state_bytes = sizeof(crowd),
		.scripts = {{&script, 1.0}},
	};

	traffic_script_guessing(&script);
	/* Until every slot is in its first session. */
	mix.warm_up_packets = (uint64_t)crowd.concurrency * script.steps_count / 2;
	return bench_run_mix(options, &mix);
}

const struct bench_scenario bench_attack = {
	"attack", "nothing but AUTH LOGIN guessing, 65,536 sessions at once, 1 M sources", run};
