/* Incidents: how they open, grow and close; capacity; the same lines in each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream.h"

#define A "198.51.100.7"

static struct stream *s;

static int
setup(void **state)
{
	(void)state;
	s = stream_open();
	return s == NULL || s->engine == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	stream_close(s);
	return 0;
}

static void
guess_numbered(struct stream *to, const char *source, const char *account, unsigned n)
{
	char password[32];

	snprintf(password, sizeof(password), "pw%u", n);
	stream_try(to, source, account, password, OUTCOME_FAILURE);
}

static void
guess(unsigned from, unsigned to, uint64_t gap_ns)
{
	for (unsigned i = from; i < to; i++) {
		guess_numbered(s, A, "alice", i);
		stream_wait(s, gap_ns);
	}
}

static void
ten_thousand_failures_are_one_finding(void **state)
{
	const struct finding *i;

	(void)state;
	guess(0, 10000, 100 * NS_PER_MS);
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 1);
	i = stream_find(s, DETECTOR_BRUTEFORCE, A);
	assert_int_equal(i->attempts, 10000);
	assert_int_equal(i->failures, 10000);
	assert_int_equal(i->passwords, PASSWORDS_MAX);
	assert_true(i->passwords_capped);
	assert_int_equal(i->accounts, 1);
	assert_string_equal(i->top_accounts[0].name, "alice");
	assert_int_equal(i->top_accounts[0].count, 10000);
	assert_string_equal(i->top_targets[0].name, "203.0.113.25");
	assert_int_equal(i->top_targets[0].count, 10000);
	assert_string_equal(i->top_sources[0].name, A);
	assert_int_equal(i->sample_count, FINDING_SAMPLES);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	/* 1000 s: by time every 5 minutes, by growth at 80, 800 and 8000. */
	assert_in_range(s->told[FINDING_UPDATE], 3, 7);
}

static void
a_finding_tells_of_all_that_led_to_it(void **state)
{
	const struct finding *i;
	uint64_t start_ns = s->now_ns;

	(void)state;
	guess(0, 8, NS_PER_S);
	i = stream_find(s, DETECTOR_BRUTEFORCE, A);
	assert_non_null(i);
	assert_int_equal(i->attempts, 8);
	assert_int_equal(i->first_seen_ns, start_ns);
	assert_int_equal(i->last_seen_ns, start_ns + 7 * NS_PER_S);
	assert_int_equal(i->samples[0].flow_id, 1);
}

static void
quiet_time_closes_when_a_later_event_comes(void **state)
{
	(void)state;
	guess(0, 20, NS_PER_S);
	stream_wait(s, 29 * NS_PER_MIN);
	stream_try(s, "192.0.2.1", "bob", "x", OUTCOME_SUCCESS);
	assert_int_equal(s->told[FINDING_CLOSED], 0);
	stream_wait(s, 2 * NS_PER_MIN);
	stream_try(s, "192.0.2.1", "bob", "x", OUTCOME_SUCCESS);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_true(stream_find(s, DETECTOR_BRUTEFORCE, A)->closed);
}

static void
events_of_other_types_move_the_clock(void **state)
{
	struct event e = {.head.type = EVENT_SESSION};

	(void)state;
	guess(0, 20, NS_PER_S);
	e.head.clock_ns = s->now_ns + NS_PER_H;
	engine_event(s->engine, &e);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
}

static void
quiet_time_closes_in_silence_too(void **state)
{
	uint64_t last_ns;

	(void)state;
	guess(0, 20, NS_PER_S);
	last_ns = s->now_ns;
	engine_clock(s->engine, last_ns + 29 * NS_PER_MIN);
	assert_int_equal(s->told[FINDING_CLOSED], 0);
	engine_clock(s->engine, last_ns + 31 * NS_PER_MIN);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	engine_clock(s->engine, last_ns); /* it does not run backwards */
	assert_true(stream_find(s, DETECTOR_BRUTEFORCE, A)->closed);
}

static void
after_closing_it_takes_new_evidence(void **state)
{
	(void)state;
	guess(0, 20, NS_PER_S);
	stream_wait(s, 40 * NS_PER_MIN);
	guess(20, 27, NS_PER_S);
	assert_int_equal(stream_findings(s), 1);
	guess(27, 28, NS_PER_S);
	assert_int_equal(stream_findings(s), 2);
	engine_finish(s->engine);
	assert_string_equal(s->lines[s->line_count - 1],
		"1 2 bruteforce 0 198.51.100.7 state 2 8/8/0 accounts 1 sources 1 passwords 8");
}

static const struct finding_top *
target_named(const struct finding *i, const char *name)
{
	for (unsigned k = 0; k < FINDING_TOP; k++)
		if (strcmp(i->top_targets[k].name, name) == 0)
			return &i->top_targets[k];
	fail_msg("%s is not among the targets", name);
	return NULL;
}

static void
the_server_that_let_the_guesser_in_is_the_one_that_is_said_to(void **state)
{
	const struct finding *i;

	(void)state;
	guess(0, 8, NS_PER_S);
	s->server = "203.0.113.26";
	guess(8, 12, NS_PER_S);
	stream_try(s, A, "alice", "right", OUTCOME_SUCCESS);
	s->server = "203.0.113.25";
	engine_finish(s->engine);
	for (unsigned k = 0; k < 2; k++) {
		i = stream_find(s, k == 0 ? DETECTOR_BRUTEFORCE : DETECTOR_COMPROMISE, NULL);
		assert_non_null(i);
		assert_false(target_named(i, "203.0.113.25")->succeeded);
		assert_true(target_named(i, "203.0.113.26")->succeeded);
		assert_int_equal(target_named(i, "203.0.113.26")->count, 5);
	}
}

/* Two captures, the later one given first: the clock goes on, the times of packets go back. */
static void
first_and_last_seen_hold_when_captures_are_out_of_order(void **state)
{
	const struct try right = {A, "alice", "right", OUTCOME_SUCCESS};
	uint64_t start_ns = s->now_ns;
	struct event e;

	(void)state;
	guess(0, 10, NS_PER_S);
	e = stream_make(s, &right);
	engine_event(s->engine, &e);
	const struct try wrong = {A, "alice", "wrong again", OUTCOME_FAILURE};
	e = stream_make(s, &wrong);
	e.head.time_ns -= NS_PER_H;
	engine_event(s->engine, &e);
	engine_finish(s->engine);
	for (unsigned k = 0; k < 2; k++) {
		const struct finding *i =
			stream_find(s, k == 0 ? DETECTOR_BRUTEFORCE : DETECTOR_COMPROMISE, NULL);

		assert_non_null(i);
		assert_int_equal(i->success_time_ns, start_ns + 10 * NS_PER_S);
		assert_int_equal(i->last_seen_ns, i->success_time_ns);
		assert_int_equal(i->first_seen_ns, start_ns + 10 * NS_PER_S - NS_PER_H);
	}
}

static void
loss_is_stamped_on_findings(void **state)
{
	(void)state;
	engine_set_loss(s->engine, 42);
	guess(0, 8, NS_PER_S);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->sensor_loss, 42);
}

static void
inferred_attempts_lower_the_confidence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		const struct try t = {A, NULL, NULL, OUTCOME_FAILURE};
		struct event e = stream_make(s, &t);

		e.auth.flags |= AUTH_INFERRED;
		e.auth.confidence = 55;
		e.auth.signatures[0] = 1234;
		engine_event(s->engine, &e);
	}
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->confidence, 55);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->signatures[0], 1234);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->signatures[1], 0);
}

static void
the_busiest_come_first_and_ties_by_name(void **state)
{
	struct engine_row rows[3];

	(void)state;
	stream_try(s, "192.0.2.9", "bob", "x", OUTCOME_FAILURE);
	stream_try(s, "192.0.2.3", "bob", "x", OUTCOME_FAILURE);
	stream_try(s, "192.0.2.5", "carol", "right", OUTCOME_SUCCESS);
	stream_try(s, "192.0.2.7", "carol", NULL, OUTCOME_REFUSED);
	guess(0, 5, NS_PER_S);
	assert_int_equal(engine_top(s->engine, SUBJECT_SOURCE, rows, 3), 3);
	assert_string_equal(rows[0].name, A);
	assert_int_equal(rows[0].passwords, 5);
	assert_string_equal(rows[1].name, "192.0.2.3");
	assert_string_equal(rows[2].name, "192.0.2.9");
	assert_int_equal(engine_top(s->engine, SUBJECT_ACCOUNT, rows, 3), 3);
	assert_string_equal(rows[0].name, "alice");
	assert_string_equal(rows[1].name, "bob");
	assert_int_equal(rows[1].accounts, 2);
	assert_string_equal(rows[2].name, "carol");
	assert_int_equal(rows[2].others, 1);
	assert_int_equal(engine_top(s->engine, SUBJECT_SERVER, rows, 0), 0);
}

static void
the_busiest_found_in_parts_are_those_found_at_once(void **state)
{
	struct engine_row rows[4], parts[4];
	struct engine_walk walk = {.rows = parts, .max = 4};
	char source[16];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(source, sizeof(source), "192.0.2.%u", i);
		for (unsigned n = 0; n <= i % 7; n++)
			guess_numbered(s, source, "alice", n);
	}
	assert_int_equal(engine_top(s->engine, SUBJECT_SOURCE, rows, 4), 4);
	/* Twice: the next walk begins with nothing. */
	for (unsigned again = 0; again < 2; again++) {
		unsigned calls = 1;

		while (!engine_walk(s->engine, SUBJECT_SOURCE, &walk, 6))
			calls++;
		assert_int_equal(calls, 4);
		assert_int_equal(walk.n, 4);
		assert_memory_equal(parts, rows, sizeof(rows));
	}
}

static void
totals_count_events_and_outcomes(void **state)
{
	struct engine_totals t;

	(void)state;
	guess(0, 5, NS_PER_S);
	stream_try(s, A, "alice", NULL, OUTCOME_THROTTLED);
	engine_totals(s->engine, &t);
	assert_int_equal(t.events[EVENT_AUTH], 6);
	assert_int_equal(t.outcomes[OUTCOME_FAILURE], 5);
	assert_int_equal(t.outcomes[OUTCOME_THROTTLED], 1);
	assert_int_equal(t.sources, 1);
	assert_int_equal(t.servers, 1);
}

static void
each_detector_has_words_and_a_number_of_its_own(void **state)
{
	(void)state;
	for (unsigned d = 0; d < DETECTOR_COUNT; d++) {
		struct finding i = {.detector = d, .subject = "X", .attempts = 1};
		char advice[1024];

		assert_non_null(detector_info(d));
		assert_in_range(detector_info(d)->severity, 1, 3);
		for (unsigned e = 0; e < d; e++)
			assert_int_not_equal(
				detector_info(d)->signature_id, detector_info(e)->signature_id);
		assert_true(finding_advice(&i, advice, sizeof(advice)) > 40);
		assert_non_null(strchr(advice, 'X'));
		assert_int_equal(finding_advice(&i, advice, 10), 9);
	}
	assert_null(detector_info(DETECTOR_COUNT));
}

static void
advice_names_the_account_that_fell(void **state)
{
	char advice[1024];

	(void)state;
	guess(0, 20, NS_PER_S);
	stream_try(s, A, "alice", "right", OUTCOME_SUCCESS);
	finding_advice(stream_find(s, DETECTOR_COMPROMISE, NULL), advice, sizeof(advice));
	assert_non_null(strstr(advice, "password of alice"));
	assert_non_null(strstr(advice, "Block " A));
	finding_advice(stream_find(s, DETECTOR_BRUTEFORCE, NULL), advice, sizeof(advice));
	assert_non_null(strstr(advice, "alice"));
}

static void
advice_does_not_say_that_no_guess_worked_where_the_answers_were_not_seen(void **state)
{
	struct finding i = {.detector = DETECTOR_BRUTEFORCE, .subject = A, .attempts = 9};
	char advice[1024];

	(void)state;
	finding_advice(&i, advice, sizeof(advice));
	assert_non_null(strstr(advice, "Whether a guess worked was not seen"));
	assert_null(strstr(advice, "No guess"));
	i.failures = 8;
	finding_advice(&i, advice, sizeof(advice));
	assert_non_null(strstr(advice, "No guess was seen to work so far."));
	i.failures = 9;
	finding_advice(&i, advice, sizeof(advice));
	assert_non_null(strstr(advice, "No guess worked so far."));
}

static void
a_flood_of_spoofed_sources_does_not_hide_the_attacker(void **state)
{
	struct engine_totals t;
	unsigned n = 0;

	(void)state;
	stream_close(s);
	s = calloc(1, sizeof(*s));
	config_defaults(&s->config);
	s->config.aggr_sources = 4096;
	s->config.aggr_prefixes = 1024;
	s->config.aggr_accounts = 1024;
	s->config.aggr_pairs = 8192;
	stream_start(s);
	for (unsigned i = 0; i < 120000; i++) {
		char source[32];
		char account[32];

		snprintf(source, sizeof(source), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		snprintf(account, sizeof(account), "u%u", i * 7919 % 50000);
		stream_try(s, source, account, "x", OUTCOME_FAILURE);
		stream_wait(s, 4 * NS_PER_MS);
		if (i % 4000 == 0) /* every 16 s, all the time */
			guess_numbered(s, A, "alice", n++);
	}
	engine_finish(s->engine);
	engine_totals(s->engine, &t);
	assert_true(t.evicted_sources > 100000);
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, A));
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->attempts, n);
}

/* A mixture of everything, into tables that are far too small. */
static struct stream *
run_mixture(uint64_t salt)
{
	static const char *const subjects[] = {"alice", "bob", "carol", "admin", "info"};
	struct stream *m = calloc(1, sizeof(*m));
	uint64_t seed = 7;

	config_defaults(&m->config);
	m->salt = salt;
	m->config.aggr_sources = 256;
	m->config.aggr_prefixes = 64;
	m->config.aggr_accounts = 128;
	m->config.aggr_pairs = 512;
	m->config.incident_table = 32;
	stream_start(m);
	for (unsigned i = 0; i < 60000; i++) {
		char source[64];
		char account[32];
		char password[32];
		unsigned r;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		r = (unsigned)(seed >> 33);
		snprintf(source, sizeof(source), r % 3 ? "198.51.%u.%u" : "2001:db8:%u::%x", r % 16,
			r / 16 % (r % 5 ? 16 : 256));
		snprintf(account, sizeof(account), "%s%u", subjects[r % 5],
			r % 7 ? 0 : r / 64 % 300);
		snprintf(password, sizeof(password), "pw%u", r / 128 % 900);
		stream_try(m, source, r % 11 ? account : NULL, r % 13 ? password : NULL,
			r % 17 ? OUTCOME_FAILURE : (r / 17) % OUTCOME_COUNT);
		stream_wait(m, r % 101 ? r % 20 * NS_PER_S : r % 90 * NS_PER_MIN);
	}
	engine_finish(m->engine);
	return m;
}

static void
two_runs_with_two_keys_and_two_sets_of_fingerprints_say_the_same(void **state)
{
	struct stream *one = run_mixture(0x1111);
	struct stream *two = run_mixture(0xfeedface00000001ULL);
	struct engine_row rows_one[16];
	struct engine_row rows_two[16];

	(void)state;
	assert_int_equal(one->line_count, two->line_count);
	assert_true(one->line_count > 100);
	for (unsigned i = 0; i < one->line_count; i++)
		assert_string_equal(one->lines[i], two->lines[i]);
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++) {
		size_t n = engine_top(one->engine, type, rows_one, 16);

		assert_int_equal(n, engine_top(two->engine, type, rows_two, 16));
		assert_memory_equal(rows_one, rows_two, n * sizeof(rows_one[0]));
	}
	stream_close(one);
	stream_close(two);
}

static void
a_full_book_forgets_the_finding_that_closed_first(void **state)
{
	const struct finding *all[64];

	(void)state;
	s->config.incident_table = 16;
	engine_close(s->engine);
	stream_start(s);
	for (unsigned i = 0; i < 40; i++) {
		char source[32];

		snprintf(source, sizeof(source), "198.51.100.%u", i);
		for (unsigned n = 0; n < 10; n++)
			guess_numbered(s, source, source, n);
		stream_wait(s, 10 * NS_PER_MIN);
	}
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 40);
	assert_int_equal(engine_findings(s->engine, all, 64), 16);
	assert_int_equal(all[0]->id, 25);
	assert_int_equal(all[15]->id, 40);
}

/* Forty guessers at once, and room for sixteen. */
static void
fill_small_book(void)
{
	s->config.incident_table = 16;
	engine_close(s->engine);
	stream_start(s);
	for (unsigned i = 0; i < 40; i++) {
		char source[32];

		snprintf(source, sizeof(source), "198.51.%u.1", i);
		for (unsigned n = 0; n < 10; n++)
			guess_numbered(s, source, source, n);
	}
}

static void
a_book_whose_findings_are_all_open_takes_no_more(void **state)
{
	struct engine_totals t;

	(void)state;
	fill_small_book();
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 16);
	assert_int_equal(s->told[FINDING_CLOSED], 16);
	engine_totals(s->engine, &t);
	assert_true(t.findings_refused >= 24);
}

/* Guessing from all over the world does not hide who gets in, nor scans who guesses. */
static void
a_full_book_makes_room_for_what_is_more_severe(void **state)
{
	struct engine_totals t;

	(void)state;
	fill_small_book();
	assert_int_equal(stream_findings(s), 16);
	guess(0, 10, NS_PER_S);
	assert_null(stream_find(s, DETECTOR_BRUTEFORCE, A));
	stream_try(s, A, "alice", "right", OUTCOME_SUCCESS);
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "alice"));
	engine_totals(s->engine, &t);
	assert_int_equal(t.findings_cut, 1);
	assert_int_equal(t.findings_refused, 24 * 3 + 3);
	/* The one that was silent for longest was closed for it, and told so. */
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_non_null(strstr(s->lines[s->line_count - 2], "198.51.0.1 state 2"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ten_thousand_failures_are_one_finding),
		T(a_finding_tells_of_all_that_led_to_it),
		T(quiet_time_closes_when_a_later_event_comes),
		T(events_of_other_types_move_the_clock),
		T(quiet_time_closes_in_silence_too),
		T(after_closing_it_takes_new_evidence),
		T(the_server_that_let_the_guesser_in_is_the_one_that_is_said_to),
		T(first_and_last_seen_hold_when_captures_are_out_of_order),
		T(loss_is_stamped_on_findings),
		T(inferred_attempts_lower_the_confidence),
		T(the_busiest_come_first_and_ties_by_name),
		T(the_busiest_found_in_parts_are_those_found_at_once),
		T(totals_count_events_and_outcomes),
		T(each_detector_has_words_and_a_number_of_its_own),
		T(advice_names_the_account_that_fell),
		T(advice_does_not_say_that_no_guess_worked_where_the_answers_were_not_seen),
		T(a_flood_of_spoofed_sources_does_not_hide_the_attacker),
		T(two_runs_with_two_keys_and_two_sets_of_fingerprints_say_the_same),
		T(a_full_book_forgets_the_finding_that_closed_first),
		T(a_book_whose_findings_are_all_open_takes_no_more),
		T(a_full_book_makes_room_for_what_is_more_severe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
