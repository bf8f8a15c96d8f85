/*
 * run: play a mix of packets through the worker's path and through the floor,
 * turn by turn, check that the work was done, report.
 */
#ifndef SMTAP_BENCH_RUN_H
#define SMTAP_BENCH_RUN_H

#include "bench/bench.h"
#include "bench/traffic.h"
#include "contract/counters.h"

#define BENCH_SCRIPTS_MAX 2
#define BENCH_MAY_MAX 8

struct bench_mix {
	const char *scenario;
	/* Write the next packet; its length. state is state_bytes of plain data. */
	uint32_t (*next)(void *state, uint8_t *frame, struct traffic_tally *tally);
	void *state;
	size_t state_bytes;
	uint64_t warm_up_packets; /* not measured */
	unsigned chunk;           /* packets timed at once, where they are slow; 0: RIG_CHUNK */
	uint64_t packet_ns;       /* from one packet to the next; 0: 500 */
	uint32_t open;            /* sessions to have room for; 0: enough for most */
	/* Counters that this traffic moves and that must stay 0 in others; the first few that
	   are not 0 (COUNTER_RX_PKTS). */
	enum counter may[BENCH_MAY_MAX];
	struct {
		const struct traffic_script *script;
		double share; /* of all packets */
	} scripts[BENCH_SCRIPTS_MAX];
};

/* 0, or -1 after one line on stderr: also when the counters are not as they must be. */
int bench_run_mix(const struct bench_options *options, const struct bench_mix *mix);

#endif
