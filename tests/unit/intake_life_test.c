/* One dataplane after another: what goes on, and what is counted as lost. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_go_on_with_the_next_dataplane),
		cmocka_unit_test(what_died_with_a_dataplane_is_counted),
		cmocka_unit_test(counters_that_make_no_sense_lose_nothing),
		cmocka_unit_test(clock_goes_on_where_it_is_expected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
