/* auth_spike: what makes it speak, and what must not. */
#include "tests/unit/provider.h"

/* Each guesses once or twice, at accounts of its own. */
static void
failures(unsigned first, unsigned n, unsigned minutes)
{
	for (unsigned i = first; i < first + n; i++) {
		char source[20];

		snprintf(source, sizeof(source), "198.%u.%u.7", i / 250, i % 250);
		stream_try(
			s, source, numbered("victim", i % 400), numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, minutes * NS_PER_MIN / n);
	}
}

static void
failures_far_above_the_baseline_are_a_spike(void **state)
{
	(void)state;
	provider_hours(26, 10, 300);
	failures(0, 300, 10);
	assert_true(has(DETECTOR_AUTH_SPIKE, s->server));
	assert_true(stream_find(s, DETECTOR_AUTH_SPIKE, s->server)->sources >= 60);
}

static void
without_a_baseline_there_is_no_spike(void **state)
{
	(void)state;
	provider_hours(20, 10, 300);
	failures(0, 300, 10);
	assert_false(has(DETECTOR_AUTH_SPIKE, NULL));
}

/* What the Internet always does to a server: between 0 and 60 in ten minutes. */
static void
noise(unsigned hours)
{
	for (unsigned bin = 0; bin < hours * 6; bin++) {
		unsigned n = provider_draw(61);

		for (unsigned i = 0; i < n; i++) {
			char source[24];

			snprintf(source, sizeof(source), "%u.%u.%u.9", 20 + provider_draw(20),
				provider_draw(250), provider_draw(250));
			stream_try(s, source, numbered("any", provider_draw(5000)),
				numbered("pw", provider_draw(1u << 20)), OUTCOME_FAILURE);
		}
		for (unsigned i = 0; i < 20; i++) {
			provider_login(300);
			stream_wait(s, 30 * NS_PER_S);
		}
	}
}

static void
a_noisy_baseline_is_no_spike_and_hides_none(void **state)
{
	(void)state;
	noise(48);
	assert_false(has(DETECTOR_AUTH_SPIKE, NULL));
	failures(0, 500, 10);
	assert_true(has(DETECTOR_AUTH_SPIKE, s->server));
	/* It ends, although the noise does not. */
	noise(4);
	assert_true(stream_find(s, DETECTOR_AUTH_SPIKE, s->server)->closed);
}

static void
a_busy_server_hides_no_spike(void **state)
{
	(void)state;
	provider_hours(26, 600, 3000);
	for (unsigned i = 0; i < 10; i++) {
		failures(i * 40, 40, 1);
		for (unsigned n = 0; n < 60; n++)
			provider_login(3000);
	}
	assert_true(has(DETECTOR_AUTH_SPIKE, s->server));
}

static void
four_weeks_of_weekends_and_mondays_have_no_spike(void **state)
{
	(void)state;
	for (provider_seed = 1; provider_seed < 3000; provider_seed += 1000) {
		for (unsigned week = 0; week < 4; week++)
			provider_week(400, 5000);
		assert_silent();
		teardown(state);
		setup(state);
	}
}

/*
 * All passwords expired over the weekend. On Monday each user comes with the
 * old one, mostly gets in with a new one soon after, and owns a phone somewhere
 * else that goes on with the old one.
 */
static void
a_monday_of_expired_passwords_is_no_spike(void **state)
{
	(void)state;
	for (unsigned week = 0; week < 2; week++)
		provider_week(200, 3000);
	for (unsigned user = 0; user < 1200; user++) {
		const char *account = numbered("user", user + 5000);
		char phone[24];

		snprintf(phone, sizeof(phone), "100.64.%u.%u", user / 250, user % 250);
		stream_try(s, provider_home(user + 5000), account, numbered("old", user),
			OUTCOME_FAILURE);
		if (user % 5 != 0)
			stream_try(s, provider_home(user + 5000), account, "new", OUTCOME_SUCCESS);
		if (user % 3 == 0)
			stream_try(s, phone, account, numbered("old", user), OUTCOME_FAILURE);
		if (user % 7 == 0)
			stream_try(s, phone, account, numbered("older", user), OUTCOME_FAILURE);
		stream_wait(s, 6 * NS_PER_S);
	}
	engine_finish(s->engine);
	assert_false(has(DETECTOR_AUTH_SPIKE, NULL));
	assert_false(has(DETECTOR_SLOW, NULL));
}

static void
one_guesser_is_no_spike_of_the_server(void **state)
{
	(void)state;
	provider_hours(26, 10, 300);
	guess(A, "dave", 0, 300, NS_PER_S);
	engine_finish(s->engine);
	assert_true(has(DETECTOR_BRUTEFORCE, A));
	assert_false(has(DETECTOR_AUTH_SPIKE, NULL));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(failures_far_above_the_baseline_are_a_spike),
		T(without_a_baseline_there_is_no_spike),
		T(a_noisy_baseline_is_no_spike_and_hides_none),
		T(a_busy_server_hides_no_spike),
		T(four_weeks_of_weekends_and_mondays_have_no_spike),
		T(a_monday_of_expired_passwords_is_no_spike),
		T(one_guesser_is_no_spike_of_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
