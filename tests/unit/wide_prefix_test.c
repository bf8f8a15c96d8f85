/* distributed, by IPv6 /56 and /48: what makes it speak, and what must not. */
#include "tests/unit/tracked_stream.h"

static const char *
in64(unsigned site, unsigned n56, unsigned n64, unsigned host)
{
	static char text[8][64];
	static unsigned next;
	char *out = text[next++ % 8];

	snprintf(out, sizeof(text[0]), "2001:db8:%x:%x::%x", site, n56 << 8 | n64, host);
	return out;
}

static unsigned
against_prefixes(void)
{
	static const struct finding *all[512];
	size_t n = engine_findings(s->engine, all, 512);
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += all[i]->subject_type == SUBJECT_PREFIX ||
			 all[i]->subject_type == SUBJECT_SOURCE;
	return found;
}

static void
a_fresh_64_for_each_guess_is_found_as_its_56_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		stream_try(s, in64(0xbad, 0, i, 1), numbered("user", i % 3), numbered("pw", i),
			OUTCOME_FAILURE);
		stream_wait(s, 20 * NS_PER_S);
	}
	assert_true(has(DETECTOR_DISTRIBUTED_PREFIX, "2001:db8:bad::/56"));
	assert_int_equal(against_prefixes(), 1);
	assert_string_equal(detector_info(DETECTOR_DISTRIBUTED_PREFIX)->name, "distributed");
	assert_true(stream_find(s, DETECTOR_DISTRIBUTED_PREFIX, NULL)->attempts >= 190);
}

static void
a_fresh_56_for_each_guess_is_found_as_its_48_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		stream_try(s, in64(0xbad, i, i * 7 % 256, 1), numbered("user", i % 3),
			numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, 20 * NS_PER_S);
	}
	assert_true(has(DETECTOR_DISTRIBUTED_PREFIX, "2001:db8:bad::/48"));
	assert_int_equal(against_prefixes(), 1);
}

static void
a_list_of_accounts_from_fresh_64s_is_found_within_the_hour(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 120; i++) {
		stream_try(s, in64(0xbad, 3, i, 1), numbered("user", i), numbered("pw", i),
			OUTCOME_FAILURE);
		stream_wait(s, 30 * NS_PER_S);
	}
	assert_true(has(DETECTOR_DISTRIBUTED_PREFIX, "2001:db8:bad:300::/56"));
}

/* Ten guesses of each, enough for findings of their own: these are over, and no more open. */
static void
found_64s_are_absorbed_by_their_56(void **state)
{
	static const struct finding *all[64];
	unsigned open = 0;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		for (unsigned k = 0; k < 10; k++) {
			stream_try(s, in64(0xbad, 0, i, 1), "dave", numbered("pw", i * 10 + k),
				OUTCOME_FAILURE);
			stream_wait(s, 5 * NS_PER_S);
		}
	assert_true(has(DETECTOR_DISTRIBUTED_PREFIX, "2001:db8:bad::/56"));
	n = engine_findings(s->engine, all, 64);
	for (size_t i = 0; i < n; i++)
		open += !all[i]->closed && (all[i]->subject_type == SUBJECT_PREFIX ||
						   all[i]->subject_type == SUBJECT_SOURCE);
	assert_int_equal(open, 1);
	assert_in_range(against_prefixes(), 1, 4);
}

static void
an_attack_out_of_one_64_stays_with_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		stream_try(s, in64(0xbad, 0, 1, 1 + i), numbered("user", i % 2), numbered("pw", i),
			OUTCOME_FAILURE);
		/* Two neighbours mistype, and get in. */
		if (i % 50 == 0) {
			stream_try(s, in64(0xbad, 0, 2, 9), "erin", numbered("typo", i),
				OUTCOME_FAILURE);
			stream_try(s, in64(0xbad, 0, 2, 9), "erin", "right", OUTCOME_SUCCESS);
		}
		stream_wait(s, 5 * NS_PER_S);
	}
	assert_true(has(DETECTOR_BRUTEFORCE, "2001:db8:bad:1::/64"));
	assert_false(has(DETECTOR_DISTRIBUTED_PREFIX, NULL));
}

static void
a_guess_that_works_from_a_fresh_64_is_a_compromise(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		stream_try(s, in64(0xbad, 0, i, 1), numbered("user", i % 3), numbered("pw", i),
			OUTCOME_FAILURE);
		stream_wait(s, 20 * NS_PER_S);
	}
	stream_try(s, in64(0xbad, 0, 101, 1), "user1", "right", OUTCOME_SUCCESS);
	assert_true(has(DETECTOR_COMPROMISE, "user1"));
}

/* A university: a /48, thousands of people, each building a /56. */
static void
honest_people_of_a_48_are_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12000; i++) {
		unsigned who = i * 7919 % 3000;
		const char *from = in64(0xc0de, who % 40, who % 200, who);

		if (i % 20 == 0)
			stream_try(s, from, numbered("user", who), numbered("typo", i),
				OUTCOME_FAILURE);
		if (i % 200 != 0)
			stream_try(s, from, numbered("user", who), "right", OUTCOME_SUCCESS);
		stream_wait(s, 3 * NS_PER_S);
	}
	assert_silent();
}

/* An ISP's /32: phones with old passwords, each in a /64 of its own, and nobody logs in. */
static void
stale_phones_of_an_isp_are_no_attack(void **state)
{
	(void)state;
	for (unsigned minute = 0; minute < 6 * 60; minute++) {
		for (unsigned p = minute % 10; p < 600; p += 10)
			stream_try(s, in64(p % 4, p / 4 % 5, p % 251, 1), numbered("user", p),
				p % 5 == 0 ? NULL : numbered("old", p), OUTCOME_FAILURE);
		stream_wait(s, NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_false(has(DETECTOR_DISTRIBUTED_PREFIX, NULL));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_fresh_64_for_each_guess_is_found_as_its_56_once),
		T(a_fresh_56_for_each_guess_is_found_as_its_48_once),
		T(a_list_of_accounts_from_fresh_64s_is_found_within_the_hour),
		T(found_64s_are_absorbed_by_their_56),
		T(an_attack_out_of_one_64_stays_with_it),
		T(a_guess_that_works_from_a_fresh_64_is_a_compromise),
		T(honest_people_of_a_48_are_silent),
		T(stale_phones_of_an_isp_are_no_attack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
