/*
 * Theory of operation.
 *
 * Each ring holds at most one record here, its head: copied out of shared
 * memory first, validated afterwards, so that nothing changes between check and
 * use. The smallest head by (clock_ns, order) is handed out, provided that no
 * ring without a head can still bring a smaller one: such a ring's later
 * records have clock_ns >= its watermark, so only keys with a clock strictly
 * below the watermark may pass it. Workers publish a watermark while they have
 * nothing to say. A ring that ended blocks nobody.
 *
 * A slot of a capture's ring is released when the event after it is asked for. A live one is
 * released when the caller says that all that came of the events so far is out (intake_settle):
 * what was being worked on when control died is still in the ring. What was released stays readable
 * until the writer comes round, so whoever begins with a snapshot of before can be told it again
 * (intake_reread).
 *
 * What always holds for the caller, whatever the dataplane writes: events pass
 * event_valid, and clock_ns never runs backwards (an older one gets the clock
 * of the one before it, and is counted), so windows need not expect it.
 *
 * Limits: one record of 512 bytes per ring, HELLO_WORKERS_MAX rings. The work
 * per call is at most one look at each ring and SKIP_MAX invalid records.
 *
 * What an attacker who owns the dataplane would try: invalid records (skipped,
 * counted), a wild index (the ring is given up, counted; the run ends as
 * failed), time running backwards (corrected, counted), a watermark that never
 * moves to stop the merge. In a replay the last one would be a deadlock, since
 * the workers wait for room: after STALLS_MAX vain calls with a full ring the
 * smallest head passes all the same, counted as forced. Honest workers never
 * get there unless more events than a ring holds carry one and the same clock.
 */
#include "control/intake/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/intake/internal.h"

#define JUMP_NS NS_PER_MIN /* so much the clock of another dataplane may be off */
#define SKIP_MAX 256       /* invalid records skipped in one call, per ring */
#define STALLS_MAX 2000    /* vain calls, a millisecond apart, before a full ring is relieved */

static void
ring_close(struct intake_ring *ring)
{
	ring->closed = true;
	ring->held = false;
}

static bool
ring_full(const struct intake_ring *ring)
{
	/* No partner needed: it is a hint, and the count of slots is checked when they are read. */
	uint64_t head = atomic_load_explicit(&ring->reader.header->head, memory_order_relaxed);

	return ring->held && head - ring->reader.next > ring->reader.mask;
}

uint64_t
intake_clock_of(struct intake *intake, uint64_t theirs_ns)
{
	const struct intake_past *past = &intake->past;
	uint64_t expect_ns = past->expect_ns ? past->expect_ns : theirs_ns;

	if (theirs_ns == 0 || theirs_ns == UINT64_MAX)
		return theirs_ns; /* a watermark that says nothing */
	if (!intake->timed) {
		uint64_t off_ns =
			expect_ns > theirs_ns ? expect_ns - theirs_ns : theirs_ns - expect_ns;

		if (past->clock_ns != 0 && off_ns > JUMP_NS)
			intake->shift_ns = expect_ns - theirs_ns;
		else if (theirs_ns < past->clock_ns)
			intake->shift_ns = past->clock_ns - theirs_ns;
		intake->timed = true;
	}
	return theirs_ns + intake->shift_ns;
}

/* Count a record that is older than the one before it in its ring. */
static void
check_order(struct intake *intake, struct intake_ring *ring)
{
	const struct event_head *head = &ring->head.head;

	if (head->clock_ns < ring->last_clock_ns ||
		(head->clock_ns == ring->last_clock_ns && head->order < ring->last_order))
		intake->counters.backwards++;
	ring->last_clock_ns = head->clock_ns;
	ring->last_order = head->order;
}

static void
take_slot(const struct intake *intake, struct intake_ring *ring)
{
	ring_reader_take(&ring->reader);
	if (intake->replay)
		ring_reader_release(&ring->reader);
}

/* Fill ring->head when there is a valid record. */
static void
fill_head(struct intake *intake, struct intake_ring *ring)
{
	for (unsigned i = 0; i < SKIP_MAX; i++) {
		int r = ring_reader_peek(&ring->reader, &ring->head);

		if (r < 0) {
			intake->counters.broken++;
			ring_close(ring);
			return;
		}
		if (r == 0) {
			/* A peer that has gone publishes no more; nor does a ring that ended. */
			if (intake->peer_gone || ring_reader_ended(&ring->reader))
				ring_close(ring);
			return;
		}
		if (event_valid(&ring->head)) {
			ring->head.head.clock_ns =
				intake_clock_of(intake, ring->head.head.clock_ns);
			check_order(intake, ring);
			ring->held = true;
			return;
		}
		intake->counters.invalid++;
		take_slot(intake, ring);
	}
}

void
intake_release_taken(struct intake *intake)
{
	if (!intake->taken)
		return;
	struct intake_ring *ring = &intake->rings[intake->taken_ring];
	if (!ring->closed)
		take_slot(intake, ring);
	intake->taken = false;
}

static enum intake_status
nothing_left(const struct intake *intake)
{
	for (unsigned i = 0; i < intake->ring_count; i++)
		if (!ring_reader_ended(&intake->rings[i].reader))
			return INTAKE_VANISHED;
	return intake->counters.broken ? INTAKE_VANISHED : INTAKE_ENDED;
}

static void
hand_out(struct intake *intake, unsigned index, const struct event **event)
{
	struct intake_ring *ring = &intake->rings[index];

	ring->held = false;
	intake->taken = true;
	intake->taken_ring = index;
	intake->stalls = 0;
	intake->counters.events++;
	if (ring->head.head.clock_ns < intake->clock_ns)
		ring->head.head.clock_ns = intake->clock_ns;
	intake->clock_ns = ring->head.head.clock_ns;
	*event = &ring->head;
}

/*
 * Nothing may pass. Has a full ring waited for so long that its worker cannot go on?
 * Then let as many events pass as half that ring holds.
 */
static bool
relieve(struct intake *intake, bool full, unsigned best)
{
	if (!intake->replay || !full || ++intake->stalls < STALLS_MAX)
		return false;
	intake->relief = (intake->rings[best].reader.mask + 1) / 2;
	return true;
}

enum intake_status
intake_next(struct intake *intake, const struct event **event)
{
	uint64_t limit_ns = UINT64_MAX; /* keys below it may pass */
	unsigned best = UINT32_MAX, open = 0;
	bool full = false;

	intake_release_taken(intake);
	for (unsigned i = 0; i < intake->ring_count; i++) {
		struct intake_ring *ring = &intake->rings[i];

		if (ring->closed)
			continue;
		if (!ring->held) {
			/* Watermark first: see ring_reader_watermark. */
			uint64_t watermark_ns =
				intake_clock_of(intake, ring_reader_watermark(&ring->reader));

			fill_head(intake, ring);
			if (ring->closed)
				continue;
			if (!ring->held && watermark_ns < limit_ns)
				limit_ns = watermark_ns;
		}
		open++;
		full |= ring_full(ring);
		if (ring->held && (best == UINT32_MAX || intake_key_less(&ring->head.head,
								 &intake->rings[best].head.head)))
			best = i;
	}
	if (open == 0)
		return nothing_left(intake);
	intake->past_ns = limit_ns;
	if (best == UINT32_MAX)
		return INTAKE_IDLE;
	if (intake->rings[best].head.head.clock_ns >= limit_ns) {
		if (intake->relief == 0 && !relieve(intake, full, best))
			return INTAKE_IDLE;
		intake->relief--;
		intake->counters.forced++;
	}
	hand_out(intake, best, event);
	return INTAKE_EVENT;
}

void
intake_peer_gone(struct intake *intake)
{
	intake->peer_gone = true;
}

void
intake_sum_counters(const struct intake *intake, struct counters *sum)
{
	uint64_t level = 0;

	*sum = intake->past.workers;
	for (unsigned i = 0; i < intake->ring_count; i++) {
		const struct counters *c = &intake->rings[i].reader.header->counters;

		for (unsigned k = 0; k < COUNTER_COUNT; k++)
			sum->value[k] += counter_read(c, k);
		if (counter_read(c, COUNTER_SHED_LEVEL) > level)
			level = counter_read(c, COUNTER_SHED_LEVEL);
	}
	/* No sum: where the worker stands that is loaded most. */
	sum->value[COUNTER_SHED_LEVEL] = level;
}

uint64_t
intake_lost(const struct intake *intake, const struct counters *sum)
{
	static const enum counter lost[] = {
		COUNTER_EVENTS_LOST_AUTH,
		COUNTER_EVENTS_LOST_RCPT,
		COUNTER_EVENTS_LOST_MAIL,
		COUNTER_EVENTS_LOST_SESSION,
		COUNTER_EVENTS_LOST_SIGNATURE,
		COUNTER_PORT_MISSED,
		COUNTER_PORT_NOMBUF,
		COUNTER_PORT_ERRORS,
		COUNTER_DISPATCH_FULL,
		COUNTER_SHED_DELIVERIES,
		COUNTER_SHED_USERS,
		COUNTER_SHED_STRANGERS,
		COUNTER_SHED_GUESSERS,
		COUNTER_SHED_BODIES,
		COUNTER_DECODE_TRUNCATED,
		COUNTER_FRAG_DROP,
		COUNTER_TCP_GAPS,
		COUNTER_TCP_HOLD_FULL,
		COUNTER_FLOW_EVICTED,
		COUNTER_FLOW_FULL,
		COUNTER_SMTP_HOLD_FULL,
	};
	uint64_t n = intake->counters.invalid + intake->counters.broken + intake->counters.cut +
		     intake->counters.unsaid + intake->counters.deaths;

	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		n += sum->value[lost[i]];
	return n;
}

void
intake_close(struct intake *intake)
{
	intake_release_taken(intake);
	for (unsigned i = 0; i < intake->ring_count; i++)
		ring_reader_close(&intake->rings[i].reader);
	free(intake->rings);
	memset(intake, 0, sizeof(*intake));
}

int
intake_open(
	struct intake *intake, const struct hello *offer, const int *fds, char *why, size_t why_len)
{
	memset(intake, 0, sizeof(*intake));
	intake->replay = offer->flags & HELLO_REPLAY;
	memcpy(intake->boot_id, offer->boot_id, sizeof(intake->boot_id));
	intake->rings = calloc(offer->workers, sizeof(*intake->rings));
	if (!intake->rings) {
		snprintf(why, why_len, "out of memory for %u rings", offer->workers);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < offer->workers; i++) {
		int r = ring_reader_open(
			&intake->rings[i].reader, fds[i], offer->consumed[i], offer->boot_id);

		if (r) {
			snprintf(why, why_len, "ring %u of %u cannot be read: %s", i,
				offer->workers, strerror(-r));
			return r;
		}
		intake->ring_count++;
	}
	return 0;
}

/* Tell the dataplane what became of its offer. */
static int
answer(const struct intake *intake, int sock, const struct hello *offer, const char *reject)
{
	int fds[HELLO_WORKERS_MAX];
	struct hello hello;

	hello_init(&hello, reject ? HELLO_REJECT : HELLO_ACCEPT);
	memcpy(hello.boot_id, offer->boot_id, sizeof(hello.boot_id));
	if (reject) {
		snprintf(hello.reason, sizeof(hello.reason), "%s", reject);
		return hello_send(sock, &hello, NULL, 0);
	}
	hello.workers = offer->workers;
	hello.flags = offer->flags;
	for (unsigned i = 0; i < intake->ring_count; i++) {
		fds[i] = intake->rings[i].reader.cursor_memfd;
		hello.consumed[i] = intake->rings[i].reader.next;
	}
	return hello_send(sock, &hello, fds, intake->ring_count);
}

static int
check_offer(const struct hello *offer, unsigned nfds, char *why, size_t why_len)
{
	int r = hello_check(offer, why, why_len);

	if (r)
		return r;
	if (offer->kind != HELLO_OFFER) {
		snprintf(why, why_len, "the dataplane sent no offer");
		return -EPROTO;
	}
	if (nfds != offer->workers) {
		snprintf(why, why_len, "%u rings came for %u workers", nfds, offer->workers);
		return -EPROTO;
	}
	return 0;
}

int
intake_accept(struct intake *intake, int sock, char *why, size_t why_len)
{
	int fds[HELLO_WORKERS_MAX];
	struct hello offer;
	unsigned nfds = 0;
	int r;

	memset(intake, 0, sizeof(*intake));
	r = hello_receive(sock, &offer, fds, HELLO_WORKERS_MAX, &nfds);
	if (r) {
		snprintf(why, why_len, "no offer from the dataplane: %s",
			r == -EPIPE ? "it has gone" : strerror(-r));
		return r;
	}
	r = check_offer(&offer, nfds, why, why_len);
	if (!r)
		r = intake_open(intake, &offer, fds, why, why_len);
	while (nfds > 0)
		close(fds[--nfds]);
	if (r) {
		(void)answer(intake, sock, &offer, why); /* it may have gone */
		return r;
	}
	r = answer(intake, sock, &offer, NULL);
	if (r)
		snprintf(why, why_len, "the dataplane did not take the answer: %s", strerror(-r));
	return r;
}
