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
#include "dataplane/io/queue.h"
#include "dataplane/pipeline/pipeline.h"

#define WORKER_BURST 32
/* Segments of an mbuf that are looked at; what follows is a gap to TCP. */
#define WORKER_SEGMENTS_MAX 8

struct worker {
	struct queue *queue;
	struct run_control *run;
	const struct decode_config *decode;
	struct pipeline *pipeline;
	struct ring_writer ring;
	struct emit emit;
	struct match *match;
	int meta_offset;
	int done_fd; /* eventfd, written when the worker has ended */
	/* what it keeps */
	uint64_t watermark_ns; /* every packet before it was handled */
	uint64_t absorbed_pkts;
	uint64_t absorbed_bytes;
	struct pipeline_packet packets[WORKER_BURST];
	struct span segments[WORKER_BURST][WORKER_SEGMENTS_MAX];
};

/* Fill in emit for the ring; the rest is the caller's to set. */
void worker_init_emit(struct worker *w);

/*
 * One turn: receive a burst, run it to completion, publish. How many packets there were. For
 * who brings the packets himself (bench); worker_run is made of it.
 */
uint16_t worker_poll(struct worker *w);

/* An lcore function; arg: struct worker. */
int worker_run(void *arg);

#endif
