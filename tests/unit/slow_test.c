/* slow: what makes it speak of a source or a server, and what must not. */
#include "tests/unit/provider.h"

#define SOURCES 20u

static void
one_try_in_eleven_minutes_is_found_within_the_day(void **state)
{
	(void)state;
	guess(A, "dave", 0, 120, 11 * NS_PER_MIN);
	assert_only(DETECTOR_SLOW, A);
}

static void
one_try_in_an_hour_is_found_within_the_day(void **state)
{
	(void)state;
	guess(A, "dave", 0, 24, NS_PER_H);
	assert_only(DETECTOR_SLOW, A);
}

/* Where it stops, as the documentation says. */
static void
one_try_in_ninety_minutes_is_not_found(void **state)
{
	(void)state;
	guess(A, "dave", 0, 100, 90 * NS_PER_MIN);
	assert_silent();
}

struct shape {
	bool one_account;
	bool one_net;
	bool blind;
	uint64_t gap_ns; /* of each source */
	unsigned rounds;
};

static const char *
shape_source(const struct shape *shape, unsigned n)
{
	static char text[32];

	if (shape->one_net)
		snprintf(text, sizeof(text), "198.51.100.%u", n + 1);
	else
		snprintf(text, sizeof(text), "%u.%u.%u.7", 60 + n, 3 * n, 7 * n);
	return text;
}

static void
attack(const struct shape *shape)
{
	for (unsigned i = 0; i < shape->rounds; i++) {
		for (unsigned n = 0; n < SOURCES; n++) {
			unsigned account = shape->one_account ? 0 : (n * 11 + i) % 97;

			stream_try(s, shape_source(shape, n), numbered("victim", account),
				shape->blind ? NULL : numbered("pw", i * SOURCES + n),
				OUTCOME_FAILURE);
			stream_wait(s, shape->gap_ns / SOURCES);
		}
	}
}

/* One finding that covers all of them, or one for each. */
static void
assert_covered(const struct shape *shape)
{
	static const struct finding *all[256];
	size_t n = engine_findings(s->engine, all, 256);
	unsigned sources = 0;

	for (size_t i = 0; i < n; i++) {
		if (all[i]->subject_type != SUBJECT_SOURCE)
			return;
	}
	for (unsigned i = 0; i < SOURCES; i++) {
		const char *source = shape_source(shape, i);

		sources += has(DETECTOR_SLOW, source) || has(DETECTOR_BRUTEFORCE, source) ||
			   has(DETECTOR_SPRAY, source) || has(DETECTOR_STUFFING, source);
	}
	assert_int_equal(sources, SOURCES);
}

static void
twenty_sources_with_a_try_in_five_minutes_are_found_in_every_shape(void **state)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		const struct shape shape = {bits & 1, bits & 2, bits & 4, 5 * NS_PER_MIN, 280};

		attack(&shape);
		assert_covered(&shape);
		teardown(state);
		setup(state);
	}
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

/* Phones that fail on a timer of their own, next to a laptop that is stale too. */
static void
stale_devices_are_not_slow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24 * 60; i++) {
		if (i % 5 == 0) {
			stream_try(s, "192.0.2.5", "dave", "old", OUTCOME_FAILURE);
			stream_try(s, "192.0.2.6", "erin", NULL, OUTCOME_FAILURE);
		}
		if (i % 7 == 0) {
			stream_try(s, "192.0.2.5", "dave", "older", OUTCOME_FAILURE);
			stream_try(s, "192.0.2.6", "erin", NULL, OUTCOME_FAILURE);
		}
		/* One that goes through all the passwords that it ever had. */
		if (i % 6 == 0)
			stream_try(s, "192.0.2.8", "frank", numbered("old", i / 6 % 5),
				OUTCOME_FAILURE);
		stream_wait(s, NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_false(has(DETECTOR_SLOW, NULL));
	assert_false(has(DETECTOR_BRUTEFORCE, NULL));
}

/* All of an office got new passwords; its devices learn of it during the day. */
static void
an_office_full_of_stale_devices_is_not_slow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12 * 60; i++) {
		unsigned devices = i / 8 < 60 ? i / 8 + 1 : 60;

		stream_try(s, "192.0.2.5", numbered("user", i * 7 % devices),
			numbered("old", i * 7 % devices), OUTCOME_FAILURE);
		stream_try(s, "192.0.2.5", numbered("user", i * 11 % devices),
			numbered("old", i * 11 % devices), OUTCOME_FAILURE);
		stream_wait(s, NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_false(has(DETECTOR_SLOW, NULL));
}

static void
an_own_account_does_not_hide_a_slow_guesser(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		stream_try(s, A, "mallory", "own", OUTCOME_SUCCESS);
		stream_try(s, A, "dave", numbered("pw", i), OUTCOME_FAILURE);
		stream_try(s, A, "mallory", "own", OUTCOME_SUCCESS);
		stream_wait(s, 11 * NS_PER_MIN);
	}
	assert_true(has(DETECTOR_SLOW, A));
}

/* Forty sources, each a try in two hours: 20 an hour, among 600 logins an hour. */
static void
patience(unsigned hours)
{
	for (unsigned i = 0; i < hours * 20; i++) {
		char source[20];

		snprintf(source, sizeof(source), "198.%u.%u.7", i % 40, i % 40 * 5);
		stream_try(s, source, numbered("user", i * 13 % 500), numbered("pw", i),
			OUTCOME_FAILURE);
		for (unsigned n = 0; n < 30; n++) {
			provider_login(500);
			stream_wait(s, 6 * NS_PER_S);
		}
	}
}

static void
many_sources_below_everything_are_a_slow_attack_on_the_server(void **state)
{
	(void)state;
	provider_hours(30, 100, 500);
	assert_int_equal(stream_findings(s), 0);
	patience(20);
	assert_true(has(DETECTOR_SLOW, s->server));
	assert_int_equal(stream_findings(s), 1);
	assert_true(stream_find(s, DETECTOR_SLOW, s->server)->sources >= 40);
}

static void
it_is_over_when_the_server_is_as_usual_again(void **state)
{
	(void)state;
	provider_hours(30, 100, 500);
	patience(20);
	assert_false(stream_find(s, DETECTOR_SLOW, s->server)->closed);
	provider_hours(12, 100, 500);
	assert_true(stream_find(s, DETECTOR_SLOW, s->server)->closed);
	assert_int_equal(stream_findings(s), 1);
}

static void
weeks_of_honest_logins_are_not_slow(void **state)
{
	for (provider_seed = 1; provider_seed < 4000; provider_seed += 1000) {
		for (unsigned week = 0; week < 4; week++)
			provider_week(200, 3000);
		assert_silent();
		teardown(state);
		setup(state);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_try_in_eleven_minutes_is_found_within_the_day),
		T(one_try_in_an_hour_is_found_within_the_day),
		T(one_try_in_ninety_minutes_is_not_found),
		T(twenty_sources_with_a_try_in_five_minutes_are_found_in_every_shape),
		T(unknown_passwords_over_several_accounts_are_slow_too),
		T(a_stale_phone_is_not_slow),
		T(stale_devices_are_not_slow),
		T(an_office_full_of_stale_devices_is_not_slow),
		T(people_behind_a_nat_are_not_slow),
		T(an_own_account_does_not_hide_a_slow_guesser),
		T(a_guesser_that_is_known_already_is_not_slow),
		T(many_sources_below_everything_are_a_slow_attack_on_the_server),
		T(it_is_over_when_the_server_is_as_usual_again),
		T(weeks_of_honest_logins_are_not_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
