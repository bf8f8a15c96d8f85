/* The gauge of shed: how much is left out, from how full the queue is. */
#include "tests/unit/shed_rig.h"

static void
a_queue_that_stands_in_two_rounds_raises_the_pressure(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rounds(r, 5, 249), 0);
	assert_int_equal(rounds(r, 1, 0), 0);
	assert_int_equal(rounds(r, 1, 250), 0);
	assert_true(rounds(r, 1, 250) > 0);
	assert_int_equal(r->shed->level, SHED_BODIES);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_LEVEL), SHED_BODIES);
}

static void
a_full_queue_sheds_most_deliveries_within_three_milliseconds(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 12; i++)
		turn(r, 256 * US, 1000);
	assert_true(r->shed->level >= SHED_DELIVERIES);
	assert_true(r->shed->share[SHED_DELIVERER] < SHED_SHARE_ALL / 4);
	assert_int_equal(r->shed->share[SHED_INTEREST], SHED_SHARE_ALL);
}

static void
a_stall_that_is_worked_off_sheds_nothing(void **state)
{
	struct rig *r = *state;

	rounds(r, 3, 0);
	for (uint32_t queue = 1000; queue > 20; queue -= 20)
		assert_int_equal(turn(r, 100 * US, queue), SHED_NOTHING);
}

static void
bursts_that_are_worked_off_in_between_shed_nothing(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(turn(r, 100 * US, i % 3 ? 800 : 50), SHED_NOTHING);
}

static void
what_is_shed_comes_back_slowly_when_the_load_has_gone(void **state)
{
	struct rig *r = *state;

	press(r, SHED_STRANGERS);
	uint32_t before = r->shed->gauge.pressure;
	uint64_t began_ns = r->now_ns;
	while (turn(r, 100 * US, 0) != SHED_NOTHING) {
		assert_true(r->shed->gauge.pressure <= before);
		assert_true(before - r->shed->gauge.pressure < 10);
		before = r->shed->gauge.pressure;
	}
	assert_in_range(r->now_ns - began_ns, SHED_RETURN_NS, 2 * SHED_RETURN_NS);
	for (enum shed_class class = 0; class < SHED_CLASS_COUNT; class ++)
		assert_int_equal(r->shed->share[class], SHED_SHARE_ALL);
}

static void
a_queue_that_shrinks_or_stands_low_keeps_the_pressure(void **state)
{
	struct rig *r = *state;

	press(r, SHED_DELIVERIES);
	uint32_t pressure = r->shed->gauge.pressure;
	assert_int_equal(rounds(r, 1, 700), pressure);
	assert_int_equal(rounds(r, 1, 400), pressure);
	for (unsigned i = 0; i < 1000; i++)
		turn(r, NS_PER_MS, 200);
	assert_int_equal(r->shed->gauge.pressure, pressure);
}

static void
where_nearly_all_is_shed_more_pressure_is_no_help_and_guessers_stay(void **state)
{
	struct rig *r = *state;

	press(r, SHED_DELIVERIES);
	for (unsigned i = 0; i < 4000; i++) {
		counter_add(&r->counters, COUNTER_SHED_PKTS, 240);
		r->followed = 16;
		turn(r, US, 260);
	}
	assert_int_equal(r->shed->level, SHED_DELIVERIES);
	assert_int_equal(r->shed->share[SHED_INTEREST], SHED_SHARE_ALL);
}

static void
guessing_alone_that_is_too_much_leaves_an_eighth_of_it_at_least(void **state)
{
	struct rig *r = *state;

	press(r, SHED_GUESSERS);
	assert_int_equal(r->shed->share[SHED_DELIVERER], SHED_SHARE_ALL / 64);
	assert_int_equal(r->shed->share[SHED_STRANGER], SHED_SHARE_ALL / 64);
	assert_true(rounds(r, 1000, 1000) == SHED_PRESSURE_MAX);
	assert_int_equal(r->shed->share[SHED_INTEREST], SHED_SHARE_ALL / 8);
}

static void
without_a_measure_of_the_queue_the_time_without_a_dry_look_tells(void **state)
{
	struct rig *r = *state;

	r->load.queue = SHED_UNKNOWN;
	turn(r, US, 0);
	for (unsigned ms = 1; ms < 20; ms++)
		assert_int_equal(turn(r, NS_PER_MS, SHED_UNKNOWN), SHED_NOTHING);
	for (unsigned ms = 20; ms < 60; ms++)
		turn(r, NS_PER_MS, SHED_UNKNOWN);
	assert_true(r->shed->level >= SHED_BODIES);
	for (unsigned ms = 0; ms < 2000; ms++)
		turn(r, NS_PER_MS, 0);
	assert_int_equal(r->shed->level, SHED_NOTHING);
}

static void
packets_lost_while_busy_are_a_load_and_those_lost_before_are_not(void **state)
{
	struct rig *r = *state;

	r->load.lost = 1000;
	turn(r, US, 0);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(turn(r, NS_PER_MS, 100), SHED_NOTHING);
	for (unsigned i = 0; i < 40; i++) {
		r->load.lost++;
		turn(r, NS_PER_MS, 100);
	}
	assert_true(r->shed->level >= SHED_BODIES);
}

static void
packets_that_another_worker_lost_are_no_load_of_a_dry_one(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 40; i++) {
		r->load.lost++;
		assert_int_equal(turn(r, US, 0), SHED_NOTHING);
	}
}

static void
a_full_table_sheds_sessions_and_not_only_bodies(void **state)
{
	struct rig *r = *state;

	r->load.table = 899;
	assert_int_equal(turn(r, US, 0), SHED_NOTHING);
	r->load.table = 900;
	assert_int_equal(turn(r, US, 0), SHED_DELIVERIES);
	assert_int_equal(r->shed->share[SHED_DELIVERER], SHED_SHARE_ALL / 64);
	assert_int_equal(r->shed->share[SHED_STRANGER], SHED_SHARE_ALL);
	r->load.table = 970;
	assert_int_equal(turn(r, US, 0), SHED_STRANGERS);
	assert_int_equal(r->shed->share[SHED_INTEREST], SHED_SHARE_ALL);
}

static void
the_time_at_each_level_is_counted(void **state)
{
	struct rig *r = *state;

	r->load.table = 900;
	turn(r, US, 0);
	turn(r, 7 * NS_PER_MS, 0);
	r->load.table = 970;
	turn(r, 5 * NS_PER_MS, 0);
	turn(r, 3 * NS_PER_MS, 0);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_MS_DELIVERIES), 12);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_MS_STRANGERS), 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_queue_that_stands_in_two_rounds_raises_the_pressure),
		TEST(a_full_queue_sheds_most_deliveries_within_three_milliseconds),
		TEST(a_stall_that_is_worked_off_sheds_nothing),
		TEST(bursts_that_are_worked_off_in_between_shed_nothing),
		TEST(what_is_shed_comes_back_slowly_when_the_load_has_gone),
		TEST(a_queue_that_shrinks_or_stands_low_keeps_the_pressure),
		TEST(where_nearly_all_is_shed_more_pressure_is_no_help_and_guessers_stay),
		TEST(guessing_alone_that_is_too_much_leaves_an_eighth_of_it_at_least),
		TEST(without_a_measure_of_the_queue_the_time_without_a_dry_look_tells),
		TEST(packets_lost_while_busy_are_a_load_and_those_lost_before_are_not),
		TEST(packets_that_another_worker_lost_are_no_load_of_a_dry_one),
		TEST(a_full_table_sheds_sessions_and_not_only_bodies),
		TEST(the_time_at_each_level_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
