/*
 * intake: the dataplane's rings become one stream of events, in the order of
 * (clock_ns, order), the same for any number of rings.
 */
#ifndef SMTAP_CONTROL_INTAKE_H
#define SMTAP_CONTROL_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/counters.h"
#include "contract/event.h"
#include "contract/hello.h"
#include "contract/ring.h"

/* X(field, "name", COUNTER or GAUGE, "unit", "help"): intake's own; exported with the worker's. */
#define INTAKE_COUNTERS(X)                                                      \
	X(events, "intake_events", COUNTER, "events", "Events taken in")        \
	X(invalid, "intake_invalid", COUNTER, "events",                         \
		"Records that were no valid event: skipped")                    \
	X(backwards, "intake_backwards", COUNTER, "events",                     \
		"Events older than one before: time corrected")                 \
	X(broken, "intake_broken_rings", COUNTER, "rings",                      \
		"Rings given up because their index made no sense")             \
	X(forced, "intake_forced", COUNTER, "events",                           \
		"Events taken out of order because a ring was full")            \
	X(forgotten, "intake_forgotten", COUNTER, "events",                     \
		"Events that a control before took, and that are in no count")  \
	X(deaths, "dataplane_deaths", COUNTER, "deaths",                        \
		"Dataplanes that died, and others took their place")            \
	X(cut, "dataplane_sessions_lost", COUNTER, "sessions",                  \
		"Sessions that a dataplane followed when it died")              \
	X(unsaid, "dataplane_events_lost", COUNTER, "events",                   \
		"Events that a dataplane had not yet handed over when it died") \
	X(away_ms, "dataplane_away_time", COUNTER, "milliseconds",              \
		"Time without a dataplane: nothing was seen")

struct intake_counters {
#define X(field, name, kind, unit, help) uint64_t field;
	INTAKE_COUNTERS(X)
#undef X
};

enum intake_status {
	INTAKE_EVENT,    /* there is one */
	INTAKE_IDLE,     /* none now; wait and ask again */
	INTAKE_ENDED,    /* every ring has ended and is empty */
	INTAKE_VANISHED, /* the dataplane went before its rings ended; they are empty */
};

struct intake_ring {
	struct ring_reader reader;
	uint64_t last_clock_ns; /* of the record last taken from it */
	uint64_t last_order;
	bool held; /* head is filled and not yet handed out */
	bool closed;
	struct event head; /* our validated copy */
};

/* What dataplanes before this one left behind. */
struct intake_past {
	struct counters workers; /* added up */
	struct intake_counters own;
	uint64_t clock_ns;  /* where time stood; 0: nothing was before */
	uint64_t expect_ns; /* where it should stand now; 0: not known */
};

struct intake {
	struct intake_ring *rings;
	unsigned ring_count;
	uint8_t boot_id[16];
	bool peer_gone;
	bool taken; /* the event last handed out is still to be done with */
	unsigned taken_ring;
	unsigned stalls; /* asked in vain, in a row */
	unsigned relief; /* events that may still pass out of order */
	bool replay;
	uint64_t clock_ns; /* of the event last handed out */
	uint64_t past_ns;  /* when it is idle: no event before this comes any more */
	struct intake_counters counters;
	struct intake_past past;
	bool timed;        /* shift_ns is settled */
	uint64_t shift_ns; /* added to the dataplane's clock, modulo 2^64 */
};

/* Where an intake stands, for one in another process to go on: numbers, no pointers. */
struct intake_mark {
	uint8_t boot_id[16]; /* of the dataplane; all zero: there was none */
	uint32_t rings;
	uint64_t next[HELLO_WORKERS_MAX];
	bool timed;
	uint64_t shift_ns;
	struct intake_past past;    /* of the dataplanes before */
	struct intake_past present; /* the same, if this dataplane dies, too */
};

/*
 * Do the handshake on sock (control's side: receive the offer, open the rings,
 * accept or reject). Blocks until the offer came. 0; or -errno with a sentence
 * in why. Close it in either case with intake_close.
 */
int intake_accept(struct intake *intake, int sock, char *why, size_t why_len);

/*
 * Open rings without a socket: fds[0..offer->workers). The fds stay the
 * caller's. 0, or -errno with a sentence in why.
 */
int intake_open(struct intake *intake, const struct hello *offer, const int *fds, char *why,
	size_t why_len);

/*
 * The next event in *event, which stays valid until the next call. Its
 * clock_ns is never less than that of the one before.
 */
enum intake_status intake_next(struct intake *intake, const struct event **event);

/*
 * Live, a slot is the writer's again only when the event in it is dealt with for good, so that who
 * dies before leaves it to the next: all events handed out so far are. (Of a capture each is when
 * the next is asked for.)
 */
void intake_settle(struct intake *intake);

/* Where it stands; settle first. */
void intake_mark(const struct intake *intake, struct intake_mark *mark);

/*
 * Go on from a mark, before the first event. False: it is of another dataplane, which died since;
 * what that had counted after the mark is not known.
 */
bool intake_resume(struct intake *intake, const struct intake_mark *mark);

/* What one before us took after its mark, as it took it. */
struct intake_earlier {
	struct event *events; /* the caller's to free */
	size_t count;
	bool whole; /* none is missing */
};

/* What was taken after the mark, or ever (NULL), will not be told again: it is counted. */
void intake_forget(struct intake *intake, const struct intake_mark *mark);

/* So many of them were dealt with again; the last had that clock. */
void intake_took(struct intake *intake, size_t count, uint64_t clock_ns);

/* After intake_resume said yes. 0, or -ENOMEM. */
int intake_reread(const struct intake *intake, const struct intake_mark *mark,
	struct intake_earlier *earlier);

/* The dataplane will write no more: its socket was closed. */
void intake_peer_gone(struct intake *intake);

/*
 * The dataplane died, and all that it handed over was taken: count what was lost with it. *past is
 * for whoever comes next; intake is closed.
 */
void intake_leave(struct intake *intake, struct intake_past *past);

/*
 * Another dataplane follows; before the first event. Counters go on, and so does the clock: where
 * that of the new one is more than a minute off what is expected (the wall clock was set between
 * the two), or behind, it is shifted.
 */
void intake_begin_after(struct intake *intake, const struct intake_past *past);

/* The workers' counters, added up, with those of dataplanes before. */
void intake_sum_counters(const struct intake *intake, struct counters *sum);

/*
 * How many losses are known, each counted once where it is noticed, whatever its size: events
 * lost to full rings, records that were invalid, rings given up, packets that live ports or the
 * dispatcher lost, packets cut short by the capture, fragments dropped, holes in streams, segments
 * that could not be held, sessions evicted or refused (half-open ones apart: a flood of SYNs loses
 * nothing), lines that could not be held. One cause may be noticed twice: a packet cut short also
 * leaves a hole.
 */
uint64_t intake_lost(const struct intake *intake, const struct counters *sum);

void intake_close(struct intake *intake);

#endif
