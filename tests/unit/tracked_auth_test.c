/* slow and auth_spike: what makes each speak, and what must not. */
#include "tests/unit/tracked_stream.h"

static void
one_try_in_eleven_minutes_is_found_within_the_day(void **state)
{
	(void)state;
	guess(A, "dave", 0, 120, 11 * NS_PER_MIN);
	assert_only(DETECTOR_SLOW, A);
}

static void
twenty_sources_with_a_try_in_five_minutes_are_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned n = 0; n < 20; n++) {
			char source[20];

			snprintf(source, sizeof(source), "198.51.%u.7", n);
			stream_try(
				s, source, numbered("user", n), numbered("pw", i), OUTCOME_FAILURE);
		}
		stream_wait(s, 5 * NS_PER_MIN);
	}
	assert_true(has(DETECTOR_SLOW, "198.51.0.7"));
	assert_true(has(DETECTOR_SLOW, "198.51.19.7"));
}

static void
unknown_passwords_over_several_accounts_are_slow_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		stream_try(s, A, numbered("user", i % 5), NULL, OUTCOME_FAILURE);
		stream_wait(s, 11 * NS_PER_MIN + i % 7 * NS_PER_MIN);
	}
	assert_true(has(DETECTOR_SLOW, A));
}

static void
a_stale_phone_is_not_slow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		/* One with its old password, one whose password cannot be read. */
		stream_try(s, "192.0.2.5", "dave", "old", OUTCOME_FAILURE);
		stream_try(s, "192.0.2.6", "erin", NULL, OUTCOME_FAILURE);
		stream_wait(s, (3 + i * i % 17) * NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_false(has(DETECTOR_SLOW, NULL));
}

static void
people_behind_a_nat_are_not_slow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		const char *who = numbered("user", i % 200);

		if (i % 4 == 0)
			stream_try(s, "192.0.2.5", who, numbered("typo", i), OUTCOME_FAILURE);
		stream_try(s, "192.0.2.5", who, "right", OUTCOME_SUCCESS);
		stream_wait(s, 2 * NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_false(has(DETECTOR_SLOW, NULL));
}

static void
a_guesser_that_is_known_already_is_not_slow(void **state)
{
	(void)state;
	guess(A, "dave", 0, 200, NS_PER_MIN);
	assert_only(DETECTOR_BRUTEFORCE, A);
}

/* A day of a server with a few mistakes in ten minutes, each followed by the login. */
static void
ordinary_days(unsigned bins, unsigned users)
{
	for (unsigned bin = 0; bin < bins; bin++) {
		for (unsigned i = 0; i < users; i++) {
			char source[20];

			snprintf(source, sizeof(source), "10.0.%u.%u", i / 200, i % 200);
			if (i % 5 == 0)
				stream_try(s, source, numbered("user", i), "typo", OUTCOME_FAILURE);
			stream_try(s, source, numbered("user", i), "right", OUTCOME_SUCCESS);
		}
		stream_wait(s, 10 * NS_PER_MIN);
	}
}

static void
failures(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char source[20];

		snprintf(source, sizeof(source), "198.%u.%u.7", i / 250, i % 250);
		stream_try(s, source, numbered("user", i), "x", OUTCOME_FAILURE);
	}
}

static void
failures_far_above_the_baseline_are_a_spike(void **state)
{
	(void)state;
	ordinary_days(150, 10);
	failures(200);
	assert_true(has(DETECTOR_AUTH_SPIKE, s->server));
}

static void
without_a_baseline_there_is_no_spike(void **state)
{
	(void)state;
	ordinary_days(20, 10);
	failures(200);
	assert_false(has(DETECTOR_AUTH_SPIKE, NULL));
}

static void
monday_morning_is_no_spike(void **state)
{
	(void)state;
	ordinary_days(150, 10);
	ordinary_days(12, 400);
	assert_false(has(DETECTOR_AUTH_SPIKE, NULL));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_try_in_eleven_minutes_is_found_within_the_day),
		T(twenty_sources_with_a_try_in_five_minutes_are_found),
		T(unknown_passwords_over_several_accounts_are_slow_too),
		T(a_stale_phone_is_not_slow),
		T(people_behind_a_nat_are_not_slow),
		T(a_guesser_that_is_known_already_is_not_slow),
		T(failures_far_above_the_baseline_are_a_spike),
		T(without_a_baseline_there_is_no_spike),
		T(monday_morning_is_no_spike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
