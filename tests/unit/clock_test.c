#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/io/clock.h"

#define T0 (1700000000 * NS_PER_S)

static void
stamps_that_grow_are_the_clock(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	assert_int_equal(capture_clock_read(&c, T0), T0);
	assert_int_equal(capture_clock_read(&c, T0 + 7), T0 + 7);
	assert_int_equal(capture_clock_read(&c, T0 + 3 * NS_PER_H), T0 + 3 * NS_PER_H);
}

static void
equal_stamps_read_one_nanosecond_apart(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, 0);
	assert_int_equal(capture_clock_read(&c, 0), 1);
	assert_int_equal(capture_clock_read(&c, 0), 2);
	assert_int_equal(capture_clock_read(&c, 0), 3);
}

static void
a_small_step_back_is_clamped_and_forgotten(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	capture_clock_read(&c, T0);
	assert_int_equal(capture_clock_read(&c, T0 - NS_PER_MS), T0 + 1);
	assert_int_equal(capture_clock_read(&c, T0 + 5), T0 + 5);
}

static void
a_step_back_of_exactly_the_bound_is_clamped(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	capture_clock_read(&c, T0);
	assert_int_equal(capture_clock_read(&c, T0 - CAPTURE_CLOCK_STEP_NS), T0 + 1);
	assert_int_equal(c.offset_ns, 0);
}

static void
a_large_step_back_goes_on_from_where_the_clock_stands(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	capture_clock_read(&c, T0);
	assert_int_equal(capture_clock_read(&c, T0 - NS_PER_H), T0 + 1);
	/* and time passes at its pace */
	assert_int_equal(
		capture_clock_read(&c, T0 - NS_PER_H + 10 * NS_PER_S), T0 + 1 + 10 * NS_PER_S);
}

static void
a_clock_that_was_set_back_and_is_set_forward_again_did_not_leap(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	capture_clock_read(&c, T0);
	assert_int_equal(capture_clock_read(&c, T0 - NS_PER_H), T0 + 1);
	assert_int_equal(
		capture_clock_read(&c, T0 - NS_PER_H + 10 * NS_PER_S), T0 + 1 + 10 * NS_PER_S);
	assert_int_equal(capture_clock_read(&c, T0 + 11 * NS_PER_S), T0 + 11 * NS_PER_S);
	/* a real leap is one */
	assert_int_equal(capture_clock_read(&c, T0 + NS_PER_H), T0 + NS_PER_H);
}

static void
an_earlier_file_continues_the_timeline(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	capture_clock_read(&c, T0 + 5 * NS_PER_S);
	capture_clock_file(&c, T0 + 5 * NS_PER_S - 10);
	assert_int_equal(capture_clock_read(&c, T0 + 5 * NS_PER_S - 10), T0 + 5 * NS_PER_S + 1);
	assert_int_equal(capture_clock_read(&c, T0 + 6 * NS_PER_S), T0 + 6 * NS_PER_S + 11);
}

static void
a_later_file_drops_the_shift(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	capture_clock_read(&c, T0);
	capture_clock_file(&c, T0 - NS_PER_H);
	capture_clock_read(&c, T0 - NS_PER_H);
	capture_clock_file(&c, T0 + NS_PER_H);
	assert_int_equal(capture_clock_read(&c, T0 + NS_PER_H), T0 + NS_PER_H);
}

static void
a_first_file_before_1970_plus_a_second_needs_no_special_case(void **state)
{
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, 5);
	assert_int_equal(capture_clock_read(&c, 5), 5);
	assert_int_equal(capture_clock_read(&c, 1), 6);
}

static void
stamps_that_leap_to_and_fro_stop_the_clock_before_it_overflows(void **state)
{
	struct capture_clock c = {0};
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t reading = capture_clock_read(&c, i % 2 ? UINT64_MAX : 0);
		assert_true(reading > last);
		last = reading;
	}
	assert_true(last <= CAPTURE_CLOCK_MAX_NS + 1000);
}

static void
readings_never_repeat_whatever_the_stamps(void **state)
{
	struct capture_clock c = {0};
	uint64_t x = 88172645463325252ULL;
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		uint64_t stamp = T0 + x % (NS_PER_MIN << (x >> 60));
		if (i % 997 == 0)
			capture_clock_file(&c, stamp);
		uint64_t reading = capture_clock_read(&c, stamp);
		assert_true(reading > last);
		last = reading;
	}
}

static void
one_stamp_that_leaps_ahead_is_told_from_a_quiet_night(void **state)
{
	const uint64_t year = 365 * 24 * NS_PER_H;
	struct capture_clock c = {0};

	(void)state;
	capture_clock_file(&c, T0);
	assert_false(capture_clock_leaps(&c, T0 + year)); /* the first is where it is */
	capture_clock_read(&c, T0);
	assert_false(capture_clock_leaps(&c, T0 + CAPTURE_CLOCK_LEAP_NS));
	assert_true(capture_clock_leaps(&c, T0 + CAPTURE_CLOCK_LEAP_NS + 1));
	assert_true(capture_clock_leaps(&c, T0 + year));
	/* Damaged: the packet after it is back. Time goes on as if it had not been. */
	assert_false(capture_clock_leaps(&c, T0 + NS_PER_S));
	assert_int_equal(capture_clock_stay(&c), T0 + 1);
	assert_int_equal(capture_clock_read(&c, T0 + NS_PER_S), T0 + NS_PER_S);
	/* A clock that was set back and forward again does not leap. */
	assert_int_equal(capture_clock_read(&c, T0 - 2 * NS_PER_H), T0 + NS_PER_S + 1);
	assert_false(capture_clock_leaps(&c, T0 + 2 * NS_PER_S));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_that_grow_are_the_clock),
		cmocka_unit_test(equal_stamps_read_one_nanosecond_apart),
		cmocka_unit_test(a_small_step_back_is_clamped_and_forgotten),
		cmocka_unit_test(a_step_back_of_exactly_the_bound_is_clamped),
		cmocka_unit_test(a_large_step_back_goes_on_from_where_the_clock_stands),
		cmocka_unit_test(a_clock_that_was_set_back_and_is_set_forward_again_did_not_leap),
		cmocka_unit_test(an_earlier_file_continues_the_timeline),
		cmocka_unit_test(a_later_file_drops_the_shift),
		cmocka_unit_test(a_first_file_before_1970_plus_a_second_needs_no_special_case),
		cmocka_unit_test(stamps_that_leap_to_and_fro_stop_the_clock_before_it_overflows),
		cmocka_unit_test(one_stamp_that_leaps_ahead_is_told_from_a_quiet_night),
		cmocka_unit_test(readings_never_repeat_whatever_the_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
