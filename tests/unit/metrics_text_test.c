/* Metrics and health as they are told, of what control and the exporters said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "export/metrics/internal.h"

#define NOW (1000 * NS_PER_S)
#define WALL (UINT64_C(1700000000) * NS_PER_S)

/* What control answers: the least that there is in it. */
static const char answer_text[] =
	"{\"version\": \"9.9\", \"time\": 5, \"metrics\": ["
	"{\"name\": \"rx_packets\", \"kind\": \"counter\", \"unit\": \"packets\","
	" \"help\": \"Packets \\\"seen\\\"\\\\\", \"label\": \"worker\","
	" \"values\": [[\"0\", 7], [\"1\", 9007199254740993]]},"
	"{\"name\": \"shed_time\", \"kind\": \"counter\", \"unit\": \"milliseconds\","
	" \"help\": \"Time\", \"value\": 1234},"
	"{\"name\": \"last_packet\", \"kind\": \"gauge\", \"unit\": \"timestamp\","
	" \"help\": \"When\", \"value\": 1699999990000000000},"
	"{\"name\": \"start\", \"kind\": \"gauge\", \"unit\": \"timestamp\","
	" \"help\": \"When\", \"value\": 1699000000000000000},"
	"{\"name\": \"dataplane_attached\", \"kind\": \"gauge\", \"unit\": \"boolean\","
	" \"help\": \"There\", \"value\": 1},"
	"{\"name\": \"events\", \"kind\": \"counter\", \"unit\": \"events\", \"help\": \"h\","
	" \"label\": \"worker\", \"values\": [[\"0\", 10], [\"1\", 20]]},"
	"{\"name\": \"intake_events\", \"kind\": \"counter\", \"unit\": \"events\","
	" \"help\": \"h\", \"value\": 30},"
	"{\"name\": \"store_failing\", \"kind\": \"gauge\", \"unit\": \"boolean\","
	" \"help\": \"h\", \"value\": 0},"
	"{\"name\": \"snapshot_interval\", \"kind\": \"gauge\", \"unit\": \"milliseconds\","
	" \"help\": \"h\", \"value\": 5000},"
	"{\"name\": \"snapshot_duration\", \"kind\": \"gauge\", \"unit\": \"milliseconds\","
	" \"help\": \"h\", \"value\": 0},"
	"{\"name\": \"snapshot_age\", \"kind\": \"gauge\", \"unit\": \"milliseconds\","
	" \"help\": \"h\", \"value\": 20},"
	"{\"name\": \"Not a name\", \"kind\": \"gauge\", \"unit\": \"\", \"help\": \"h\","
	" \"value\": 1}]}";

struct rig {
	struct watch watch;
	json_int_t time;
	char *text;
	bool ok;
};

static int
set_up(void **state)
{
	*state = calloc(1, sizeof(struct rig));
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *s = *state;

	watch_free(&s->watch);
	free(s->text);
	free(s);
	return 0;
}

/* Control answers, with something new. */
static json_t *
answer_of(struct rig *s)
{
	json_t *answer = json_loads(answer_text, 0, NULL);

	assert_non_null(answer);
	json_object_set_new(answer, "time", json_integer(++s->time));
	return answer;
}

static void
set(json_t *answer, const char *name, json_int_t value)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(answer, "metrics"), i,
		one) if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
	{
		json_object_del(one, "values");
		json_object_set_new(one, "value", json_integer(value));
	}
}

static const char *
text(struct rig *s, bool openmetrics, uint64_t now_ns)
{
	const struct pages_counters pages = {.requests = 3};
	const struct text_view view = {
		.watch = &s->watch, .pages = &pages, .version = "0.1", .now_ns = now_ns};
	size_t len;

	free(s->text);
	s->text = text_make(&view, openmetrics, &len);
	assert_int_equal(len, strlen(s->text));
	return s->text;
}

static void
has(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return;
	fail_msg("no line '%s' in\n%s", line, text);
}

static void
each_metric_has_its_help_type_unit_and_values(void **state)
{
	struct rig *s = *state;

	watch_take(&s->watch, answer_of(s), "", NOW);
	const char *t = text(s, false, NOW);
	has(t, "# HELP smtap_rx_packets_total Packets \"seen\"\\\\");
	has(t, "# TYPE smtap_rx_packets_total counter");
	has(t, "smtap_rx_packets_total{worker=\"0\"} 7");
	has(t, "smtap_rx_packets_total{worker=\"1\"} 9007199254740993");
	has(t, "smtap_shed_time_seconds_total 1.234");
	has(t, "# TYPE smtap_last_packet_timestamp_seconds gauge");
	has(t, "smtap_last_packet_timestamp_seconds 1699999990.000000000");
	has(t, "smtap_dataplane_attached 1");
	has(t, "smtap_up 1");
	has(t, "smtap_build_info{program=\"smtap-control\",version=\"9.9\"} 1");
	has(t, "smtap_http_requests_total 3");
	assert_null(strstr(t, "Not a name"));
	assert_null(strstr(t, "# EOF"));
	t = text(s, true, NOW);
	has(t, "# HELP smtap_rx_packets Packets \\\"seen\\\"\\\\");
	has(t, "# TYPE smtap_rx_packets counter");
	has(t, "# UNIT smtap_rx_packets packets");
	has(t, "smtap_rx_packets_total{worker=\"0\"} 7");
	has(t, "# UNIT smtap_shed_time_seconds seconds");
	has(t, "# TYPE smtap_build info");
	assert_null(strstr(t, "# UNIT smtap_dataplane_attached"));
	assert_string_equal(t + strlen(t) - strlen("# EOF\n"), "# EOF\n");
}

static void
openmetrics_is_for_who_asks(void **state)
{
	(void)state;
	assert_true(text_wants_openmetrics("application/openmetrics-text;version=1.0.0,*/*;q=0.1"));
	assert_false(text_wants_openmetrics("text/plain;version=0.0.4,*/*"));
	assert_false(text_wants_openmetrics(""));
}

static void
of_a_control_that_is_down_no_old_value_is_told(void **state)
{
	struct rig *s = *state;

	has(text(s, false, NOW), "smtap_up 0");
	watch_take(&s->watch, answer_of(s), "", NOW);
	watch_take(&s->watch, NULL, "control.sock: Connection refused", NOW + NS_PER_S);
	const char *t = text(s, false, NOW + NS_PER_S);
	has(t, "smtap_up 0");
	assert_null(strstr(t, "rx_packets"));
	assert_null(strstr(t, "smtap-control"));
	watch_take(&s->watch, answer_of(s), "", NOW + 2 * NS_PER_S);
	has(text(s, false, NOW + 2 * NS_PER_S), "smtap_up 1");
}

static void
a_control_that_hangs_is_down(void **state)
{
	struct rig *s = *state;
	json_t *answer = answer_of(s);

	/* The same answer, made at the same time, again and again. */
	for (unsigned i = 0; i < 8; i++)
		watch_take(&s->watch, json_deep_copy(answer), "", NOW + i * 2 * NS_PER_S);
	json_decref(answer);
	has(text(s, false, NOW + 9 * NS_PER_S), "smtap_up 1");
	has(text(s, false, NOW + 14 * NS_PER_S), "smtap_up 0");
	/* And so it is when nothing comes back at all. */
	watch_take(&s->watch, answer_of(s), "", NOW + 20 * NS_PER_S);
	has(text(s, false, NOW + 20 * NS_PER_S), "smtap_up 1");
	has(text(s, false, NOW + 31 * NS_PER_S), "smtap_up 0");
}

static void
exporters_are_told_by_name(void **state)
{
	struct rig *s = *state;
	const struct metrics_exporter two[] = {
		{.name = "siem", .type = "syslog", .counters = {.sent = 5}},
		{.name = "hook", .type = "webhook", .counters = {.failing = 1}}};

	watch_take_exporters(&s->watch, two, 2, NOW);
	const char *t = text(s, false, NOW);
	has(t, "# TYPE smtap_exporter_sent_total counter");
	has(t, "smtap_exporter_sent_total{exporter=\"siem\",type=\"syslog\"} 5");
	has(t, "smtap_exporter_sent_total{exporter=\"hook\",type=\"webhook\"} 0");
	has(t, "smtap_exporter_failing{exporter=\"hook\",type=\"webhook\"} 1");
#define X(field, kind, name, help) assert_non_null(strstr(t, "smtap_exporter_" name));
	SINK_COUNTERS(X)
#undef X
}

/* The health, and whether all is well. */
static json_t *
health(struct rig *s, uint64_t now_ns)
{
	const struct health_view view = {.watch = &s->watch,
		.silence_ns = 10 * NS_PER_MIN,
		.failing_ns = 5 * NS_PER_MIN,
		.now_ns = now_ns,
		.wall_ns = WALL + (now_ns - NOW)};
	size_t len;

	free(s->text);
	s->text = health_make(&view, &s->ok, &len);
	assert_int_equal(len, strlen(s->text));
	json_t *o = json_loads(s->text, 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(o, "status")), s->ok ? "ok" : "failing");
	return o;
}

/* Only that check fails, and its sentence has that word. NULL: none does. */
static void
assert_fails(struct rig *s, uint64_t now_ns, const char *name, const char *word)
{
	json_t *o = health(s, now_ns), *check;
	const char *key;

	json_object_foreach(json_object_get(o, "checks"), key, check)
	{
		bool ok = json_is_true(json_object_get(check, "ok"));

		if (ok != (!name || strcmp(key, name) != 0))
			fail_msg("%s: %s", key, s->text);
	}
	assert_int_equal(json_array_size(json_object_get(o, "reasons")), name ? 1 : 0);
	if (name && !strstr(s->text, word))
		fail_msg("no %s in %s", word, s->text);
	assert_int_equal(s->ok, name == NULL);
	json_decref(o);
}

static void
all_is_well(void **state)
{
	struct rig *s = *state;

	watch_take(&s->watch, answer_of(s), "", NOW);
	assert_fails(s, NOW, NULL, NULL);
	assert_non_null(strstr(s->text, "\"last_packet\": \"2023-11-14T22:13:10Z\""));
}

static void
each_thing_that_fails_is_told(void **state)
{
	struct rig *s = *state;
	json_t *answer;

	assert_fails(s, NOW, "control", "not asked yet");
	watch_take(&s->watch, NULL, "x.sock: Connection refused", NOW);
	assert_fails(s, NOW, "control", "Connection refused");
	/* A path need not be UTF-8, as JSON has to be. */
	watch_take(&s->watch, NULL, "\xff.sock: Connection refused", NOW);
	json_decref(health(s, NOW));
	assert_false(s->ok);
	answer = answer_of(s);
	set(answer, "dataplane_attached", 0);
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, "dataplane", "no dataplane");
	answer = answer_of(s);
	set(answer, "store_failing", 1);
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, "store", "cannot be written");
	answer = answer_of(s);
	set(answer, "snapshot_interval", 5000);
	set(answer, "snapshot_age", 349999);
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, NULL, NULL);
	answer = answer_of(s);
	set(answer, "snapshot_interval", 5000);
	set(answer, "snapshot_age", 350000);
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, "snapshot", "was written for 350 s");
	answer = answer_of(s);
	set(answer, "snapshot_interval", 5000);
	set(answer, "snapshot_age", 350000);
	set(answer, "snapshot_duration", 70000); /* begun again 280 s after it was begun */
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, NULL, NULL);
	/* There are to be none. */
	answer = answer_of(s);
	set(answer, "snapshot_interval", 0);
	set(answer, "snapshot_age", 350000);
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, NULL, NULL);
	watch_take(&s->watch, answer_of(s), "", NOW + 20 * NS_PER_MIN);
	assert_fails(s, NOW + 20 * NS_PER_MIN, "packets", "no packet came for 1210 s");
}

static void
a_port_that_never_brought_a_packet_is_told(void **state)
{
	struct rig *s = *state;
	json_t *answer = answer_of(s);

	set(answer, "last_packet", 0);
	set(answer, "start", (json_int_t)(WALL - 5 * NS_PER_MIN));
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, NULL, NULL);
	answer = answer_of(s);
	set(answer, "last_packet", 0);
	watch_take(&s->watch, answer, "", NOW);
	assert_fails(s, NOW, "packets", "mirror port");
}

static void
events_that_nobody_takes_are_told(void **state)
{
	struct rig *s = *state;

	for (unsigned i = 0; i < 10; i++) {
		json_t *answer = answer_of(s);

		set(answer, "events", 30 + i);
		watch_take(&s->watch, answer, "", NOW + i * 2 * NS_PER_S);
		/* The first that waits is seen with i = 1. */
		if (i * 2 < 2 + 10)
			assert_fails(s, NOW + i * 2 * NS_PER_S, NULL, NULL);
		else
			assert_fails(s, NOW + i * 2 * NS_PER_S, "events", "takes none");
	}
	/* They are taken. */
	json_t *answer = answer_of(s);
	set(answer, "events", 50);
	set(answer, "intake_events", 31);
	watch_take(&s->watch, answer, "", NOW + 20 * NS_PER_S);
	assert_fails(s, NOW + 20 * NS_PER_S, NULL, NULL);
}

static void
an_exporter_may_fail_for_a_while(void **state)
{
	struct rig *s = *state;
	struct metrics_exporter e = {.name = "siem", .type = "syslog", .counters = {.failing = 1}};

	for (unsigned minute = 0; minute < 5; minute++) {
		uint64_t now = NOW + minute * NS_PER_MIN;

		watch_take(&s->watch, answer_of(s), "", now);
		watch_take_exporters(&s->watch, &e, 1, now);
		assert_fails(s, now, NULL, NULL);
	}
	watch_take(&s->watch, answer_of(s), "", NOW + 5 * NS_PER_MIN);
	assert_fails(s, NOW + 5 * NS_PER_MIN, "exporters", "siem");
	/* Well for a moment: its time begins anew. */
	e.counters.failing = 0;
	watch_take_exporters(&s->watch, &e, 1, NOW + 5 * NS_PER_MIN);
	e.counters.failing = 1;
	watch_take_exporters(&s->watch, &e, 1, NOW + 6 * NS_PER_MIN);
	watch_take(&s->watch, answer_of(s), "", NOW + 7 * NS_PER_MIN);
	assert_fails(s, NOW + 7 * NS_PER_MIN, NULL, NULL);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(each_metric_has_its_help_type_unit_and_values),
		T(openmetrics_is_for_who_asks),
		T(of_a_control_that_is_down_no_old_value_is_told),
		T(a_control_that_hangs_is_down),
		T(exporters_are_told_by_name),
		T(all_is_well),
		T(each_thing_that_fails_is_told),
		T(a_port_that_never_brought_a_packet_is_told),
		T(events_that_nobody_takes_are_told),
		T(an_exporter_may_fail_for_a_while),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
