/*
 * The report of a fixed set of facts, against tests/unit/report/NAME.txt. With
 * SMTAP_GOLDEN_WRITE set, the files are written instead: read the difference.
 */
#include "tests/unit/export_fixture.h"

#include <errno.h>
#include <jansson.h>

#include "control/report/report.h"
#include "control/report/words.h"

/* The engine of these tests. */
struct engine {
	struct finding findings[3];
	struct incident incidents[2];
	size_t incident_count;
	struct engine_row rows[2][3];
	size_t row_count;
	struct engine_totals totals;
};

size_t
engine_top(const struct engine *engine, enum subject_type type, struct engine_row *out, size_t max)
{
	size_t n = engine->row_count < max ? engine->row_count : max;

	memcpy(out, engine->rows[type == SUBJECT_ACCOUNT], n * sizeof(*out));
	return n;
}

void
engine_totals(const struct engine *engine, struct engine_totals *out)
{
	*out = engine->totals;
}

size_t
engine_incidents(const struct engine *engine, const struct incident **out, size_t max)
{
	size_t n = engine->incident_count < max ? engine->incident_count : max;

	for (size_t i = 0; i < n; i++)
		out[i] = &engine->incidents[i];
	return n;
}

/* For what rules hide: tests/e2e/rules_test.py. */
size_t
engine_findings(const struct engine *engine, const struct finding **out, size_t max)
{
	(void)engine;
	(void)out;
	(void)max;
	return 0;
}

/* The first finding is the first incident's, the others the second's. */
size_t
engine_incident_findings(const struct engine *engine, const struct incident *incident,
	const struct finding **out, size_t max)
{
	size_t from = incident == &engine->incidents[0] ? 0 : 1;
	size_t n = from == 0 ? 1 : 2;

	for (size_t i = 0; i < n && i < max; i++)
		out[i] = &engine->findings[from + i];
	return n < max ? n : max;
}

static struct pattern fixture_patterns[] = {
	{.id = 100, .role = PATTERN_ROLE_TOOL, .name = "hydra"}};
static const struct pattern_set fixture_set = {fixture_patterns, 1};
static const struct config_ports fixture_ports = {.port = {25, 587}, .count = 2};
static struct pattern fixture_signature = {.id = 4201,
	.role = PATTERN_ROLE_SIGNATURE,
	.severity = 1,
	.name = "Java lookup\x1b[2J at the start of a header"};
static const struct eve_signature fixture_matched = {
	&fixture_signature, 1500, 3, TIME_NS, TIME_NS + NS_PER_S};

struct rig {
	struct engine engine;
	struct counters workers;
	struct intake_counters intake;
	struct eve_counters eve;
	struct captures captures;
	struct report report;
};

static int
rig_open(void **state)
{
	struct rig *s = calloc(1, sizeof(*s));

	captures_init(&s->captures);
	s->report = (struct report){.engine = &s->engine,
		.patterns = &fixture_set,
		.workers = &s->workers,
		.intake = &s->intake,
		.eve = &s->eve,
		.captures = &s->captures,
		.ports = &fixture_ports};
	*state = s;
	return 0;
}

static int
rig_close(void **state)
{
	struct rig *s = *state;

	captures_free(&s->captures);
	free(s);
	return 0;
}

static void
feed(struct rig *s, const char *line)
{
	captures_feed(&s->captures, line, strlen(line));
}

static void
row(struct rig *s, unsigned i, const char *source, const char *account)
{
	struct engine_row r = {.attempts = 80 + i,
		.failures = 70,
		.successes = 10,
		.others = i,
		.accounts = 1234567,
		.passwords = i ? 60 : 0,
		.passwords_capped = i == 2};

	strcpy(r.name, source);
	s->engine.rows[0][i] = r;
	strcpy(r.name, account);
	s->engine.rows[1][i] = r;
	s->engine.row_count = i + 1;
}

/* The second has a finding more, which began earlier: a scan. */
static void
fill_incidents(struct rig *s)
{
	struct finding *three = &s->engine.findings[2];
	struct incident *chain = &s->engine.incidents[1];

	*three = fixture_finding();
	three->id = 3;
	three->first_seen_ns -= 3600 * NS_PER_S;
	three->success_time_ns = 0;
	s->engine.incidents[0] = fixture_incident(&s->engine.findings[0]);
	*chain = fixture_incident(&s->engine.findings[1]);
	chain->id = 8;
	chain->findings = 2;
	chain->stages[STAGE_GUESSING] = chain->stages[STAGE_SUCCESS];
	strcpy(chain->accounts[1].name, "al\x1b[2Jice");
	s->engine.incident_count = 2;
}

/* A guessed account, a distributed attack on a strange one, loss, damage. */
static void
fill(struct rig *s)
{
	struct finding *two = &s->engine.findings[1];

	s->engine.findings[0] = fixture_finding();
	s->engine.findings[0].signatures[0] = 100;
	*two = fixture_finding();
	two->id = 2;
	two->detector = 1;
	two->subject_type = SUBJECT_ACCOUNT;
	strcpy(two->subject, "al\x1b[2Jice\xe2\x80\xaeX");
	two->sources = 240;
	two->accounts = 1;
	two->passwords = 0;
	two->passwords_capped = false;
	two->success_time_ns = 0;
	two->sensor_loss = 12;
	for (unsigned i = 0; i < FINDING_TOP; i++) {
		sprintf(two->top_sources[i].name, "2001:db8:ffff:ffff:ffff:ffff:ffff:%u", i + 1000);
		two->top_sources[i].count = 100000 - i;
	}
	fill_incidents(s);
	row(s, 0, "198.51.100.9", "dave");
	row(s, 1, "2001:db8:bad:ffff:ffff:ffff:ffff:ffff",
		"a-very-long-account-name-that-is-far-too-wide@corp.example");
	row(s, 2, "192.0.2.1", "dävid@örtlich.example");
	s->engine.totals.findings = 3;
	s->engine.totals.incidents = 2;
	s->engine.totals.sources = 3;
	s->engine.totals.accounts = 3;
	s->engine.totals.events[EVENT_AUTH] = 1200;
	s->engine.totals.events[EVENT_MAIL] = 7;
	s->engine.totals.outcomes[OUTCOME_FAILURE] = 1095;
	s->engine.totals.outcomes[OUTCOME_UNKNOWN] = 5;
	s->engine.totals.outcomes[OUTCOME_SUCCESS] = 100;
	s->workers.value[COUNTER_RX_PKTS] = 1234567;
	s->workers.value[COUNTER_DECODE_MAIL] = 1000;
	s->workers.value[COUNTER_FLOW_NEW] = 120;
	s->workers.value[COUNTER_TCP_GAPS] = 3;
	s->workers.value[COUNTER_TCP_GAP_BYTES] = 4000;
	s->intake.invalid = 1;
	feed(s, "{\"event\":\"capture\",\"file\":\"one.pcap\",\"link\":\"ethernet\",\"packets\":"
		"1234567,"
		"\"bytes\":99,\"first_ns\":1795313244000000000,\"last_ns\":1795399644000000000}\n");
	feed(s, "{\"event\":\"capture\",\"file\":\"two\\u001b[31m.pcap\",\"link\":\"raw\","
		"\"packets\":0,"
		"\"bytes\":0,\"first_ns\":0,\"last_ns\":0}\n"
		"{\"event\":\"damaged\",\"file\":\"two\\u001b[31m.pcap\",\"packets\":0,\"why\":"
		"\"cut short\"}\n");
	s->report.signatures = &fixture_matched;
	s->report.signature_count = 1;
	s->report.eve_path = "./smtap-out/eve.json";
	s->report.trouble = "the dataplane ended early";
}

static char *
printed(const struct report *report, int (*print)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(print(report, f), 0);
	fclose(f);
	return text;
}

static void
check_golden(const char *name, const char *text)
{
	const char *source = getenv("SMTAP_SOURCE");
	char path[4096];
	char *want = calloc(1, 65536);

	snprintf(path, sizeof(path), "%s/tests/unit/report/%s.txt", source ? source : ".", name);
	FILE *f = fopen(path, getenv("SMTAP_GOLDEN_WRITE") ? "w" : "r");
	assert_non_null(f);
	if (getenv("SMTAP_GOLDEN_WRITE"))
		fputs(text, f);
	else
		assert_true(fread(want, 1, 65535, f) > 0);
	fclose(f);
	if (!getenv("SMTAP_GOLDEN_WRITE"))
		assert_string_equal(text, want);
	free(want);
}

static void
text_is_as_the_golden_file_has_it(void **state)
{
	struct rig *s = *state;

	fill(s);
	char *text = printed(&s->report, report_text);
	check_golden("full", text);
	free(text);
}

static bool
says(struct rig *s, const char *words)
{
	char *text = printed(&s->report, report_text);
	bool found = strstr(text, words) != NULL;

	free(text);
	return found;
}

static bool
says_complete(struct rig *s)
{
	char *text = printed(&s->report, report_json);
	json_t *o = json_loads(text, 0, NULL);
	bool complete = json_is_true(json_object_get(o, "complete"));

	json_decref(o);
	free(text);
	return complete;
}

#define ALL_WELL "Nothing is known to be missing."
#define NOBODY "Nobody was seen guessing passwords."

static void
nothing_is_missing_only_when_all_was_read_and_understood(void **state)
{
	struct rig *s = *state;

	s->workers.value[COUNTER_DECODE_MAIL] = 1;
	assert_true(says(s, ALL_WELL) && says_complete(s));
	s->report.trouble = "stopped by a signal";
	assert_true(says(s, "What came after the end: stopped by a signal."));
	assert_false(says(s, ALL_WELL) || says_complete(s));
	s->report.trouble = NULL;
	s->engine.totals.outcomes[OUTCOME_UNKNOWN] = 1;
	assert_true(says(s, "1  login attempts whose outcome was not seen"));
	assert_false(says(s, ALL_WELL));
	s->engine.totals.outcomes[OUTCOME_UNKNOWN] = 0;
	feed(s, "{\"event\":\"capture\",\"file\":\"a\",\"link\":\"raw\",\"packets\":3,"
		"\"bytes\":9,\"first_ns\":1,\"last_ns\":2}\n"
		"{\"event\":\"damaged\",\"file\":\"a\",\"packets\":3,\"why\":\"cut short\"}\n");
	assert_true(says(s, "1  captures damaged"));
	assert_false(says(s, ALL_WELL) || says_complete(s));
}

static void
no_packet_on_the_mail_ports_is_said_and_not_called_well(void **state)
{
	static const struct config_ports one = {.port = {587}, .count = 1};
	struct rig *s = *state;

	s->workers.value[COUNTER_RX_PKTS] = 9;
	assert_true(says(s, "No packet was on the mail ports 25, 587; see --ports."));
	assert_false(says(s, ALL_WELL) || says(s, NOBODY) || says(s, "SMTP commands"));
	s->report.ports = &one;
	assert_true(says(s, "no packet was on the mail port 587; see --ports."));
}

static void
a_signature_that_matched_is_told_and_nobody_is_not_said(void **state)
{
	struct rig *s = *state;

	s->workers.value[COUNTER_DECODE_MAIL] = 1;
	assert_true(says(s, NOBODY) && !says(s, "SIGNATURES"));
	s->report.signatures = &fixture_matched;
	s->report.signature_count = 1;
	assert_false(says(s, NOBODY));
	assert_true(says(s, "SIGNATURES: 1"));
	assert_true(says(s, "          1,500  Java lookup\\x1B[2J at the start of a header (4201, "
			    "severity critical)"));
}

static void
nothing_found_says_so(void **state)
{
	struct rig *s = *state;

	s->workers.value[COUNTER_RX_PKTS] = s->workers.value[COUNTER_DECODE_MAIL] = 12;
	char *text = printed(&s->report, report_text);
	check_golden("empty", text);
	free(text);
}

static void
lines_stay_within_100_columns_and_hold_no_control_bytes(void **state)
{
	struct rig *s = *state;

	fill(s);
	memset(s->engine.findings[0].subject, 'w', SUBJECT_NAME_MAX);
	s->engine.findings[0].detector = 1;
	s->engine.findings[0].subject_type = SUBJECT_ACCOUNT;
	memset(s->engine.findings[1].subject, 'w', SUBJECT_NAME_MAX);
	s->engine.findings[1].last_seen_ns += 86400 * NS_PER_S;
	memset(s->engine.findings[0].top_accounts[0].name, 'z', SUBJECT_NAME_MAX);
	memset(s->engine.findings[0].success_account, 'z', SUBJECT_NAME_MAX);
	char *text = printed(&s->report, report_text);
	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n")) {
		if (words_columns(p) > 100)
			fail_msg("too wide: %s", p);
		for (const char *c = p; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
	free(text);
}

static void
attempt_count_of_an_account_that_is_not_named_is_not_made_up(void **state)
{
	struct rig *s = *state;

	fill(s);
	s->engine.findings[0].accounts = 110;
	strcpy(s->engine.findings[0].success_account, "user077");
	s->engine.findings[0].success_attempt = 2;
	char *text = printed(&s->report, report_text);
	assert_non_null(strstr(text, "guessed the password of user077 on attempt 2 at 02:07:24."));
	free(text);
}

static void
answers_that_were_not_seen_are_not_called_failures(void **state)
{
	struct rig *s = *state;
	struct finding *f = &s->engine.findings[0];

	fill(s);
	f->success_time_ns = 0;
	f->failures = f->successes = 0;
	assert_true(says(s, "80 attempts, outcomes not seen;"));
	f->failures = 70;
	assert_true(says(s, "80 attempts, 70 failures, 0 logins, 10 neither;"));
	f->failures = 80;
	assert_true(says(s, "80 attempts, 80 failures, 0 logins; 1 account"));
}

static void
the_kind_of_a_finding_is_told_in_words(void **state)
{
	static const struct {
		enum finding_kind kind;
		const char *words;
	} rows[] = {{KIND_BACKSCATTER, "Backscatter: many servers"}, {KIND_LOOP, "A loop: the"},
		{KIND_CLEAR_AUTH, "AUTH is offered in clear."},
		{KIND_OLD_VERSION, "The greeting names a version"},
		{KIND_MANGLED_TLS, "takes STARTTLS out."}};
	struct rig *s = *state;

	fill(s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(says(s, rows[i].words));
		s->engine.findings[0].kind = (uint8_t)rows[i].kind;
		assert_true(says(s, rows[i].words));
	}
}

static void
color_is_only_where_it_was_asked_for(void **state)
{
	struct rig *s = *state;

	fill(s);
	char *plain = printed(&s->report, report_text);
	s->report.color = true;
	char *color = printed(&s->report, report_text);
	assert_null(strchr(plain, 0x1b));
	assert_non_null(strchr(color, 0x1b));
	free(plain);
	free(color);
}

static void
json_is_one_object_with_the_same_facts(void **state)
{
	struct rig *s = *state;

	fill(s);
	char *text = printed(&s->report, report_json);
	assert_int_equal(strcspn(text, "\n") + 1, strlen(text));
	json_t *o = json_loads(text, 0, NULL);
	assert_non_null(o);
	json_t *incidents = json_object_get(o, "incidents");
	assert_int_equal(json_array_size(incidents), 2);
	json_t *evidence = json_object_get(json_array_get(incidents, 0), "evidence");
	json_t *success = json_object_get(json_array_get(evidence, 0), "success");
	assert_string_equal(json_string_value(json_object_get(success, "account")), "dave");
	assert_int_equal(json_array_size(json_object_get(o, "top_sources")), 3);
	json_t *signature = json_array_get(json_object_get(o, "signatures"), 0);
	assert_int_equal(json_integer_value(json_object_get(signature, "signature_id")), 4201);
	assert_int_equal(json_integer_value(json_object_get(signature, "matches")), 1500);
	assert_int_equal(json_array_size(json_object_get(o, "mail_ports")), 2);
	json_t *two = json_array_get(json_object_get(o, "captures"), 1);
	assert_string_equal(json_string_value(json_object_get(two, "damage")), "cut short");
	assert_true(json_is_false(json_object_get(o, "complete")));
	json_t *counters = json_object_get(o, "counters");
	assert_int_equal(json_integer_value(json_object_get(counters, "rx_packets")), 1234567);
	json_decref(o);
	free(text);
}

static void
report_to_a_full_disk_is_an_error(void **state)
{
	struct rig *s = *state;
	FILE *full = fopen("/dev/full", "w");

	fill(s);
	assert_non_null(full);
	assert_int_equal(report_text(&s->report, full), -EIO);
	fclose(full);
}

static void
numbers_have_separators(void **state)
{
	char text[WORDS_NUMBER_MAX];

	(void)state;
	assert_string_equal(words_number(0, text), "0");
	assert_string_equal(words_number(999, text), "999");
	assert_string_equal(words_number(1000, text), "1,000");
	assert_string_equal(words_number(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void
names_are_cut_to_whole_characters(void **state)
{
	char text[WORDS_NAME_MAX], long_name[1001];

	(void)state;
	assert_string_equal(words_name("äöü", 3, text), "äöü");
	assert_string_equal(words_name("äöüäöü", 5, text), "äö...");
	assert_string_equal(words_name("a\x1b\x9b"
				       "b",
				    20, text),
		"a\\x1B\\x9Bb");
	memset(long_name, 'x', 1000);
	long_name[1000] = '\0';
	for (unsigned columns = 4; columns < 600; columns++) {
		unsigned n = words_columns(words_name(long_name, columns, text));

		assert_true(n <= columns && n > 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_is_as_the_golden_file_has_it),
		TEST(nothing_is_missing_only_when_all_was_read_and_understood),
		TEST(no_packet_on_the_mail_ports_is_said_and_not_called_well),
		TEST(a_signature_that_matched_is_told_and_nobody_is_not_said),
		TEST(nothing_found_says_so),
		TEST(lines_stay_within_100_columns_and_hold_no_control_bytes),
		TEST(attempt_count_of_an_account_that_is_not_named_is_not_made_up),
		TEST(answers_that_were_not_seen_are_not_called_failures),
		TEST(the_kind_of_a_finding_is_told_in_words),
		TEST(color_is_only_where_it_was_asked_for),
		TEST(json_is_one_object_with_the_same_facts),
		TEST(report_to_a_full_disk_is_an_error),
		cmocka_unit_test(numbers_have_separators),
		cmocka_unit_test(names_are_cut_to_whole_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
