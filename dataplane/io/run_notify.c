/*
 * What the service manager is told of a run on live ports.
 *
 * A worker that turns moves the watermark of its ring, packets or not: what other cores read of it
 * anyway is its sign of life, and costs its loop nothing. A reader that hangs moves no clock of its
 * workers' queues, and so stops their watermarks too. It is the main lcore that looks, so it has
 * to turn itself.
 */
#include "dataplane/io/edge.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "dataplane/io/run_internal.h"

_Static_assert(HELLO_WORKERS_MAX <= NOTIFY_LOOPS_MAX, "each worker has its mark");

void
run_notify_ready(struct run *run)
{
	notify_ready(&run->notify);
	notify_status(&run->notify, "The ports are up; control has to accept the events");
}

void
run_notify_reloading(struct run *run)
{
	notify_reloading(&run->notify, clock_now_ns(CLOCK_MONOTONIC));
}

static uint64_t
run_sum(const struct run *run, enum counter id)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < run->worker_count; i++)
		sum += counter_read(&run->workers[i].ring.header->counters, id);
	return sum;
}

void
run_notify_look(struct run *run)
{
	uint64_t marks[HELLO_WORKERS_MAX];
	unsigned count = run->launched ? run->worker_count : 0;

	if (!run->notify.wanted)
		return;
	for (unsigned i = 0; i < count; i++)
		marks[i] = atomic_load_explicit(
			&run->workers[i].ring.header->watermark_ns, memory_order_relaxed);
	notify_alive(&run->notify, marks, count, clock_now_ns(CLOCK_MONOTONIC));
	if (run->launched)
		notify_status(&run->notify,
			"%u worker%s on %u port%s; %" PRIu64 " packets, %" PRIu64 " lost%s",
			run->worker_count, text_s(run->worker_count), run->nics.count,
			text_s(run->nics.count), run_sum(run, COUNTER_RX_PKTS),
			run_sum(run, COUNTER_PORT_MISSED) + run_sum(run, COUNTER_PORT_NOMBUF) +
				run_sum(run, COUNTER_DISPATCH_FULL),
			run->control_fd < 0 ? "; no control" : "");
}
