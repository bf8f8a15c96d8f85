/*
 * worker: one worker lcore: polls its queue, runs each burst to completion through
 * decode and the pipeline, publishes the events.
 */
#ifndef SMTAP_DATAPLANE_IO_WORKER_H
#define SMTAP_DATAPLANE_IO_WORKER_H

#include "dataplane/io/edge.h"

#include <stdbool.h>
#include <stdint.h>

#include "contract/ring.h"
#include "dataplane/io/live.h"
#include "dataplane/io/queue.h"
#include "dataplane/pipeline/pipeline.h"

#define WORKER_BURST 64 /* packets of one receive */
/*
 * One turn goes on receiving while the queue gives full bursts, until it has so
 * many packets, or so many of mail: the pipeline looks its sessions up together.
 */
#define WORKER_TURN_MAX 1024
#define WORKER_MAIL_ENOUGH 32
#define WORKER_MAIL_MAX (WORKER_MAIL_ENOUGH - 1 + WORKER_BURST)
/* Segments of an mbuf that are looked at, after the first: what a merged packet of 64 KiB has in
   buffers of 2 KiB. What follows is counted as cut, and a gap to TCP. */
#define WORKER_SEGMENTS_MAX 32

_Static_assert(WORKER_MAIL_MAX <= PIPELINE_BURST_MAX, "a turn is one burst of the pipeline");

/* In lines of its own: the next one of an array is another core's. */
struct worker {
	_Alignas(64) struct queue *queue;
	struct live *live; /* whose ports it polls itself; NULL: its queue */
	struct run_control *run;
	const struct decode_config *decode;
	struct pipeline *pipeline;
	struct shed *shed; /* live ports; NULL: nothing is left out */
	struct ring_writer ring;
	struct emit emit;
	struct match *match;
	struct rte_rcu_qsbr *passing; /* where it says that it has been through its loop; live */
	unsigned number;              /* its own, there */
	int meta_offset;
	int done_fd;    /* eventfd, written when the worker has ended */
	bool left_open; /* the main lcore ends its ring, once the last losses are counted there */
	/* The cursor of a new control, for the worker to take; -1: none. Main lcore release ->
	   worker acquire, and back once it is taken. */
	_Atomic int cursor_fd;
	/* what it keeps */
	uint64_t watermark_ns; /* every packet before it was handled */
	uint64_t absorbed_pkts;
	uint64_t absorbed_bytes;
	/* The mail of a turn, as received and as decoded. */
	struct rte_mbuf *mail[WORKER_MAIL_MAX];
	struct pipeline_packet packets[WORKER_MAIL_MAX];
	struct span segments[WORKER_MAIL_MAX][WORKER_SEGMENTS_MAX];
};

_Static_assert(sizeof(struct worker) % 64 == 0, "workers share no cache line");

/* Fill in emit for the ring, which waits when it is full, or, on live ports, does not; the
   rest is the caller's to set. */
void worker_init_emit(struct worker *w, bool waits);

/*
 * One turn: receive, run to completion, publish. How many packets there were. For who brings
 * the packets himself (bench); worker_run is made of it.
 */
uint16_t worker_poll(struct worker *w);

/* An lcore function; arg: struct worker. */
int worker_run(void *arg);

#endif
