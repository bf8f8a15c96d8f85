/*
 * churn: a million sessions open at once, each of 20 packets: at 2 M packets/s
 * 100,000 end and 100,000 begin a second. No two packets in a row are of one session,
 * and a session's packets are a million apart: nothing of it is in a cache.
 */
#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

#define OPEN (1u << 20)
/* Of sessions that were asked for by number: closed ones linger for five seconds, 20 packets after
   they began. At this time from packet to packet those are a tenth of the open ones. With few
   sessions a chunk would take longer than a half-open session may be silent: those are a trial, at
   the pace of all other scenarios. */
#define PACED 1000u
#define PACKET_NS(open) (2500000000u / (open))

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	return traffic_crowd_next(state, frame, tally);
}

static int
run(const struct bench_options *options)
{
	static struct traffic_script script;
	struct traffic_crowd crowd = {
		.script = &script,
		.concurrency = options->sessions ? options->sessions : OPEN,
		.sources = 1 << 20,
		.network = 0x0a000000, /* 10.0.0.0 */
	};
	struct bench_mix mix = {
		.scenario = "churn",
		.next = next,
		.state = &crowd,
		.state_bytes = sizeof(crowd),
		.scripts = {{&script, 1.0}},
	};

	traffic_script_guess(&script);
	mix.open = crowd.concurrency;
	mix.packet_ns = options->sessions >= PACED ? PACKET_NS(options->sessions) : 0;
	mix.warm_up_packets = (uint64_t)crowd.concurrency * script.steps_count / 2;
	return bench_run_mix(options, &mix);
}

const struct bench_scenario bench_churn = {
	"churn", "1 M sessions open at once, 100 k new ones a second at 2 M packets/s", run};
