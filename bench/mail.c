/* mail: deliveries of bulk bodies, 400 KiB each. */
#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

#define BODY_SEGMENTS 280

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
		.concurrency = options->sessions ? options->sessions : 512,
		.sources = 1 << 12,
		.network = 0x0b000000, /* 11.0.0.0 */
	};
	struct bench_mix mix = {
		.scenario = "mail",
		.next = next,
		.state = &crowd,
		.state_bytes = sizeof(crowd),
		.scripts = {{&script, 1.0}},
	};

	traffic_script_delivery(&script, BODY_SEGMENTS);
	mix.warm_up_packets = (uint64_t)crowd.concurrency * script.steps_count / 2;
	return bench_run_mix(options, &mix);
}

const struct bench_scenario bench_mail = {
	"mail", "deliveries of 400 KiB bodies, 512 sessions at once", run};
