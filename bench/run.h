/*
 * run: play a mix of packets through the worker's path and through the floor,
 * turn by turn, check that the work was done, report.
 */
#ifndef SMTAP_BENCH_RUN_H
#define SMTAP_BENCH_RUN_H

#include "bench/bench.h"
#include "bench/traffic.h"

#define BENCH_SCRIPTS_MAX 2

struct bench_mix {
	const char *scenario;
	/* Write the next packet; its length. state is state_bytes of plain data. */
	uint32_t (*next)(void *state, uint8_t *frame, struct traffic_tally *tally);
	void *state;
	size_t state_bytes;
	uint64_t warm_up_packets; /* not measured */
	struct {
		const struct traffic_script *script;
		double share; /* of all packets */
	} scripts[BENCH_SCRIPTS_MAX];
};

/* 0, or -1 after one line on stderr: also when the counters are not as they must be. */
int bench_run_mix(const struct bench_options *options, const struct bench_mix *mix);

#endif
