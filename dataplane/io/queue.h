/*
 * queue: from the dispatcher to one worker: an rte_ring of mbufs, which the worker
 * polls as a queue of an ethdev port, and the clock up to which it was filled.
 *
 * The pairs of atomics:
 *   clock_ns  dispatcher release (after the packets were enqueued) -> worker acquire
 *             (before it polls): when the poll then finds nothing, the worker has
 *             handled every packet before clock_ns.
 *   ended     dispatcher release -> worker acquire, likewise.
 *   mode      whoever stops the run, release -> all lcores, acquire.
 */
#ifndef SMTAP_DATAPLANE_IO_QUEUE_H
#define SMTAP_DATAPLANE_IO_QUEUE_H

#include "dataplane/io/edge.h"

#include <rte_ring.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct queue {
	/* Set up once. */
	_Alignas(64) struct rte_ring *ring;
	uint16_t port; /* the ethdev port and its queue that poll the ring */
	uint16_t port_queue;
	/* Written by the dispatcher, read by the worker. */
	_Alignas(64) _Atomic uint64_t clock_ns; /* no packet before this comes any more */
	/* Packets that ended in the dispatcher (fragments): the worker counts them as received.
	   Published by clock_ns. */
	_Atomic uint64_t absorbed_pkts;
	_Atomic uint64_t absorbed_bytes;
	_Atomic uint32_t ended;
};

enum run_mode {
	RUN_ON,
	RUN_STOP,  /* read no further, handle what was read */
	RUN_ABORT, /* control has gone: drop everything */
};

struct run_control {
	_Atomic int mode; /* enum run_mode; only grows */
};

static inline int
run_mode_get(struct run_control *run)
{
	return atomic_load_explicit(&run->mode, memory_order_acquire);
}

static inline void
run_mode_set(struct run_control *run, enum run_mode mode)
{
	int old = run_mode_get(run);

	while (old < (int)mode && !atomic_compare_exchange_weak_explicit(&run->mode, &old, mode,
					  memory_order_release, memory_order_acquire))
		;
}

/* Vain looks before an lcore naps, and before its naps get long. */
#define QUEUE_YIELDS 32u
#define QUEUE_SHORT_NAPS 256u
#define QUEUE_SHORT_NAP_NS 50000L
#define QUEUE_LONG_NAP_NS 1000000L

/*
 * Give way while there is nothing to do: lcores may outnumber the CPUs. idle counts
 * the calls since there last was something.
 */
static inline void
queue_idle(unsigned *idle)
{
	unsigned n = (*idle)++;

	if (n < QUEUE_YIELDS) {
		sched_yield();
		return;
	}
	bool brief = n < QUEUE_YIELDS + QUEUE_SHORT_NAPS;
	struct timespec nap = {.tv_nsec = brief ? QUEUE_SHORT_NAP_NS : QUEUE_LONG_NAP_NS};

	nanosleep(&nap, NULL);
}

#endif
