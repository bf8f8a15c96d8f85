/* EVE lines: what each holds, in which order, and what it never holds. */
#include "tests/unit/export_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/export/eve.h"
#include "control/export/rcpt.h"

static struct pattern fixture_patterns[] = {
	{.id = 100, .role = PATTERN_ROLE_TOOL, .name = "hydra", .why = "w"},
	{.id = 3100,
		.role = PATTERN_ROLE_SIGNATURE,
		.name = "a command in a recipient",
		.why = "no honest address holds this",
		.category = "Attempted Administrator Privilege Gain",
		.mitre = "T1190",
		.severity = 1},
};
static const struct pattern_set fixture_set = {fixture_patterns, 2};

struct rig {
	int fd;
	struct config config;
	struct eve *eve;
	char *text;
};

static int
rig_open(void **state)
{
	struct rig *s = calloc(1, sizeof(*s));
	struct eve_options options = {.patterns = &fixture_set};

	s->fd = memfd_create("eve", MFD_CLOEXEC);
	config_defaults(&s->config);
	options.fd = s->fd;
	options.config = &s->config;
	s->eve = eve_open(&options);
	*state = s;
	return s->eve ? 0 : -1;
}

static int
rig_close(void **state)
{
	struct rig *s = *state;

	eve_close(s->eve);
	close(s->fd);
	free(s->text);
	free(s);
	return 0;
}

/* All that was written. */
static const char *
text(struct rig *s)
{
	off_t len;

	assert_int_equal(eve_flush(s->eve), 0);
	len = lseek(s->fd, 0, SEEK_END);
	free(s->text);
	s->text = calloc(1, (size_t)len + 1);
	assert_int_equal(pread(s->fd, s->text, (size_t)len, 0), len);
	return s->text;
}

static unsigned
count_lines(struct rig *s)
{
	unsigned n = 0;

	for (const char *p = text(s); *p; p++)
		n += *p == '\n';
	return n;
}

/* Line n (from 0), parsed; the caller's to drop. */
static json_t *
line(struct rig *s, unsigned n)
{
	const char *p = text(s);

	while (n--)
		p += strcspn(p, "\n") + 1;
	json_t *o = json_loadb(p, strcspn(p, "\n"), 0, NULL);
	assert_non_null(o);
	return o;
}

static const char *
string_at(json_t *o, const char *object, const char *key)
{
	return json_string_value(json_object_get(object ? json_object_get(o, object) : o, key));
}

static json_int_t
number_at(json_t *o, const char *object, const char *key)
{
	json_t *v = json_object_get(object ? json_object_get(o, object) : o, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static void
attempt_has_all_fields_in_a_stable_order(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_auth("dave");

	eve_event(s->eve, &e);
	assert_string_equal(text(s),
		"{\"timestamp\":\"2026-11-22T02:07:24.123456+0000\",\"flow_id\":77,"
		"\"event_type\":\"smtp_auth\",\"src_ip\":\"198.51.100.9\",\"src_port\":40000,"
		"\"dest_ip\":\"198.51.100.25\",\"dest_port\":25,\"proto\":\"TCP\","
		"\"app_proto\":\"smtp\",\"community_id\":\"1:j7OFIPuv1drfFaW93KJ8UQzTD+Y=\","
		"\"smtp_auth\":{\"mechanism\":\"LOGIN\",\"username\":\"dave\","
		"\"outcome\":\"failure\",\"reply_code\":535,\"enhanced_code\":\"5.7.8\","
		"\"transport\":\"clear\",\"inferred\":false,\"confidence\":100,\"attempt\":3,"
		"\"password_known\":true}}\n");
}

static void
fingerprint_of_a_password_is_in_no_line(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_auth("dave");

	eve_event(s->eve, &e);
	assert_null(strstr(text(s), "1234605616436508552")); /* 0x1122334455667788 */
	assert_null(strstr(text(s), "1122334455667788"));
	assert_null(strstr(text(s), "fp"));
}

static void
unknown_username_is_left_out_and_an_empty_one_is_not(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_auth("");
	json_t *o;

	eve_event(s->eve, &e);
	e.auth.flags = 0;
	e.auth.reply_code = 0;
	e.auth.enhanced[0] = 0;
	eve_event(s->eve, &e);
	o = line(s, 0);
	assert_string_equal(string_at(o, "smtp_auth", "username"), "");
	json_decref(o);
	o = line(s, 1);
	assert_null(json_object_get(json_object_get(o, "smtp_auth"), "username"));
	assert_null(json_object_get(json_object_get(o, "smtp_auth"), "reply_code"));
	assert_null(json_object_get(json_object_get(o, "smtp_auth"), "enhanced_code"));
	json_decref(o);
}

static void
utf8_stays_as_it_is(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_auth("dävé\\x00\"");

	eve_event(s->eve, &e);
	assert_non_null(strstr(text(s), "\"username\":\"dävé\\\\x00\\\"\""));
}

static void
names_of_patterns_and_domain_are_told(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_auth("dave");
	json_t *o;

	e.auth.domain_len = fixture_text(&e, 4, "CORP");
	e.auth.helo_len = fixture_text(&e, 8, "hydra.example");
	e.auth.signatures[1] = 100;
	e.auth.signatures[2] = 999; /* no such pattern */
	eve_event(s->eve, &e);
	o = line(s, 0);
	assert_string_equal(string_at(o, "smtp_auth", "domain"), "CORP");
	assert_string_equal(string_at(o, "smtap", "helo"), "hydra.example");
	json_t *patterns = json_object_get(json_object_get(o, "smtap"), "patterns");
	assert_int_equal(json_array_size(patterns), 1);
	assert_string_equal(json_string_value(json_array_get(patterns, 0)), "hydra");
	json_decref(o);
}

static void
transaction_lists_its_recipients_with_brackets(void **state)
{
	struct rig *s = *state;
	struct event a = fixture_rcpt(5, 2, "a@x"), b = fixture_rcpt(5, 2, "b@x"),
		     other = fixture_rcpt(5, 1, "c@x"), mail = fixture_mail(5, 2, 2);
	json_t *o, *rcpt;

	eve_event(s->eve, &a);
	eve_event(s->eve, &other);
	eve_event(s->eve, &b);
	eve_event(s->eve, &mail);
	assert_int_equal(count_lines(s), 1);
	o = line(s, 0);
	assert_string_equal(string_at(o, NULL, "event_type"), "smtp");
	assert_int_equal(number_at(o, NULL, "tx_id"), 1);
	assert_string_equal(string_at(o, "smtp", "helo"), "client.example");
	assert_string_equal(string_at(o, "smtp", "mail_from"), "<dave@corp.example>");
	rcpt = json_object_get(json_object_get(o, "smtp"), "rcpt_to");
	assert_int_equal(json_array_size(rcpt), 2);
	assert_string_equal(json_string_value(json_array_get(rcpt, 0)), "<a@x>");
	assert_string_equal(json_string_value(json_array_get(rcpt, 1)), "<b@x>");
	assert_string_equal(string_at(o, "smtap", "authenticated_as"), "dave");
	assert_string_equal(string_at(o, "smtap", "outcome"), "accepted");
	assert_int_equal(number_at(o, "smtap", "bytes"), 1234);
	assert_int_equal(number_at(o, "smtap", "recipients_accepted"), 2);
	json_decref(o);
}

static void
transaction_without_recipients_has_no_list(void **state)
{
	struct rig *s = *state;
	struct event mail = fixture_mail(5, 1, 3);
	json_t *o;

	mail.mail.flags = MAIL_REFUSED | MAIL_NULL_SENDER;
	mail.mail.from_len = 0;
	mail.mail.authenticated_len = 0;
	eve_event(s->eve, &mail);
	o = line(s, 0);
	assert_null(json_object_get(json_object_get(o, "smtp"), "rcpt_to"));
	assert_string_equal(string_at(o, "smtp", "mail_from"), "<>");
	assert_string_equal(string_at(o, "smtap", "outcome"), "refused");
	assert_true(
		json_is_false(json_object_get(json_object_get(o, "smtap"), "recipients_complete")));
	json_decref(o);
}

static void
session_is_a_flow_line(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_event(EVENT_SESSION);
	json_t *o;

	e.session.start_ns = TIME_NS - 65 * NS_PER_S;
	e.session.packets[0] = 10;
	e.session.packets[1] = 12;
	e.session.bytes[0] = 1000;
	e.session.bytes[1] = 2000;
	e.session.end = SESSION_END_FIN;
	e.session.tcp_flags[0] = 0x1b;
	e.session.tcp_flags[1] = 0x13;
	e.session.auth_attempts = 4;
	eve_event(s->eve, &e);
	o = line(s, 0);
	assert_string_equal(string_at(o, NULL, "event_type"), "flow");
	assert_int_equal(number_at(o, "flow", "pkts_toserver"), 10);
	assert_int_equal(number_at(o, "flow", "bytes_toclient"), 2000);
	assert_int_equal(number_at(o, "flow", "age"), 65);
	assert_string_equal(string_at(o, "flow", "state"), "closed");
	assert_string_equal(string_at(o, "tcp", "tcp_flags_ts"), "1b");
	assert_int_equal(number_at(o, "smtap", "auth_attempts"), 4);
	json_decref(o);
}

static void
tell(struct rig *s, const struct finding *finding, enum finding_state state,
	const struct event *event)
{
	const struct incident incident = fixture_incident(finding);
	const struct engine_telling telling = {.finding = finding,
		.incident = &incident,
		.finding_state = state,
		.incident_state = (enum incident_state)state,
		.event = event};

	eve_finding(s->eve, &telling);
}

static void
alert_tells_of_the_incident_that_the_finding_is_part_of(void **state)
{
	struct rig *s = *state;
	struct finding finding = fixture_finding();
	struct incident incident = fixture_incident(&finding);
	const struct engine_telling telling = {.finding = &finding,
		.incident = &incident,
		.finding_state = FINDING_OPEN,
		.incident_state = INCIDENT_UPDATE};
	json_t *o, *x, *first;

	/* What came before it is told first, and the alert is as grave as the worst of them. */
	incident.stages[STAGE_SUCCESS] = incident.stages[STAGE_GUESSING];
	incident.stages[STAGE_SUCCESS].first_seen_ns -= NS_PER_S;
	incident.stage = STAGE_SUCCESS;
	incident.severity = 1;
	incident.findings = 2;
	incident.merged[0] = 3;
	incident.merged_count = 1;
	eve_finding(s->eve, &telling);
	o = line(s, 0);
	assert_int_equal(number_at(o, "alert", "severity"), 1);
	assert_string_equal(string_at(o, "smtap", "detector"), "bruteforce");
	assert_string_equal(string_at(o, "smtap", "state"), "update");
	assert_string_equal(string_at(o, "smtap", "finding_state"), "open");
	assert_string_equal(string_at(o, "smtap", "stage"), "guessing");
	assert_int_equal(number_at(o, "smtap", "incident_id"), 7);
	assert_int_equal(number_at(o, "smtap", "finding_id"), 1);
	x = json_object_get(json_object_get(o, "smtap"), "incident");
	assert_string_equal(string_at(x, NULL, "stage"), "success");
	assert_string_equal(string_at(x, NULL, "severity"), "critical");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(x, "merged"), 0)), 3);
	assert_int_equal(json_array_size(json_object_get(x, "stages")), 2);
	first = json_array_get(json_object_get(x, "stages"), 0);
	assert_string_equal(string_at(first, NULL, "stage"), "success");
	assert_int_equal(json_array_size(json_object_get(x, "advice")), 2);
	json_decref(o);
}

static void
finding_is_an_alert_with_its_evidence(void **state)
{
	struct rig *s = *state;
	struct finding finding = fixture_finding();
	const struct event cause = fixture_auth("dave");
	json_t *o, *x;

	finding.detector = 1;
	tell(s, &finding, FINDING_OPEN, &cause);
	o = line(s, 0);
	assert_string_equal(string_at(o, NULL, "event_type"), "alert");
	assert_string_equal(string_at(o, NULL, "src_ip"), "198.51.100.9");
	assert_string_equal(string_at(o, "alert", "action"), "allowed");
	assert_string_equal(
		string_at(o, "alert", "signature"), "SMTAP compromise: A guessed password worked");
	assert_int_equal(number_at(o, "alert", "signature_id"), 9000006);
	assert_int_equal(number_at(o, "alert", "severity"), 1);
	x = json_object_get(
		json_object_get(json_object_get(o, "alert"), "metadata"), "mitre_technique_id");
	assert_int_equal(json_array_size(x), 2);
	assert_string_equal(json_string_value(json_array_get(x, 1)), "T1110");
	assert_string_equal(string_at(o, "smtap", "detector"), "compromise");
	assert_string_equal(string_at(o, "smtap", "subject_type"), "source");
	assert_string_equal(string_at(o, "smtap", "subject"), "198.51.100.9");
	assert_string_equal(string_at(o, "smtap", "state"), "open");
	assert_int_equal(number_at(o, "smtap", "attempts"), 80);
	assert_string_equal(string_at(o, "smtap", "first_seen"), "2026-11-22T02:05:54.123456+0000");
	assert_string_equal(string_at(o, "smtap", "advice"), "Block 198.51.100.9.");
	x = json_object_get(json_object_get(o, "smtap"), "success");
	assert_int_equal(json_integer_value(json_object_get(x, "attempt")), 71);
	x = json_object_get(json_object_get(o, "smtap"), "samples");
	assert_string_equal(
		json_string_value(json_array_get(x, 0)), "1:j7OFIPuv1drfFaW93KJ8UQzTD+Y=");
	json_decref(o);
}

static void
finding_that_closes_in_silence_has_the_time_of_its_last_event(void **state)
{
	struct rig *s = *state;
	struct finding finding = fixture_finding();
	json_t *o;

	tell(s, &finding, FINDING_CLOSED, NULL);
	o = line(s, 0);
	assert_string_equal(string_at(o, NULL, "timestamp"), "2026-11-22T02:07:54.123456+0000");
	assert_string_equal(string_at(o, "smtap", "state"), "closed");
	json_decref(o);
}

static struct event
match_event(uint32_t id, uint64_t clock_ns, uint8_t client)
{
	struct event e = fixture_event(EVENT_SIGNATURE);

	e.head.clock_ns = clock_ns;
	e.head.flow.client = fixture_addr(client);
	e.signature.pattern_id = id;
	e.signature.context = CONTEXT_COMMAND;
	e.signature.line_len = fixture_text(&e, 0, "RCPT TO:<${run{x}}@y>");
	return e;
}

static void
signature_is_told_once_per_subject_and_interval(void **state)
{
	struct rig *s = *state;
	struct eve_counters counters;
	json_t *o;

	for (unsigned i = 0; i < 50; i++) {
		struct event e = match_event(3100, TIME_NS + i, 9);

		eve_event(s->eve, &e);
	}
	assert_int_equal(count_lines(s), 1);
	struct event other = match_event(3100, TIME_NS + 60, 10);
	eve_event(s->eve, &other);
	assert_int_equal(count_lines(s), 2);
	struct event later = match_event(3100, TIME_NS + s->config.incident_update + 50, 9);
	later.head.time_ns = later.head.clock_ns;
	eve_set_loss(s->eve, 7);
	eve_event(s->eve, &later);
	assert_int_equal(count_lines(s), 3);
	o = line(s, 0);
	assert_string_equal(string_at(o, "smtap", "detector"), "signature");
	assert_string_equal(string_at(o, "smtap", "line"), "RCPT TO:<${run{x}}@y>");
	assert_int_equal(number_at(o, "alert", "signature_id"), 3100);
	assert_string_equal(string_at(o, "smtap", "state"), "open");
	assert_string_equal(
		string_at(o, "smtap", "first_seen"), string_at(o, "smtap", "last_seen"));
	assert_int_equal(number_at(o, "smtap", "confidence"), 80);
	assert_int_equal(number_at(o, "smtap", "sensor_loss"), 0);
	json_decref(o);
	o = line(s, 2);
	assert_string_equal(string_at(o, "smtap", "state"), "update");
	assert_string_equal(string_at(o, "smtap", "first_seen"), "2026-11-22T02:07:24.123456+0000");
	assert_string_equal(string_at(o, "smtap", "last_seen"), string_at(o, NULL, "timestamp"));
	assert_int_equal(number_at(o, "smtap", "sensor_loss"), 7);
	assert_int_equal(number_at(o, "smtap", "suppressed"), 49);
	json_decref(o);
	eve_counters(s->eve, &counters);
	assert_int_equal(counters.suppressed, 49);
	assert_int_equal(counters.alerts, 3);
}

static void
matches_of_signatures_are_counted_told_or_not(void **state)
{
	struct rig *s = *state;
	struct eve_signature out[4];

	assert_int_equal(eve_signatures(s->eve, out, 4), 0);
	for (unsigned i = 0; i < 50; i++) {
		struct event e = match_event(3100, TIME_NS + i, 9);
		struct event tool = match_event(100, TIME_NS + i, 9);

		e.head.time_ns = TIME_NS - i;
		eve_event(s->eve, &e);
		eve_event(s->eve, &tool);
	}
	assert_int_equal(eve_signatures(s->eve, out, 4), 1);
	assert_int_equal(out[0].pattern->id, 3100);
	assert_int_equal(out[0].matches, 50);
	assert_int_equal(out[0].alerts, 1);
	assert_int_equal(out[0].first_ns, TIME_NS - 49);
	assert_int_equal(out[0].last_ns, TIME_NS);
}

static void
patterns_of_other_roles_make_no_alert(void **state)
{
	struct rig *s = *state;
	struct event tool = match_event(100, TIME_NS, 9), none = match_event(12345, TIME_NS, 9);

	eve_event(s->eve, &tool);
	eve_event(s->eve, &none);
	assert_int_equal(count_lines(s), 0);
}

static void
a_signature_that_a_rule_hides_makes_no_alert_but_counts(void **state)
{
	static const char yaml[] = "suppress: [{detector: signature, source: 198.51.100.9,"
				   " until: never, reason: r}]";
	struct config_source source = {"f", yaml, sizeof(yaml) - 1};
	struct rig *s = *state;
	struct event hidden = match_event(3100, TIME_NS, 9), told = match_event(3100, TIME_NS, 10);
	struct eve_signature matched;
	struct suppress *rules;
	char why[200];

	assert_int_equal(config_parse(&s->config, &source, why, sizeof(why)), 0);
	rules = suppress_open(&s->config);
	assert_non_null(rules);
	eve_set_rules(s->eve, rules);
	eve_event(s->eve, &hidden);
	assert_int_equal(count_lines(s), 0);
	eve_event(s->eve, &told);
	assert_int_equal(count_lines(s), 1);
	assert_int_equal(eve_signatures(s->eve, &matched, 1), 1);
	assert_int_equal(matched.matches, 2);
	assert_int_equal(matched.alerts, 1);
	assert_int_equal(suppress_total(rules).sightings, 1);
	suppress_close(rules);
	config_free(&s->config);
}

static void
stats_hold_every_counter(void **state)
{
	struct rig *s = *state;
	struct counters sum = {{0}};
	struct intake_counters intake = {.events = 5};
	struct engine_totals totals = {.incidents = 2, .findings = 3};
	struct eve_stats stats = {&sum, &intake, &totals, TIME_NS, TIME_NS + 90 * NS_PER_S};
	json_t *o, *counters;

	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		sum.value[i] = i + 1;
	eve_stats(s->eve, &stats);
	o = line(s, 0);
	assert_int_equal(number_at(o, "stats", "uptime"), 90);
	counters = json_object_get(json_object_get(o, "smtap"), "counters");
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		assert_int_equal(
			json_integer_value(json_object_get(counters, counter_infos[i].name)),
			i + 1);
	assert_int_equal(json_integer_value(json_object_get(counters, "intake_events")), 5);
	assert_int_equal(json_integer_value(json_object_get(counters, "engine_incidents")), 2);
	assert_int_equal(json_integer_value(json_object_get(counters, "engine_findings")), 3);
	json_decref(o);
}

static void
many_lines_pass_the_buffer_unharmed(void **state)
{
	struct rig *s = *state;
	struct event e = fixture_auth("dave");
	unsigned n = 0;

	for (unsigned i = 0; i < 3000; i++)
		eve_event(s->eve, &e);
	for (const char *p = text(s); *p; p += strcspn(p, "\n") + 1, n++) {
		json_t *o = json_loadb(p, strcspn(p, "\n"), 0, NULL);

		assert_non_null(o);
		json_decref(o);
	}
	assert_int_equal(n, 3000);
}

static void
write_error_is_remembered(void **state)
{
	struct config config;
	struct eve_options options = {.config = &config, .patterns = &fixture_set};
	struct event e = fixture_auth("dave");

	(void)state;
	config_defaults(&config);
	options.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(options.fd >= 0);
	struct eve *eve = eve_open(&options);
	eve_event(eve, &e);
	assert_int_equal(eve_flush(eve), -ENOSPC);
	for (unsigned i = 0; i < 3000; i++)
		eve_event(eve, &e);
	assert_int_equal(eve_close(eve), -ENOSPC);
	close(options.fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attempt_has_all_fields_in_a_stable_order),
		TEST(fingerprint_of_a_password_is_in_no_line),
		TEST(unknown_username_is_left_out_and_an_empty_one_is_not),
		TEST(utf8_stays_as_it_is),
		TEST(names_of_patterns_and_domain_are_told),
		TEST(transaction_lists_its_recipients_with_brackets),
		TEST(transaction_without_recipients_has_no_list),
		TEST(session_is_a_flow_line),
		TEST(finding_is_an_alert_with_its_evidence),
		TEST(alert_tells_of_the_incident_that_the_finding_is_part_of),
		TEST(finding_that_closes_in_silence_has_the_time_of_its_last_event),
		TEST(signature_is_told_once_per_subject_and_interval),
		TEST(matches_of_signatures_are_counted_told_or_not),
		TEST(patterns_of_other_roles_make_no_alert),
		TEST(a_signature_that_a_rule_hides_makes_no_alert_but_counts),
		TEST(stats_hold_every_counter),
		TEST(many_lines_pass_the_buffer_unharmed),
		cmocka_unit_test(write_error_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
