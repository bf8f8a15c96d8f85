/* One dataplane after another: what goes on, and what is counted as lost. */
#include <stdlib.h>

#include "base/duration.h"
#include "intake_rig.h"

#define NOON_NS (20000 * 24 * NS_PER_H + 12 * NS_PER_H)

/* A dataplane that said so much, and died. */
static void
die(struct rig *s, struct intake_past *past)
{
	intake_peer_gone(&s->in);
	expect_status(s, INTAKE_VANISHED);
	intake_leave(&s->in, past);
	assert_null(s->in.rings);
	rig_close(s);
}

static struct rig
next(const struct intake_past *past)
{
	struct rig s;

	rig_open(&s, 1, HELLO_LIVE);
	intake_begin_after(&s.in, past);
	return s;
}

static void
counters_go_on_with_the_next_dataplane(void **state)
{
	struct intake_past past = {0};
	struct counters sum;
	struct rig s;

	(void)state;
	rig_open(&s, 2, HELLO_LIVE);
	counter_add(&s.w[0].header->counters, COUNTER_RX_PKTS, 7);
	counter_add(&s.w[1].header->counters, COUNTER_RX_PKTS, 5);
	counter_add(&s.w[1].header->counters, COUNTER_SHED_LEVEL, 3);
	put(&s.w[0], NOON_NS, 1);
	ring_writer_flush(&s.w[0], NOON_NS);
	intake_peer_gone(&s.in);
	expect(&s, NOON_NS, 1);
	die(&s, &past);
	s = next(&past);
	counter_add(&s.w[0].header->counters, COUNTER_RX_PKTS, 10);
	put(&s.w[0], NOON_NS + 5, 1);
	ring_writer_flush(&s.w[0], NOON_NS + 6);
	expect(&s, NOON_NS + 5, 1);
	intake_sum_counters(&s.in, &sum);
	assert_int_equal(sum.value[COUNTER_RX_PKTS], 22);
	assert_int_equal(sum.value[COUNTER_SHED_LEVEL], 0);
	assert_int_equal(s.in.counters.events, 2);
	assert_int_equal(s.in.counters.deaths, 1);
	rig_close(&s);
}

static void
what_died_with_a_dataplane_is_counted(void **state)
{
	struct intake_past past = {0};
	struct counters sum;
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_LIVE);
	struct counters *c = &s.w[0].header->counters;
	counter_add(c, COUNTER_FLOW_NEW, 9);
	counter_add(c, COUNTER_FLOW_CLOSED, 3);
	counter_add(c, COUNTER_FLOW_IDLE, 2);
	counter_add(c, COUNTER_FLOW_EVICTED, 1);
	for (unsigned i = 0; i < 5; i++) {
		put(&s.w[0], NOON_NS + i, i);
		counter_add(c, COUNTER_EVENTS, 1);
		if (i == 2) /* the last two are never handed over */
			ring_writer_flush(&s.w[0], NOON_NS);
	}
	intake_peer_gone(&s.in);
	for (unsigned i = 0; i < 3; i++)
		expect(&s, NOON_NS + i, i);
	die(&s, &past);
	assert_int_equal(past.own.cut, 3);
	assert_int_equal(past.own.unsaid, 2);
	s = next(&past);
	intake_sum_counters(&s.in, &sum);
	assert_int_equal(intake_lost(&s.in, &sum), 3 + 2 + 1 + 1); /* and the death, the eviction */
	rig_close(&s);
}

static void
counters_that_make_no_sense_lose_nothing(void **state)
{
	struct intake_past past = {0};
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_LIVE);
	counter_add(&s.w[0].header->counters, COUNTER_FLOW_CLOSED, 3);
	counter_add(&s.w[0].header->counters, COUNTER_EVENTS, UINT64_MAX / 2);
	die(&s, &past);
	assert_int_equal(past.own.cut, 0);
	assert_int_equal(past.own.unsaid, 0);
}

/* The clock stood at noon; the next dataplane says theirs when ours should be at expect. */
static void
expect_clock(uint64_t theirs_ns, uint64_t expect_ns, uint64_t ours_ns)
{
	struct intake_past past = {.clock_ns = NOON_NS, .expect_ns = expect_ns};
	struct rig s = next(&past);

	put(&s.w[0], theirs_ns, 1);
	put(&s.w[0], theirs_ns + NS_PER_S, 2);
	ring_writer_flush(&s.w[0], theirs_ns);
	expect(&s, ours_ns, 1);
	expect(&s, ours_ns + NS_PER_S, 2);
	expect_status(&s, INTAKE_IDLE);
	assert_int_equal(s.in.past_ns, ours_ns);
	assert_int_equal(s.in.counters.backwards, 0);
	rig_close(&s);
}

static void
clock_goes_on_where_it_is_expected(void **state)
{
	const uint64_t hour = NS_PER_H, year = 365 * 24 * NS_PER_H, s = NS_PER_S;

	(void)state;
	/* About right: as it is. */
	expect_clock(NOON_NS + 3 * s, NOON_NS + 2 * s, NOON_NS + 3 * s);
	/* The wall clock was set back an hour, or ahead a year, between the two. */
	expect_clock(NOON_NS - hour, NOON_NS + 2 * s, NOON_NS + 2 * s);
	expect_clock(NOON_NS + year, NOON_NS + 2 * s, NOON_NS + 2 * s);
	/* It was off for a day, and nobody knows for how long: only never back. */
	expect_clock(NOON_NS + 24 * hour, 0, NOON_NS + 24 * hour);
	expect_clock(NOON_NS - hour, 0, NOON_NS);
}

/* Another control with the same rings, from where the one before stood. */
static struct intake
second(struct rig *s, const struct intake_mark *mark, bool resumes)
{
	struct hello offer;
	struct intake in;
	char why[200] = "";
	int fds[4];

	hello_init(&offer, HELLO_OFFER);
	memcpy(offer.boot_id, boot_id, 16);
	offer.workers = s->rings;
	offer.flags = HELLO_LIVE;
	for (unsigned i = 0; i < s->rings; i++) {
		fds[i] = s->w[i].memfd;
		offer.consumed[i] = ring_writer_consumed(&s->w[i]);
	}
	assert_int_equal(intake_open(&in, &offer, fds, why, sizeof(why)), 0);
	assert_int_equal(intake_resume(&in, mark), resumes);
	return in;
}

static void
put_some(struct rig *s, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		assert_true(put(&s->w[i % s->rings], NOON_NS + i / 3, i));
	for (unsigned i = 0; i < s->rings; i++)
		ring_writer_flush(&s->w[i], NOON_NS + (from + n) / 3 + 1);
}

static void
take_some(struct rig *s, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		expect(s, NOON_NS + i / 3, i);
}

static void
a_slot_is_the_writers_when_all_that_came_of_it_is_out(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_LIVE);
	put_some(&s, 0, 10);
	take_some(&s, 0, 10);
	assert_int_equal(ring_writer_consumed(&s.w[0]), 0);
	intake_settle(&s.in);
	assert_int_equal(ring_writer_consumed(&s.w[0]), 10);
	rig_close(&s);
}

static void
the_next_control_is_told_again_what_came_after_the_mark(void **state)
{
	struct intake_earlier earlier;
	struct intake_mark mark;
	struct intake in;
	struct rig s;

	(void)state;
	rig_open(&s, 3, HELLO_LIVE);
	put_some(&s, 0, 30);
	take_some(&s, 0, 12);
	intake_settle(&s.in);
	intake_mark(&s.in, &mark);
	take_some(&s, 12, 9);
	intake_settle(&s.in);
	take_some(&s, 21, 2); /* in hand when it dies */
	in = second(&s, &mark, true);
	assert_int_equal(in.counters.events, 12);
	assert_int_equal(intake_reread(&in, &mark, &earlier), 0);
	assert_true(earlier.whole);
	assert_int_equal(earlier.count, 9);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(earlier.events[i].head.order, 12 + i);
	free(earlier.events);
	/* And then goes on with what was in hand. */
	intake_close(&s.in);
	s.in = in;
	take_some(&s, 21, 9);
	rig_close(&s);
}

static void
what_the_writer_went_over_is_not_told_again_in_part(void **state)
{
	struct intake_earlier earlier;
	struct intake_mark mark;
	struct intake in;
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_LIVE);
	put_some(&s, 0, 10);
	take_some(&s, 0, 10);
	intake_settle(&s.in);
	intake_mark(&s.in, &mark);
	for (unsigned from = 10; from < 10 + SLOTS; from += 8) {
		put_some(&s, from, 8);
		take_some(&s, from, 8);
		intake_settle(&s.in);
	}
	in = second(&s, &mark, true);
	assert_int_equal(intake_reread(&in, &mark, &earlier), 0);
	assert_false(earlier.whole);
	assert_int_equal(earlier.count, 0);
	/* How many that were is known. */
	assert_int_equal(in.counters.forgotten, 0);
	intake_forget(&in, &mark);
	assert_int_equal(in.counters.forgotten, (SLOTS + 7) / 8 * 8);
	intake_forget(&in, NULL);
	assert_int_equal(in.counters.forgotten, 2 * ((SLOTS + 7) / 8 * 8) + 10);
	free(earlier.events);
	intake_close(&in);
	rig_close(&s);
}

static void
a_mark_of_another_dataplane_is_of_one_that_died(void **state)
{
	struct intake_mark mark;
	struct intake in;
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_LIVE);
	put_some(&s, 0, 10);
	take_some(&s, 0, 10);
	counter_add(&s.w[0].header->counters, COUNTER_RX_PKTS, 7);
	intake_settle(&s.in);
	intake_mark(&s.in, &mark);
	mark.boot_id[3] ^= 1;
	in = second(&s, &mark, false);
	assert_int_equal(in.counters.deaths, 1);
	assert_int_equal(in.counters.events, 10);
	assert_int_equal(in.past.workers.value[COUNTER_RX_PKTS], 7);
	intake_close(&in);
	rig_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_go_on_with_the_next_dataplane),
		cmocka_unit_test(what_died_with_a_dataplane_is_counted),
		cmocka_unit_test(counters_that_make_no_sense_lose_nothing),
		cmocka_unit_test(a_slot_is_the_writers_when_all_that_came_of_it_is_out),
		cmocka_unit_test(the_next_control_is_told_again_what_came_after_the_mark),
		cmocka_unit_test(what_the_writer_went_over_is_not_told_again_in_part),
		cmocka_unit_test(a_mark_of_another_dataplane_is_of_one_that_died),
		cmocka_unit_test(clock_goes_on_where_it_is_expected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
