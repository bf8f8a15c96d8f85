/* Where bruteforce, spray and stuffing must speak, and where they must be silent. */
#include "tests/unit/detect_stream.h"

/* bruteforce */

static void
eleven_passwords_in_one_session_are_bruteforce(void **state)
{
	(void)state;
	guess(A, "bob", 0, 11, NS_PER_S);
	assert_only(DETECTOR_BRUTEFORCE, A);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->failures, 11);
}

static void
twenty_four_failures_of_the_server_alone_are_bruteforce(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		stream_try(s, A, NULL, NULL, OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	stream_try(s, A, NULL, NULL, OUTCOME_SUCCESS);
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, A));
	assert_int_equal(stream_find(s, DETECTOR_COMPROMISE, A)->subject_type, SUBJECT_SOURCE);
	assert_int_equal(stream_findings(s), 2);
}

static void
cram_md5_guessing_is_bruteforce(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		stream_try(s, A, "alice", NULL, OUTCOME_FAILURE);
	assert_only(DETECTOR_BRUTEFORCE, A);
}

static void
passwords_that_are_throttled_count(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++)
		stream_try(s, A, "alice", numbered("pw", i), OUTCOME_THROTTLED);
	assert_only(DETECTOR_BRUTEFORCE, A);
}

static void
passwords_without_an_outcome_count(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 26; i++)
		stream_try(s, A, "dave", numbered("pw", i), OUTCOME_UNKNOWN);
	assert_only(DETECTOR_BRUTEFORCE, A);
}

static void
a_bot_that_hammers_a_refusing_server_is_bruteforce_with_low_confidence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		stream_try(s, A, NULL, NULL, i % 2 ? OUTCOME_REFUSED : OUTCOME_THROTTLED);
		stream_wait(s, 2 * NS_PER_S);
	}
	assert_only(DETECTOR_BRUTEFORCE, A);
	assert_true(stream_find(s, DETECTOR_BRUTEFORCE, A)->confidence <= 60);
}

/* GSSAPI without a ticket names nobody; then the password, which is right. */
static void
a_nameless_failure_before_each_login_is_not_bruteforce(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		const char *user = numbered("user", i % 40);

		stream_try(s, A, NULL, NULL, OUTCOME_FAILURE);
		stream_try(s, A, user, user, OUTCOME_SUCCESS);
		stream_wait(s, 20 * NS_PER_S);
	}
	assert_silent();
}

static void
four_in_ten_minutes_for_hours_is_bruteforce(void **state)
{
	(void)state;
	guess(A, "alice", 0, 40, 150 * NS_PER_S); /* fail2ban: 5 in 10 minutes */
	assert_only(DETECTOR_BRUTEFORCE, A);
}

static void
one_guess_in_twenty_minutes_is_not_bruteforce(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 36; i++) {
		stream_try(s, A, numbered("user", i % 6), numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, 20 * NS_PER_MIN);
	}
	assert_only(DETECTOR_SLOW, A);
}

static void
lists_of_passwords_for_three_accounts_are_bruteforce(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 90; i++)
		stream_try(s, A, numbered("user", i % 3), numbered("pw", i / 3), OUTCOME_FAILURE);
	assert_only(DETECTOR_BRUTEFORCE, A);
}

static void
typos_before_a_login_are_forgiven(void **state)
{
	(void)state;
	for (unsigned typos = 1; typos <= 5; typos++) {
		const char *source = v4("192.0.2", typos);

		guess(source, "carol", 0, typos, 3 * NS_PER_S);
		stream_try(s, source, "carol", "right", OUTCOME_SUCCESS);
	}
	assert_silent();
}

static void
a_nat_of_users_who_mistype_all_day_is_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1200; i++) {
		const char *user = numbered("user", i * 7 % 150);

		for (unsigned typo = 0; i % 3 == 0 && typo < 1 + i % 4; typo++)
			stream_try(s, A, user, numbered("typo", i * 10 + typo), OUTCOME_FAILURE);
		stream_wait(s, 5 * NS_PER_S);
		stream_try(s, A, user, user, OUTCOME_SUCCESS);
		stream_wait(s, 20 * NS_PER_S);
	}
	assert_silent();
}

static void
a_nat_of_devices_with_old_passwords_is_not_guessing(void **state)
{
	(void)state;
	/* Twelve users, a phone and a laptop each, each with one old password, every 5 to 9
	   minutes; others log in. */
	for (unsigned minute = 0; minute < 600; minute++) {
		for (unsigned u = 0; u < 12; u++)
			for (unsigned d = 0; d < 2; d++)
				if (minute % (5 + (u + d) % 5) == (u + d) % 5)
					stream_try(s, A, numbered("user", u),
						numbered("old", u * 2 + d), OUTCOME_FAILURE);
		if (minute % 3 == 0)
			stream_try(s, A, numbered("other", minute % 40), "x", OUTCOME_SUCCESS);
		stream_wait(s, NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_null(stream_find(s, DETECTOR_BRUTEFORCE, NULL));
	assert_null(stream_find(s, DETECTOR_SPRAY, NULL));
	assert_null(stream_find(s, DETECTOR_STUFFING, NULL));
	assert_null(stream_find(s, DETECTOR_DISTRIBUTED, NULL));
}

static void
a_client_that_falls_back_to_another_mechanism_is_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		stream_try(s, A, NULL, NULL, OUTCOME_ABORTED);
		stream_try(s, A, numbered("user", i % 50), "right", OUTCOME_SUCCESS);
		stream_wait(s, NS_PER_S);
	}
	assert_silent();
}

static void
honest_logins_whose_replies_are_not_seen_are_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		stream_try(
			s, A, numbered("user", i % 80), numbered("right", i % 80), OUTCOME_UNKNOWN);
		stream_wait(s, 3 * NS_PER_S);
	}
	assert_silent();
}

/* spray, stuffing */

static void
two_passwords_over_many_accounts_are_spray_in_either_order(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 220; i++)
		stream_try(s, "198.51.100.60", numbered("user", i % 110), numbered("pw", i / 110),
			OUTCOME_FAILURE);
	for (unsigned i = 0; i < 220; i++)
		stream_try(s, "203.0.113.61", numbered("u", i / 2), numbered("pw", i % 2),
			OUTCOME_FAILURE);
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 2);
	assert_non_null(stream_find(s, DETECTOR_SPRAY, "203.0.113.61"));
	assert_int_equal(stream_find(s, DETECTOR_SPRAY, "198.51.100.60")->attempts, 220);
	assert_int_equal(stream_find(s, DETECTOR_SPRAY, "198.51.100.60")->accounts, 110);
	assert_int_equal(stream_find(s, DETECTOR_SPRAY, "198.51.100.60")->passwords, 2);
}

static void
one_password_every_five_minutes_is_spray(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		stream_try(s, A, numbered("user", i), "Winter2026!", OUTCOME_FAILURE);
		stream_wait(s, 5 * NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_SPRAY, A));
	assert_null(stream_find(s, DETECTOR_BRUTEFORCE, A));
}

static void
many_accounts_with_unknown_passwords_are_spray(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		stream_try(s, A, numbered("user", i), NULL, OUTCOME_FAILURE);
	assert_only(DETECTOR_SPRAY, A);
}

/* accounts users, passwords guesses at each before the next. */
static void
user_by_user(unsigned accounts, unsigned passwords, bool shared, uint64_t gap_ns)
{
	for (unsigned i = 0; i < accounts * passwords; i++) {
		unsigned n = shared ? i % passwords : i;

		stream_try(
			s, A, numbered("user", i / passwords), numbered("pw", n), OUTCOME_FAILURE);
		stream_wait(s, gap_ns);
	}
}

static void
five_own_passwords_for_each_of_sixty_accounts_are_stuffing(void **state)
{
	(void)state;
	user_by_user(60, 5, false, 200 * NS_PER_MS);
	assert_only(DETECTOR_STUFFING, A);
}

static void
five_passwords_for_each_of_fifteen_accounts_are_stuffing(void **state)
{
	(void)state;
	user_by_user(15, 5, false, 5 * NS_PER_S);
	assert_only(DETECTOR_STUFFING, A);
}

static void
a_short_list_for_each_of_five_accounts_is_spray(void **state)
{
	(void)state;
	user_by_user(5, 5, true, NS_PER_S);
	assert_only(DETECTOR_SPRAY, A);
}

/* Each with passwords of his own. */
static void
fourteen_people_who_give_up_after_four_tries_are_silent(void **state)
{
	(void)state;
	user_by_user(14, 4, false, 15 * NS_PER_S);
	assert_silent();
}

/* One of them after the other tries what the site gives to who begins. */
static void
people_who_share_a_first_password_are_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		stream_try(s, A, numbered("user", i), "Welcome1", OUTCOME_FAILURE);
		stream_try(s, A, numbered("user", i), "welcome1", OUTCOME_FAILURE);
		stream_try(s, A, numbered("user", i), numbered("own", i), OUTCOME_SUCCESS);
		stream_wait(s, 30 * NS_PER_S);
	}
	assert_silent();
}

static void
a_list_of_pairs_is_stuffing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		stream_try(s, A, numbered("user", i), numbered("pw", i % 50), OUTCOME_FAILURE);
		stream_wait(s, 2 * NS_PER_S);
	}
	assert_only(DETECTOR_STUFFING, A);
	assert_int_equal(stream_find(s, DETECTOR_STUFFING, A)->attempts, 60);
}

static void
stuffing_with_a_few_that_work_is_stuffing_and_compromise(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		stream_try(s, A, numbered("user", i), numbered("pw", i),
			i % 30 == 3 ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
		stream_wait(s, 2 * NS_PER_S);
	}
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_STUFFING, A));
	assert_null(stream_find(s, DETECTOR_BRUTEFORCE, NULL));
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "user3")); /* before the verdict */
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "user33"));
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "user63"));
	assert_string_equal(stream_find(s, DETECTOR_STUFFING, A)->success_account, "user3");
}

static void
a_v6_prefix_full_of_sources_is_the_attacker(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 120; i++) {
		char source[64];

		snprintf(source, sizeof(source), "2001:db8:bad:1::%x", 1 + i / 2);
		stream_try(s, source, "alice", numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, "2001:db8:bad:1::/64"));
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, "2001:db8:bad:1::/64")->subject_type,
		SUBJECT_PREFIX);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, NULL)->attempts, 120);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, NULL)->sources, 60);
}

static void
addresses_of_a_v6_prefix_that_is_the_attacker_are_not_attackers_too(void **state)
{
	const struct finding *i;

	(void)state;
	for (unsigned n = 0; n < 400; n++) {
		char source[64];

		snprintf(source, sizeof(source), "2001:db8:bad:1::%x", 1 + n / 10);
		stream_try(s, source, "alice", numbered("pw", n), OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	engine_finish(s->engine);
	i = stream_find(s, DETECTOR_BRUTEFORCE, "2001:db8:bad:1::/64");
	assert_non_null(i);
	assert_int_equal(i->attempts, 400);
	assert_int_equal(i->sources, 40);
	/* The first two, before it was known, and the account that all of them try. */
	assert_true(stream_findings(s) <= 4);
}

static void
a_list_of_pairs_at_leisure_is_stuffing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		stream_try(s, A, numbered("user", i), numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, 10 * NS_PER_MIN);
	}
	/* Slow it is too, and before there are pairs enough. */
	assert_non_null(stream_find(s, DETECTOR_STUFFING, A));
	assert_non_null(stream_find(s, DETECTOR_SLOW, A));
	assert_int_equal(stream_findings(s), 2);
}

static void
one_v6_source_is_named_by_its_address(void **state)
{
	(void)state;
	guess("2001:db8:bad::7", "alice", 0, 80, NS_PER_S);
	assert_only(DETECTOR_BRUTEFORCE, "2001:db8:bad::7");
}

static void
a_v6_prefix_that_sprays_is_spray(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		char source[64];

		snprintf(source, sizeof(source), "2001:db8:bad:2::%x", 1 + i);
		stream_try(s, source, numbered("user", i), "Summer1", OUTCOME_FAILURE);
	}
	assert_only(DETECTOR_SPRAY, "2001:db8:bad:2::/64");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(eleven_passwords_in_one_session_are_bruteforce),
		T(twenty_four_failures_of_the_server_alone_are_bruteforce),
		T(cram_md5_guessing_is_bruteforce),
		T(passwords_that_are_throttled_count),
		T(passwords_without_an_outcome_count),
		T(a_bot_that_hammers_a_refusing_server_is_bruteforce_with_low_confidence),
		T(a_nameless_failure_before_each_login_is_not_bruteforce),
		T(four_in_ten_minutes_for_hours_is_bruteforce),
		T(one_guess_in_twenty_minutes_is_not_bruteforce),
		T(lists_of_passwords_for_three_accounts_are_bruteforce),
		T(typos_before_a_login_are_forgiven),
		T(a_nat_of_users_who_mistype_all_day_is_silent),
		T(a_nat_of_devices_with_old_passwords_is_not_guessing),
		T(a_client_that_falls_back_to_another_mechanism_is_silent),
		T(honest_logins_whose_replies_are_not_seen_are_silent),
		T(two_passwords_over_many_accounts_are_spray_in_either_order),
		T(one_password_every_five_minutes_is_spray),
		T(many_accounts_with_unknown_passwords_are_spray),
		T(five_own_passwords_for_each_of_sixty_accounts_are_stuffing),
		T(five_passwords_for_each_of_fifteen_accounts_are_stuffing),
		T(a_short_list_for_each_of_five_accounts_is_spray),
		T(fourteen_people_who_give_up_after_four_tries_are_silent),
		T(people_who_share_a_first_password_are_silent),
		T(a_list_of_pairs_is_stuffing),
		T(stuffing_with_a_few_that_work_is_stuffing_and_compromise),
		T(a_v6_prefix_full_of_sources_is_the_attacker),
		T(addresses_of_a_v6_prefix_that_is_the_attacker_are_not_attackers_too),
		T(a_list_of_pairs_at_leisure_is_stuffing),
		T(one_v6_source_is_named_by_its_address),
		T(a_v6_prefix_that_sprays_is_spray),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
