/*
 * Alerts of each detector, taken from captures (encode/alerts.eve), against what they are in other
 * words (alerts.ecs, .ocsf, .cef), and against what the published schemas ask for. When an encoding
 * is meant to change, SMTAP_WRITE_ENCODED=1 writes those files anew, to be read before committing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "export/encode/encode.h"
#include "export/encode/view.h"
#include "tests/unit/alerts_read.h"

#define SENSOR "tap1.corp.example"
static struct alerts alerts;

static int
read_alerts(void **state)
{
	(void)state;
	alerts_read(&alerts);
	return 0;
}

static int
drop_alerts(void **state)
{
	(void)state;
	alerts_drop(&alerts);
	return 0;
}

/* The version of smtap is not what these files are about. */
static char *
without_version(char *text)
{
	static const char *const before[] = {"\"version\":\"", "CEF:0|smtap|smtap|"};

	for (size_t i = 0; i < 2; i++)
		for (char *at = text; (at = strstr(at, before[i])) != NULL;) {
			at += strlen(before[i]);
			if (strncmp(at, SMTAP_VERSION, strlen(SMTAP_VERSION)) == 0)
				memmove(at, at + strlen(SMTAP_VERSION),
					strlen(at + strlen(SMTAP_VERSION)) + 1);
		}
	return text;
}

static void
compare_format(enum encode_format format, const char *end)
{
	const bool write = getenv("SMTAP_WRITE_ENCODED") != NULL;
	FILE *f = alerts_file(end, write ? "w" : "r");
	char *want = NULL;
	size_t room = 0;

	for (size_t i = 0; i < alerts.n; i++) {
		char *got = without_version(encode_alert(format, alerts.json[i], SENSOR));

		if (write) {
			fprintf(f, "%s\n", got);
		} else {
			assert_true(getline(&want, &room, f) > 0);
			want[strcspn(want, "\n")] = '\0';
			assert_string_equal(got, want);
		}
		free(got);
	}
	free(want);
	fclose(f);
}

static void
alerts_of_every_detector_are_as_they_were_read_once(void **state)
{
	(void)state;
	compare_format(ENCODE_ECS, "ecs");
	compare_format(ENCODE_OCSF, "ocsf");
	compare_format(ENCODE_CEF, "cef");
}

static void
eve_stays_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < alerts.n; i++) {
		char *got = encode_alert(ENCODE_EVE, alerts.json[i], SENSOR);

		assert_string_equal(got, alerts.lines[i]);
		free(got);
	}
}

/* The value at "a.b[0].c"; NULL: there is none. */
static const json_t *
at(const json_t *o, const char *path)
{
	char key[64];

	while (o && *path) {
		size_t n = strcspn(path, ".[");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		if (n > 0)
			o = json_object_get(o, key);
		path += n;
		if (*path == '[') {
			o = json_array_get(o, (size_t)strtoul(path + 1, NULL, 10));
			path += strcspn(path, "]") + 1;
		}
		if (*path == '.')
			path++;
	}
	return o;
}

static json_t *
encoded(enum encode_format format, const json_t *eve)
{
	char *text = encode_alert(format, eve, SENSOR);
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(o);
	free(text);
	return o;
}

static bool
one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static const char *
text_at(const json_t *o, const char *path)
{
	const char *text = json_string_value(at(o, path));

	if (!text)
		fail_msg("no text at %s", path);
	return text;
}

/*
 * https://www.elastic.co/guide/en/ecs/8.11/ecs-base.html, ecs-ecs.html (required), and
 * ecs-allowed-values-event-kind.html, -category.html, -type.html (the only values).
 */
static void
ecs_has_what_ecs_requires(void **state)
{
	static const char *const categories[] = {"api", "authentication", "configuration",
		"database", "driver", "email", "file", "host", "iam", "intrusion_detection",
		"library", "malware", "network", "package", "process", "registry", "session",
		"threat", "vulnerability", "web", NULL};

	(void)state;
	for (size_t i = 0; i < alerts.n; i++) {
		json_t *o = encoded(ENCODE_ECS, alerts.json[i]);
		const json_t *list = at(o, "event.category"), *one;
		size_t k;

		assert_int_equal(text_at(o, "@timestamp")[26], 'Z');
		assert_string_equal(text_at(o, "ecs.version"), "8.11.0");
		assert_string_equal(text_at(o, "event.kind"), "alert");
		assert_true(json_array_size(list) > 0);
		json_array_foreach(list, k, one)
			assert_true(one_of(json_string_value(one), categories));
		assert_string_equal(text_at(o, "event.type[0]"), "info");
		text_at(o, "rule.id");
		text_at(o, "rule.name");
		assert_string_equal(text_at(o, "observer.name"), SENSOR);
		json_decref(o);
	}
}

/*
 * https://schema.ocsf.io/1.4.0/classes/detection_finding and its objects: what is "required", and
 * the "at least one" of evidences, attack, technique, network_endpoint and user.
 */
static void
ocsf_finding_has_what_ocsf_requires(const json_t *o)
{
	static const char *const required[] = {"activity_id", "category_uid", "class_uid",
		"severity_id", "time", "type_uid", NULL};
	const json_t *one;
	size_t i;

	for (i = 0; required[i]; i++)
		if (!json_is_integer(at(o, required[i])))
			fail_msg("no number %s", required[i]);
	assert_int_equal(view_number(o, "category_uid"), 2);
	assert_int_equal(view_number(o, "class_uid"), 2004);
	assert_in_range(view_number(o, "activity_id"), 1, 3);
	assert_int_equal(view_number(o, "type_uid"), 200400 + view_number(o, "activity_id"));
	assert_in_range(view_number(o, "severity_id"), 1, 6);
	assert_true(view_number(o, "time") > 1500000000000);
	assert_string_equal(text_at(o, "metadata.version"), "1.4.0");
	text_at(o, "metadata.product.name");
	text_at(o, "finding_info.uid");
	text_at(o, "finding_info.title");
	assert_true(json_is_integer(at(o, "finding_info.analytic.type_id")));
	json_array_foreach(at(o, "finding_info.attacks"), i, one) text_at(one, "technique.uid");
	json_array_foreach(at(o, "evidences"), i, one)
	{
		assert_true(at(one, "src_endpoint") || at(one, "dst_endpoint") ||
			    at(one, "connection_info") || at(one, "user"));
		assert_true(!at(one, "src_endpoint") || at(one, "src_endpoint.ip"));
		assert_true(!at(one, "dst_endpoint") || at(one, "dst_endpoint.ip"));
		assert_true(!at(one, "user") || at(one, "user.name"));
		assert_true(!at(one, "connection_info") || at(one, "connection_info.direction_id"));
	}
	json_array_foreach(at(o, "observables"), i, one)
		assert_true(json_is_integer(at(one, "type_id")));
	if (at(o, "remediation"))
		text_at(o, "remediation.desc");
}

static void
ocsf_has_what_ocsf_requires(void **state)
{
	(void)state;
	for (size_t i = 0; i < alerts.n; i++) {
		json_t *o = encoded(ENCODE_OCSF, alerts.json[i]);

		ocsf_finding_has_what_ocsf_requires(o);
		json_decref(o);
	}
}

static void
ocsf_creates_updates_and_closes_one_finding_for_one_incident(void **state)
{
	static const char *const states[] = {"open", "update", "closed"};
	json_t *eve = json_deep_copy(alerts.json[0]);

	(void)state;
	json_object_set_new(json_object_get(eve, "smtap"), "incident_id", json_integer(77));
	for (unsigned i = 0; i < 3; i++) {
		json_t *o;

		json_object_set_new(json_object_get(eve, "smtap"), "state", json_string(states[i]));
		o = encoded(ENCODE_OCSF, eve);
		assert_int_equal(view_number(o, "activity_id"), i + 1);
		assert_string_equal(text_at(o, "finding_info.uid"), SENSOR "/77");
		json_decref(o);
	}
	json_decref(eve);
}

/* The value of a key of a CEF extension, as it is before it was escaped; "" when it is not there.
 */
static void
cef_value(const char *cef, const char *key, char *out, size_t room)
{
	char find[32];
	const char *p = cef;
	size_t n = 0;

	for (unsigned bars = 0; bars < 7; p++)
		bars += *p == '|' && p[-1] != '\\';
	snprintf(find, sizeof(find), "%s%s=", p == cef ? "" : " ", key);
	out[0] = '\0';
	if (strncmp(p, find + 1, strlen(find + 1)) != 0 && !(p = strstr(p, find)))
		return;
	p = strchr(p, '=') + 1;
	while (*p && n + 1 < room) {
		/* A value ends before the next " key=". */
		if (*p == ' ' && p[1 + strcspn(p + 1, " =\\")] == '=')
			break;
		if (*p == '\\')
			p++;
		out[n++] = *p++;
	}
	out[n] = '\0';
}

static bool
has_name(const json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) if (json_is_string(one) &&
					     strcmp(json_string_value(one), name) == 0) return true;
	return false;
}

static bool
has_observable(const json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(
		list, i, one) if (strcmp(view_text(one, "value"), name) == 0) return true;
	return false;
}

/* Of one alert: who did it, to whom, as part of what. */
static void
check_nothing_lost(const json_t *eve)
{
	json_t *ecs = encoded(ENCODE_ECS, eve), *ocsf = encoded(ENCODE_OCSF, eve);
	char *cef = encode_alert(ENCODE_CEF, eve, SENSOR), value[4096];
	const char *kinds[] = {"sources", "accounts", "servers"};
	const json_t *smtap = json_object_get(eve, "smtap"), *one;
	size_t i;

	for (unsigned k = 0; k < 3; k++)
		json_array_foreach(at(smtap, "incident")
					   ? json_object_get(at(smtap, "incident"), kinds[k])
					   : NULL,
			i, one)
		{
			const char *name = json_string_value(one);

			assert_true(
				has_name(at(ecs, k == 1 ? "related.user" : "related.ip"), name));
			assert_true(has_observable(at(ocsf, "observables"), name));
			if (k == 2)
				continue;
			cef_value(
				cef, k == 1 ? "flexString2" : "flexString1", value, sizeof(value));
			assert_non_null(strstr(value, name));
		}
	if (at(smtap, "incident_id")) {
		const long long id = json_integer_value(at(smtap, "incident_id"));
		char want[64];

		snprintf(want, sizeof(want), "%lld", id);
		cef_value(cef, "externalId", value, sizeof(value));
		assert_string_equal(value, want);
		assert_int_equal(json_integer_value(at(ecs, "smtap.incident_id")), id);
		assert_int_equal(json_integer_value(at(ocsf, "unmapped.smtap.incident_id")), id);
		snprintf(want, sizeof(want), SENSOR "/%lld", id);
		assert_string_equal(text_at(ocsf, "finding_info.uid"), want);
	}
	cef_value(cef, "cs2", value, sizeof(value));
	assert_string_equal(value, view_text(smtap, "subject"));
	json_decref(ecs);
	json_decref(ocsf);
	free(cef);
}

static void
no_source_account_or_incident_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < alerts.n; i++)
		check_nothing_lost(alerts.json[i]);
}

/* The first alert, about this account alone. */
static json_t *
alert_about(const char *account)
{
	json_t *eve = json_deep_copy(alerts.json[0]), *smtap = json_object_get(eve, "smtap");
	json_t *incident = json_object_get(smtap, "incident");

	json_object_set_new(smtap, "subject_type", json_string("account"));
	json_object_set_new(smtap, "subject", json_string(account));
	json_object_set_new(incident, "accounts", json_pack("[s]", account));
	json_object_del(smtap, "top_accounts");
	return eve;
}

static void
names_chosen_by_an_attacker_stay_in_their_field(void **state)
{
	static const char *const names[] = {"a|b", "a=b", "a\\b", "a\\|=\\", "x src=1.2.3.4",
		"x|CEF:0|", "d\xc3\xa9j\xc3\xa0@corp.example", "\"},{\"", "\xf0\x9f\x94\x91"};
	char value[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *eve = alert_about(names[i]);
		char *cef = encode_alert(ENCODE_CEF, eve, SENSOR);
		char *plain = encode_alert(ENCODE_CEF, alerts.json[0], SENSOR);

		cef_value(cef, "src", value, sizeof(value));
		cef_value(plain, "src", value + 2048, 2048);
		assert_string_equal(value, value + 2048);
		/* Where the name has a space, a reader without this test's care ends the value:
		 * so the equals sign that follows is escaped. */
		if (!strchr(names[i], ' ')) {
			cef_value(cef, "duser", value, sizeof(value));
			assert_string_equal(value, names[i]);
			check_nothing_lost(eve);
		} else {
			assert_non_null(strstr(cef, "duser=x src\\=1.2.3.4 "));
		}
		free(cef);
		free(plain);
		json_decref(eve);
	}
}

static void
control_bytes_and_line_ends_never_leave_as_such(void **state)
{
	json_t *eve = alert_about("a\nb\rc\x1b[2Jd\x7f\tz\xc2\x9b");

	(void)state;
	json_object_set_new(
		json_object_get(eve, "alert"), "signature", json_string("one\ntwo|\x01"));
	for (unsigned format = 0; format < ENCODE_FORMAT_COUNT; format++) {
		char *text = encode_alert(format, eve, SENSOR);

		for (const char *p = text; *p; p++)
			if ((uint8_t)*p < 0x20)
				fail_msg("format %u: byte %02x", format, (uint8_t)*p);
		if (format == ENCODE_CEF) {
			assert_non_null(strstr(text, "|one two\\|\\\\x01|"));
			assert_non_null(
				strstr(text, "duser=a\\nb\\rc\\\\x1b[2Jd\\\\x7f\\\\x09z\\\\x9b"));
		}
		free(text);
	}
	json_decref(eve);
}

static void
a_very_long_name_is_cut_at_a_character_in_cef(void **state)
{
	char name[4001], value[4096];
	json_t *eve;
	char *cef;

	(void)state;
	for (size_t i = 0; i < 4000; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[4000] = '\0';
	eve = alert_about(name);
	cef = encode_alert(ENCODE_CEF, eve, SENSOR);
	cef_value(cef, "duser", value, sizeof(value));
	assert_int_equal(strlen(value), 2 * 1023); /* characters, of two bytes */
	free(cef);
	json_decref(eve);
}

static void
cef_of_ipv6_has_addresses_under_the_keys_for_them(void **state)
{
	char value[256];
	bool seen = false;

	(void)state;
	for (size_t i = 0; i < alerts.n; i++) {
		const char *source = view_text(alerts.json[i], "src_ip");
		char *cef = encode_alert(ENCODE_CEF, alerts.json[i], SENSOR);

		if (strchr(source, ':')) {
			seen = true;
			cef_value(cef, "src", value, sizeof(value));
			assert_string_equal(value, "");
			cef_value(cef, "c6a2", value, sizeof(value));
			assert_string_equal(value, source);
		}
		free(cef);
	}
	assert_true(seen);
}

static void
what_is_needed_least_goes_first_until_an_alert_fits(void **state)
{
	(void)state;
	for (unsigned format = 0; format < ENCODE_FORMAT_COUNT; format++) {
		for (size_t i = 0; i < alerts.n; i++) {
			char *whole = encode_alert(format, alerts.json[i], SENSOR);
			char *cut = encode_alert_within(
				format, alerts.json[i], SENSOR, strlen(whole) - 1);
			char *same =
				encode_alert_within(format, alerts.json[i], SENSOR, strlen(whole));

			assert_string_equal(same, whole);
			/* The sensor's own alerts have nothing but advice. */
			if (strlen(cut) >= strlen(whole))
				assert_null(at(alerts.json[i], "smtap.incident"));
			free(whole);
			free(cut);
			free(same);
		}
	}
}

static void
a_cut_alert_says_so_and_who_did_it(void **state)
{
	char *cut = encode_alert_within(ENCODE_EVE, alerts.json[0], SENSOR, 1600);
	json_t *o = json_loads(cut, 0, NULL);

	(void)state;
	assert_true(strlen(cut) <= 1600);
	assert_true(json_is_true(at(o, "smtap.cut")));
	assert_string_equal(text_at(o, "smtap.subject"), text_at(alerts.json[0], "smtap.subject"));
	assert_true(json_is_integer(at(o, "smtap.incident_id")));
	json_decref(o);
	free(cut);
}

static void
times_are_told_in_each_ones_way(void **state)
{
	char iso[VIEW_TIME_MAX];

	(void)state;
	view_time("2026-11-22T02:05:09.342613+0000", iso);
	assert_string_equal(iso, "2026-11-22T02:05:09.342613Z");
	view_time("2026-11-22T02:05:09+0000", iso);
	assert_string_equal(iso, "2026-11-22T02:05:09Z");
	view_time("yesterday", iso);
	assert_string_equal(iso, "");
	assert_int_equal(view_time_ms("1970-01-02T00:00:01.042613+0000"), 86401042);
	assert_int_equal(view_time_ms("1970-01-02T00:00:01.5+0000"), 86401500);
	assert_int_equal(view_time_ms(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alerts_of_every_detector_are_as_they_were_read_once),
		cmocka_unit_test(eve_stays_as_it_is),
		cmocka_unit_test(ecs_has_what_ecs_requires),
		cmocka_unit_test(ocsf_has_what_ocsf_requires),
		cmocka_unit_test(ocsf_creates_updates_and_closes_one_finding_for_one_incident),
		cmocka_unit_test(no_source_account_or_incident_is_lost),
		cmocka_unit_test(names_chosen_by_an_attacker_stay_in_their_field),
		cmocka_unit_test(control_bytes_and_line_ends_never_leave_as_such),
		cmocka_unit_test(a_very_long_name_is_cut_at_a_character_in_cef),
		cmocka_unit_test(cef_of_ipv6_has_addresses_under_the_keys_for_them),
		cmocka_unit_test(what_is_needed_least_goes_first_until_an_alert_fits),
		cmocka_unit_test(a_cut_alert_says_so_and_who_did_it),
		cmocka_unit_test(times_are_told_in_each_ones_way),
	};

	return cmocka_run_group_tests(tests, read_alerts, drop_alerts);
}
