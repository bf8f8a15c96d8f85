/* Findings that a rule hides, and events that a rule allows, from event to sink. */
#include "tests/unit/tracked_stream.h"

static unsigned over_hidden; /* findings of which the sink heard that they were hidden to the end */
static char last_hidden[SUBJECT_NAME_MAX + 1];

static void
hear_hidden(void *arg, const struct finding *finding)
{
	(void)arg;
	assert_true(finding->suppressed_by > 0);
	assert_true(finding->closed);
	over_hidden++;
	strcpy(last_hidden, finding->subject);
}

/* The stream under these rules. */
static void
under(const char *yaml)
{
	const struct engine_sink sink = {.tell = stream_hear, .suppressed = hear_hidden, .arg = s};
	struct config_source source = {"f", yaml, strlen(yaml)};
	char why[300] = "";

	engine_close(s->engine);
	if (config_parse(&s->config, &source, why, sizeof(why)))
		fail_msg("%s", why);
	over_hidden = 0;
	s->engine = engine_open(&s->config, &sink);
	assert_non_null(s->engine);
}

static int
finish(void **state)
{
	engine_close(s->engine);
	config_free(&s->config);
	s->engine = NULL;
	return teardown(state);
}

static unsigned
told_of_all(void)
{
	return s->told[FINDING_OPEN] + s->told[FINDING_UPDATE] + s->told[FINDING_CLOSED];
}

static struct engine_totals
totals(void)
{
	struct engine_totals out;

	engine_totals(s->engine, &out);
	return out;
}

/* That many wrong passwords for dave, one each 10 seconds. */
static void
guesses(const char *source, unsigned times)
{
	static unsigned n;

	for (unsigned i = 0; i < times; i++) {
		stream_try(s, source, "dave", numbered("guess-", n++), OUTCOME_FAILURE);
		stream_wait(s, 10 * NS_PER_S);
	}
}

static void
what_a_rule_hides_is_counted_and_not_told(void **state)
{
	(void)state;
	under("suppress: [{source: " A ", until: never, reason: r}]");
	guesses(A, 40);
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, A));
	assert_int_equal(told_of_all(), 0);
	assert_int_equal(totals().findings_suppressed, 1);
	assert_true(totals().tellings_suppressed > 1);
	assert_int_equal(totals().incidents, 0);
	engine_finish(s->engine);
	assert_int_equal(told_of_all(), 0);
	assert_int_equal(over_hidden, 1);
	assert_string_equal(last_hidden, A);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->attempts, 40);
	assert_int_equal(suppress_count(engine_rules(s->engine), CONFIG_SUPPRESS, 0).findings, 1);
}

static void
what_no_rule_hides_is_told_as_ever(void **state)
{
	(void)state;
	under("suppress: [{source: 198.51.100.8, until: never, reason: r}]");
	guesses(A, 40);
	engine_finish(s->engine);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_int_equal(over_hidden, 0);
	assert_int_equal(totals().findings_suppressed, 0);
	assert_int_equal(totals().incidents, 1);
}

static void
when_the_rule_ends_what_goes_on_is_told_from_its_beginning(void **state)
{
	(void)state;
	/* The stream begins at 2025-10-09T08:53:20Z. */
	under("suppress: [{source: " A ", until: '2025-10-09T09:03:20Z', reason: r}]");
	guesses(A, 60);
	assert_int_equal(told_of_all(), 0);
	guesses(A, 60);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	engine_finish(s->engine);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_int_equal(over_hidden, 0);
	assert_int_equal(totals().incidents, 1);
	assert_int_equal(totals().findings_suppressed, 1);
	assert_non_null(strstr(s->lines[0], "bruteforce"));
	assert_non_null(strstr(s->lines[0], "state 0"));
}

static void
what_was_over_before_the_rule_ended_stays_hidden(void **state)
{
	(void)state;
	under("suppress: [{source: " A ", until: '2025-10-09T09:03:20Z', reason: r}]");
	guesses(A, 30);
	stream_wait(s, 5 * NS_PER_H);
	stream_try(s, "192.0.2.1", "eve", "her own", OUTCOME_SUCCESS);
	assert_int_equal(over_hidden, 1);
	assert_int_equal(told_of_all(), 0);
}

static void
a_source_that_the_rule_does_not_cover_brings_the_finding_out(void **state)
{
	(void)state;
	under("distributed: {sources: 4}\n"
	      "suppress: [{prefix: 10.1.0.0/16, until: never, reason: r}]");
	for (unsigned i = 0; i < 12; i++)
		guesses(v4("10.1.0", 1 + i % 6), 1);
	const struct finding *f = stream_find(s, DETECTOR_DISTRIBUTED, "dave");
	assert_non_null(f);
	assert_int_equal(f->suppressed_by, 1);
	assert_int_equal(told_of_all(), 0);
	guesses("192.0.2.7", 1);
	stream_wait(s, 10 * NS_PER_MIN);
	guesses("192.0.2.7", 5);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(f->suppressed_by, 0);
	engine_finish(s->engine);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_int_equal(over_hidden, 0);
}

/* Nothing grew between the last look and the end: it is told then, both ends of it. */
static void
what_comes_out_when_it_closes_is_told_open_then_closed(void **state)
{
	(void)state;
	under("suppress: [{account: dave, until: never, reason: r}]");
	guesses(A, 20);
	assert_int_equal(told_of_all(), 0);
	/* Another account, with too little growth to be looked at before the end. */
	stream_try(s, A, "eve", "guess-x", OUTCOME_FAILURE);
	assert_int_equal(told_of_all(), 0);
	engine_finish(s->engine);
	assert_int_equal(s->line_count, 2);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_int_equal(over_hidden, 0);
}

static void
a_hidden_guess_does_not_hide_that_it_worked(void **state)
{
	(void)state;
	under("suppress: [{source: " A ", detector: bruteforce, until: never, reason: r}]");
	guesses(A, 30);
	assert_int_equal(told_of_all(), 0);
	stream_try(s, A, "dave", "the right one", OUTCOME_SUCCESS);
	engine_finish(s->engine);
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, NULL));
	assert_int_equal(s->told[FINDING_OPEN], 1);
	for (unsigned i = 0; i < s->line_count; i++)
		assert_null(strstr(s->lines[i], "bruteforce"));
	assert_int_equal(over_hidden, 1);
}

static void
what_is_allowed_never_becomes_a_finding(void **state)
{
	(void)state;
	under("allow: [{source: " A ", reason: r}]");
	guesses(A, 100);
	engine_finish(s->engine);
	assert_int_equal(totals().findings, 0);
	assert_int_equal(totals().events_allowed, 100);
	assert_int_equal(totals().events[EVENT_AUTH], 100);
	assert_int_equal(totals().outcomes[OUTCOME_FAILURE], 100);
	assert_int_equal(totals().sources, 0);
	assert_int_equal(suppress_count(engine_rules(s->engine), CONFIG_ALLOW, 0).events, 100);
}

static void
what_is_allowed_to_one_detector_is_not_to_the_others(void **state)
{
	(void)state;
	under("allow: [{source: " A ", detector: bruteforce, reason: r}]");
	guesses(A, 60);
	stream_try(s, A, "dave", "the right one", OUTCOME_SUCCESS);
	engine_finish(s->engine);
	assert_null(stream_find(s, DETECTOR_BRUTEFORCE, NULL));
	assert_non_null(stream_find(s, DETECTOR_COMPROMISE, "dave"));
	assert_int_equal(totals().events_allowed, 61);
}

static void
a_finding_that_is_open_does_not_grow_by_what_is_allowed(void **state)
{
	(void)state;
	under("allow: [{source: " A ", server: 203.0.113.77, detector: bruteforce, reason: r}]");
	guesses(A, 30);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->attempts, 30);
	s->server = "203.0.113.77";
	guesses(A, 30);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->attempts, 30);
	s->server = "203.0.113.25";
	guesses(A, 1);
	assert_int_equal(stream_find(s, DETECTOR_BRUTEFORCE, A)->attempts, 31);
}

static void
an_allowed_scanner_is_no_scanner(void **state)
{
	(void)state;
	for (unsigned allowed = 0; allowed < 2; allowed++) {
		under(allowed ? "allow: [{prefix: 198.51.100.0/24, detector: smtp_scan, reason: r}]"
			      : "{}");
		for (unsigned i = 1; i <= 60; i++) {
			struct event e = session(A, v4("203.0.113", i), EMPTY);

			feed(&e);
			stream_wait(s, 5 * NS_PER_S);
		}
		if (allowed)
			assert_null(stream_find(s, DETECTOR_SMTP_SCAN, NULL));
		else
			assert_non_null(stream_find(s, DETECTOR_SMTP_SCAN, A));
		assert_int_equal(totals().events_allowed, allowed ? 60 : 0);
	}
}

static void
a_rule_that_allows_ends_at_its_end(void **state)
{
	(void)state;
	under("allow: [{source: " A ", until: '2025-10-09T09:03:20Z', reason: r}]");
	guesses(A, 60);
	assert_int_equal(totals().events_allowed, 60);
	guesses(A, 30);
	assert_int_equal(totals().events_allowed, 60);
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, A));
}

/* A rule about `distributed` says nothing of one source in that network that guesses by itself. */
static void
a_wide_prefix_that_is_hidden_hides_no_more_than_itself(void **state)
{
	(void)state;
	under("suppress: [{prefix: '2001:db8:bad::/48', detector: distributed, until: never,"
	      " reason: r}]");
	for (unsigned i = 0; i < 400; i++) {
		char from[64];

		snprintf(from, sizeof(from), "2001:db8:bad:%x::1", i % 250);
		stream_try(s, from, numbered("user", i % 3), numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, 10 * NS_PER_S);
	}
	assert_non_null(stream_find(s, DETECTOR_DISTRIBUTED_PREFIX, NULL));
	assert_true(totals().findings_suppressed > 0);
	guesses("2001:db8:bad:ff::7", 40);
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, NULL));
}

/* From now on an operator suppresses that source; or that incident. */
static void
suppress(const char *source, uint64_t incident)
{
	struct suppress_own own = {
		.id = 1, .incident = incident, .rule = {.until_ns = CONFIG_RULE_NEVER}};
	char why[200];

	own.rule.by_client = source != NULL;
	if (source)
		assert_int_equal(prefix_parse_addr(&own.rule.client, source, why, sizeof(why)), 0);
	assert_int_equal(engine_set_own_rules(s->engine, &own, 1), 0);
}

static void
of_what_was_told_a_later_rule_keeps_back_all_but_the_end(void **state)
{
	(void)state;
	under("");
	guesses(A, 40);
	unsigned before = told_of_all();
	assert_int_equal(s->told[FINDING_OPEN], 1);
	suppress(A, 0);
	guesses(A, 60);
	assert_int_equal(told_of_all(), before);
	assert_true(totals().tellings_suppressed > 0);
	assert_int_equal(totals().findings_suppressed, 0);
	engine_finish(s->engine);
	assert_int_equal(told_of_all(), before + 1);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_int_equal(over_hidden, 0);
}

static void
what_joins_a_suppressed_incident_is_hidden_and_its_end_is_told(void **state)
{
	(void)state;
	under("");
	guesses(A, 40);
	unsigned before = told_of_all();
	suppress(NULL, 1);
	stream_try(s, A, "dave", "right", OUTCOME_SUCCESS);
	assert_int_equal(told_of_all(), before);
	assert_int_equal(totals().findings_suppressed, 1);
	assert_true(stream_find(s, DETECTOR_COMPROMISE, "dave")->suppressed_by > 0);
	assert_int_equal(totals().incidents, 1);
	/* Of another incident nothing is hidden. */
	for (unsigned i = 0; i < 40; i++) {
		stream_try(s, "192.0.2.99", "carol", numbered("other-", i), OUTCOME_FAILURE);
		stream_wait(s, 10 * NS_PER_S);
	}
	assert_true(told_of_all() > before);
	engine_finish(s->engine);
	assert_int_equal(s->told[FINDING_OPEN], 2);
	/* The hidden one is the last of its incident, whose end is told by it. */
	assert_int_equal(s->told[FINDING_CLOSED], 3);
	assert_int_equal(over_hidden, 1);
}

static void
what_is_no_longer_suppressed_is_told_from_its_beginning(void **state)
{
	(void)state;
	under("");
	guesses(A, 40);
	unsigned before = told_of_all();
	suppress(NULL, 1);
	stream_try(s, A, "dave", "right", OUTCOME_SUCCESS);
	assert_int_equal(engine_set_own_rules(s->engine, NULL, 0), 0);
	guesses(A, 60);
	assert_true(told_of_all() > before);
	engine_finish(s->engine);
	assert_int_equal(s->told[FINDING_OPEN], 2);
	assert_int_equal(s->told[FINDING_CLOSED], 2);
	assert_int_equal(over_hidden, 0);
}

static void
rules_of_the_file_are_read_again(void **state)
{
	struct config_source source = {"f", "", 0};
	char why[300] = "";

	(void)state;
	under("suppress: [{source: " A ", until: never, reason: r}]\nallow: [{source: 192.0.2.1, "
	      "reason: r}]");
	guesses(A, 40);
	assert_int_equal(told_of_all(), 0);
	/* As reload does: in its place. */
	assert_int_equal(config_parse(&s->config, &source, why, sizeof(why)), 0);
	assert_int_equal(engine_reload(s->engine), 0);
	guesses(A, 40);
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(suppress_count(engine_rules(s->engine), CONFIG_SUPPRESS, 0).findings, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_a_rule_hides_is_counted_and_not_told, setup, finish),
		cmocka_unit_test_setup_teardown(
			of_what_was_told_a_later_rule_keeps_back_all_but_the_end, setup, finish),
		cmocka_unit_test_setup_teardown(
			what_joins_a_suppressed_incident_is_hidden_and_its_end_is_told, setup,
			finish),
		cmocka_unit_test_setup_teardown(
			what_is_no_longer_suppressed_is_told_from_its_beginning, setup, finish),
		cmocka_unit_test_setup_teardown(rules_of_the_file_are_read_again, setup, finish),
		cmocka_unit_test_setup_teardown(what_no_rule_hides_is_told_as_ever, setup, finish),
		cmocka_unit_test_setup_teardown(
			when_the_rule_ends_what_goes_on_is_told_from_its_beginning, setup, finish),
		cmocka_unit_test_setup_teardown(
			what_was_over_before_the_rule_ended_stays_hidden, setup, finish),
		cmocka_unit_test_setup_teardown(
			a_source_that_the_rule_does_not_cover_brings_the_finding_out, setup,
			finish),
		cmocka_unit_test_setup_teardown(
			what_comes_out_when_it_closes_is_told_open_then_closed, setup, finish),
		cmocka_unit_test_setup_teardown(
			a_hidden_guess_does_not_hide_that_it_worked, setup, finish),
		cmocka_unit_test_setup_teardown(
			what_is_allowed_never_becomes_a_finding, setup, finish),
		cmocka_unit_test_setup_teardown(
			what_is_allowed_to_one_detector_is_not_to_the_others, setup, finish),
		cmocka_unit_test_setup_teardown(
			a_finding_that_is_open_does_not_grow_by_what_is_allowed, setup, finish),
		cmocka_unit_test_setup_teardown(
			a_wide_prefix_that_is_hidden_hides_no_more_than_itself, setup, finish),
		cmocka_unit_test_setup_teardown(an_allowed_scanner_is_no_scanner, setup, finish),
		cmocka_unit_test_setup_teardown(a_rule_that_allows_ends_at_its_end, setup, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
