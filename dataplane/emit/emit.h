/*
 * emit: facts become event records. A record is written in place, in the
 * worker's ring slot, or (unit tests, fuzzers, bench) in an array.
 *
 * When the ring is full: live, the record goes to scratch and is counted as
 * lost by type; from a capture, emit waits (emit.wait) until there is room or
 * wait says to give up.
 */
#ifndef SMTAP_DATAPLANE_EMIT_H
#define SMTAP_DATAPLANE_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stages.h"
#include "contract/counters.h"
#include "contract/event.h"
#include "contract/ring.h"

struct emit {
	struct ring_writer *ring; /* or NULL: records go to array */
	struct event *array;      /* the caller's; records past array_cap are lost */
	size_t array_cap;
	size_t array_len;
	struct counters *counters; /* the worker's, never NULL */
	bool (*wait)(void *arg);   /* NULL: drop when full; false: give up */
	void *wait_arg;
	/* Who wants to see each record once it is whole, lost or not; NULL: nobody. */
	void (*tap)(void *arg, const struct event *event);
	void *tap_arg;
	/* The merge key of whatever is emitted next; see contract/event.h. */
	uint64_t clock_ns;
	uint64_t order;
	struct stages *stages; /* of the whole path, which all has emit; NULL: not timed */
	enum path_stage stage; /* the one that opened the record */
	bool lost;             /* the open record is scratch */
	struct event *open;
	struct event scratch;
};

/*
 * Open a record: head filled in (type, version, merge key, time_ns, flow),
 * body and text zeroed. Never NULL. Close it with emit_commit before the next.
 */
struct event *emit_begin(
	struct emit *emit, enum event_type type, uint64_t time_ns, const struct event_flow *flow);

void emit_commit(struct emit *emit);

/*
 * Append len bytes of text (already printable) at *used in event->text, at
 * most 255 and at most what is left; advances *used; returns what was copied,
 * cut at a character boundary.
 */
uint8_t emit_text(struct event *event, size_t *used, const char *text, size_t len);

#endif
