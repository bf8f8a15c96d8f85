/* core: one worker of the dataplane over the rig, and what it is given to do. */
#ifndef SMTAP_BENCH_CORE_H
#define SMTAP_BENCH_CORE_H

#include "dataplane/io/worker.h"

#include "bench/rig.h"
#include "bench/run.h"

struct core {
	const struct bench_options *options;
	const struct bench_mix *mix;
	struct decode_config decode;
	struct queue queue;
	struct run_control run;
	struct worker worker;
	struct ring_reader reader;                   /* in the place of control */
	const struct rte_eth_rxtx_callback *stamper; /* of a port whose driver takes mbufs */
	void *memory;
	size_t memory_bytes;
	uint64_t clock_ns;
	uint64_t packet_ns; /* by which the clock goes on with each packet */
	uint64_t order;
	uint64_t events;
	struct stages stages;       /* of the last drain by the worker, when they are asked for */
	uint64_t failed;            /* AUTH events that tell of a failed login */
	uint64_t failures;          /* AUTH events among them with all that the scenarios put in */
	struct traffic_tally tally; /* of what the worker was given */
};

/* core: zeroed. 0, or -1 after one line on stderr. Close it in both cases. */
int core_open(struct core *core, struct match_set *patterns);
void core_close(struct core *core);

/*
 * Write the next n <= RIG_CHUNK packets of the mix and hand them to the port.
 * Their bytes; 0 when there was no room.
 */
uint64_t core_fill(struct core *core, unsigned n, struct traffic_tally *tally);

/* Receive, touch and free what is there; the worker's path over it. TSC cycles. */
uint64_t core_drain_floor(const struct core *core);
uint64_t core_drain_worker(struct core *core);

/* What control does on another core; core_drain_worker does it too. */
void core_read_events(struct core *core);

const struct counters *core_counters(const struct core *core);

/*
 * Whether the counters are what the packets amount to. 0, or -1 after a line on
 * stderr for each that is not.
 */
int core_check(const struct core *core);

#endif
