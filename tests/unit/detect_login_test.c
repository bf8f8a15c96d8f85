/* The same for distributed, compromise and stale_credential. */
#include "tests/unit/detect_stream.h"

/* distributed */

static void
many_sources_at_one_account_are_distributed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 240; i++) {
		for (unsigned n = 0; n < 1 + i % 3; n++)
			stream_try(s, v4("198.51.100", i), "admin", numbered("pw", i * 3 + n),
				OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 1);
	assert_non_null(stream_find(s, DETECTOR_DISTRIBUTED, "admin"));
	assert_int_equal(stream_find(s, DETECTOR_DISTRIBUTED, "admin")->attempts, 480);
	assert_int_equal(stream_find(s, DETECTOR_DISTRIBUTED, "admin")->sources, 240);
	assert_int_equal(stream_find(s, DETECTOR_DISTRIBUTED, "admin")->top_sources[0].count, 3);
	assert_true(stream_find(s, DETECTOR_DISTRIBUTED, "admin")->passwords_capped);
}

static void
three_people_who_mistype_a_shared_account_are_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		guess(v4("192.0.2", i + 1), "info", i * 4, i * 4 + 4, 20 * NS_PER_S);
	assert_silent();
}

static void
devices_of_a_shared_account_with_its_old_password_are_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		stream_try(s, v4("192.0.2", 1 + i % 20), "info", "old", OUTCOME_FAILURE);
		stream_wait(s, 5 * NS_PER_S);
	}
	assert_silent();
}

static void
many_sources_over_many_accounts_of_one_server_are_distributed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		char source[64];

		snprintf(source, sizeof(source), "10.%u.%u.9", i % 150, i % 7);
		stream_try(s, source, numbered("user", i), numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	assert_only(DETECTOR_DISTRIBUTED, "203.0.113.25");
}

/* compromise */

static void
the_guess_that_worked_is_named(void **state)
{
	const struct finding *i;

	(void)state;
	guess(A, "dave", 0, 70, NS_PER_S);
	stream_try(s, A, "dave", "right", OUTCOME_SUCCESS);
	engine_finish(s->engine);
	i = stream_find(s, DETECTOR_COMPROMISE, "dave");
	assert_non_null(i);
	assert_string_equal(i->success_account, "dave");
	assert_int_equal(i->success_attempt, 71);
	assert_int_equal(i->attempts, 71);
	assert_string_equal(i->top_sources[0].name, A);
	i = stream_find(s, DETECTOR_BRUTEFORCE, A);
	assert_int_equal(i->success_attempt, 71);
	assert_int_equal(i->successes, 1);
	assert_int_equal(stream_findings(s), 2);
}

static unsigned
compromises_told(void)
{
	unsigned told = 0;

	for (unsigned i = 0; i < s->line_count; i++)
		told += s->tellings[i].detector == DETECTOR_COMPROMISE &&
			s->tellings[i].finding_state == FINDING_OPEN;
	return told;
}

/* He forgot his password, had it reset, and logs in every few hours from then on. */
static void
a_login_after_guesses_is_told_once_not_on_each_day(void **state)
{
	(void)state;
	guess(A, "dave", 0, 10, 20 * NS_PER_S);
	for (unsigned n = 0; n < 30; n++) {
		stream_try(s, A, "dave", "right", OUTCOME_SUCCESS);
		stream_wait(s, 5 * NS_PER_H);
	}
	assert_int_equal(compromises_told(), 1);
}

static void
a_slow_guesser_who_gets_in_is_a_compromise(void **state)
{
	(void)state;
	guess(A, "dave", 0, 20, 20 * NS_PER_MIN);
	stream_try(s, A, "dave", "right", OUTCOME_SUCCESS);
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_SLOW, A));
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "dave"));
	assert_int_equal(stream_find(s, DETECTOR_COMPROMISE, "dave")->attempts, 21);
	assert_int_equal(stream_findings(s), 2);
}

static void
a_sprayed_account_that_opens_is_a_compromise(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 110; i++)
		stream_try(s, A, numbered("user", i), "Winter2026!",
			i == 77 ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "user77"));
	assert_int_equal(stream_findings(s), 2);
}

static void
a_printer_whose_password_is_mended_is_no_compromise(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 288; i++) {
		stream_try(s, "192.0.2.77", "printer", "old", OUTCOME_FAILURE);
		stream_wait(s, 5 * NS_PER_MIN);
	}
	stream_try(s, "192.0.2.77", "printer", "new", OUTCOME_SUCCESS);
	assert_only(DETECTOR_STALE_CREDENTIAL, "192.0.2.77");
	assert_int_equal(stream_find(s, DETECTOR_STALE_CREDENTIAL, NULL)->failures, 288);
	assert_int_equal(stream_find(s, DETECTOR_STALE_CREDENTIAL, NULL)->passwords, 1);
	assert_string_equal(
		stream_find(s, DETECTOR_STALE_CREDENTIAL, NULL)->top_accounts[0].name, "printer");
}

static void
the_owner_of_an_attacked_account_may_log_in_from_his_place(void **state)
{
	(void)state;
	stream_try(s, "192.0.2.9", "admin", "right", OUTCOME_SUCCESS);
	stream_wait(s, 3 * NS_PER_H);
	for (unsigned i = 0; i < 60; i++)
		stream_try(s, v4("198.51.100", i), "admin", numbered("pw", i), OUTCOME_FAILURE);
	stream_try(s, "192.0.2.9", "admin", "right", OUTCOME_SUCCESS);
	assert_only(DETECTOR_DISTRIBUTED, "admin");
}

static void
a_stranger_who_logs_in_to_an_attacked_account_is_a_compromise(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		stream_try(s, v4("198.51.100", i), "admin", numbered("pw", i), OUTCOME_FAILURE);
	stream_try(s, "198.51.100.200", "admin", "right", OUTCOME_SUCCESS);
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "admin"));
}

static void
an_owner_who_logs_in_while_one_source_guesses_is_no_compromise(void **state)
{
	(void)state;
	guess(A, "alice", 0, 40, NS_PER_S);
	stream_try(s, "192.0.2.50", "alice", "right", OUTCOME_SUCCESS);
	assert_only(DETECTOR_BRUTEFORCE, A);
}

/* stale_credential */

static void
a_printer_is_stale_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 288; i++) {
		stream_try(s, "192.0.2.77", "printer", "old", OUTCOME_FAILURE);
		stream_wait(s, 5 * NS_PER_MIN);
	}
	assert_only(DETECTOR_STALE_CREDENTIAL, "192.0.2.77");
}

/* Each minute by CRAM-MD5, LOGIN and PLAIN, of which the first cannot be read. */
static void
a_phone_that_tries_each_mechanism_is_stale_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		stream_try(s, A, "carol", NULL, OUTCOME_FAILURE);
		stream_try(s, A, "carol", "old", OUTCOME_FAILURE);
		stream_try(s, A, "carol", "old", OUTCOME_FAILURE);
		stream_wait(s, 60 * NS_PER_S);
	}
	assert_only(DETECTOR_STALE_CREDENTIAL, A);
}

static void
a_printer_with_an_unreadable_password_is_stale_by_its_timer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 288; i++) {
		stream_try(s, "192.0.2.77", NULL, NULL, OUTCOME_FAILURE);
		stream_wait(s, 5 * NS_PER_MIN + i % 5 * NS_PER_S);
	}
	stream_try(s, "192.0.2.77", NULL, NULL, OUTCOME_SUCCESS);
	assert_only(DETECTOR_STALE_CREDENTIAL, "192.0.2.77");
}

static void
a_printer_that_tries_each_hour_is_one_finding(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		stream_try(s, "192.0.2.77", "printer", "old", OUTCOME_FAILURE);
		stream_wait(s, NS_PER_H);
	}
	assert_only(DETECTOR_STALE_CREDENTIAL, "192.0.2.77");
	assert_int_equal(stream_find(s, DETECTOR_STALE_CREDENTIAL, NULL)->failures, 100);
}

static void
clients_of_a_server_whose_accounts_are_down_are_silent(void **state)
{
	(void)state;
	/* 454 4.7.0 to everybody: right passwords, twice a minute, a NAT of 15 and others. */
	for (unsigned i = 0; i < 120; i++) {
		for (unsigned u = 0; u < 15; u++)
			stream_try(
				s, A, numbered("user", u), numbered("right", u), OUTCOME_THROTTLED);
		for (unsigned u = 15; u < 60; u++)
			stream_try(s, v4("192.0.2", u), numbered("user", u), numbered("right", u),
				OUTCOME_THROTTLED);
		stream_wait(s, 30 * NS_PER_S);
	}
	assert_silent();
}

/* CRAM-MD5: the right passwords cannot be told from guesses, but who logged in before can. */
static void
users_with_unseen_passwords_are_silent_while_their_server_is_down(void **state)
{
	const enum event_outcome day[] = {OUTCOME_SUCCESS, OUTCOME_THROTTLED, OUTCOME_SUCCESS};

	(void)state;
	for (unsigned phase = 0; phase < 3; phase++)
		for (unsigned i = 0; i < 20; i++) {
			for (unsigned u = 0; u < 15; u++)
				stream_try(s, A, numbered("user", u), NULL, day[phase]);
			stream_wait(s, 30 * NS_PER_S);
		}
	assert_silent();
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(many_sources_at_one_account_are_distributed),
		T(three_people_who_mistype_a_shared_account_are_silent),
		T(devices_of_a_shared_account_with_its_old_password_are_silent),
		T(many_sources_over_many_accounts_of_one_server_are_distributed),
		T(the_guess_that_worked_is_named),
		T(a_login_after_guesses_is_told_once_not_on_each_day),
		T(a_slow_guesser_who_gets_in_is_a_compromise),
		T(a_sprayed_account_that_opens_is_a_compromise),
		T(a_printer_whose_password_is_mended_is_no_compromise),
		T(the_owner_of_an_attacked_account_may_log_in_from_his_place),
		T(a_stranger_who_logs_in_to_an_attacked_account_is_a_compromise),
		T(an_owner_who_logs_in_while_one_source_guesses_is_no_compromise),
		T(a_printer_is_stale_and_nothing_else),
		T(a_phone_that_tries_each_mechanism_is_stale_and_nothing_else),
		T(a_printer_with_an_unreadable_password_is_stale_by_its_timer),
		T(a_printer_that_tries_each_hour_is_one_finding),
		T(clients_of_a_server_whose_accounts_are_down_are_silent),
		T(users_with_unseen_passwords_are_silent_while_their_server_is_down),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
