/* Abuse reports, as files in a folder of their own, and what the schema of XARF asks of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "export/xarf/report.h"
#include "export/xarf/xarf.h"
#include "tests/unit/sink_fixture.h"

#define KEYS                                                                                   \
	"type: xarf, folder: '%s', reporter_org: Corp, reporter_contact: abuse@corp.example, " \
	"reporter_domain: corp.example%s"

struct place {
	char folder[64];
	struct alerts alerts;
	struct opened opened;
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->folder, "/tmp/smtap-xarf-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	alerts_read(&p->alerts);
	*state = p;
	return 0;
}

/* Files in the folder; the last one's name in path. */
static unsigned
count_files(const struct place *p, char path[512], bool remove)
{
	DIR *folder = opendir(p->folder);
	struct dirent *entry;
	unsigned n = 0;

	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, 512, "%s/%s", p->folder, entry->d_name);
		n++;
		if (remove)
			unlink(path);
	}
	closedir(folder);
	return n;
}

static int
tear_down(void **state)
{
	struct place *p = *state;
	char path[512];

	if (p->opened.kind)
		sink_close(&p->opened);
	count_files(p, path, true);
	assert_int_equal(rmdir(p->folder), 0);
	alerts_drop(&p->alerts);
	free(p);
	return 0;
}

static int
open_xarf(struct place *p, const char *more)
{
	char keys[1024];

	snprintf(keys, sizeof(keys), KEYS, p->folder, more);
	return sink_open(&p->opened, &xarf_kind, keys);
}

/* Where the test's networks are, addresses that anybody may have. */
static void
move_to(json_t *eve, const char *source)
{
	json_object_set_new(eve, "src_ip", json_string(source));
	json_object_set_new(json_object_get(eve, "smtap"), "subject", json_string(source));
}

/* The first alerts of the detector, from another address, come first. */
static json_t *
first_of(struct place *p, const char *detector, const char *source)
{
	for (size_t i = 0; i < p->alerts.n; i++) {
		json_t *eve = p->alerts.json[i], *smtap = json_object_get(eve, "smtap");
		char *line = p->alerts.lines[i];

		if (strcmp(json_string_value(json_object_get(smtap, "detector")), detector) != 0)
			continue;
		p->alerts.json[i] = p->alerts.json[0];
		p->alerts.lines[i] = p->alerts.lines[0];
		p->alerts.json[0] = eve;
		p->alerts.lines[0] = line;
		move_to(eve, source);
		return eve;
	}
	fail_msg("no alert of %s", detector);
	return NULL;
}

static json_t *
only_report(const struct place *p)
{
	char path[512];
	json_t *o;

	assert_int_equal(count_files(p, path, false), 1);
	o = json_load_file(path, 0, NULL);
	assert_non_null(o);
	return o;
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (!text)
		fail_msg("no text %s", key);
	return text;
}

/* https://github.com/xarf/xarf-spec: "required" of xarf-core.json, its $defs, and of
 * types/connection-login-attack.json. */
static void
report_has_what_the_schema_requires(void **state)
{
	static const char *const required[] = {"xarf_version", "report_id", "timestamp",
		"source_identifier", "category", "type", "protocol", "first_seen"};
	static const char *const contact[] = {"org", "contact", "domain"};
	struct place *p = *state;
	json_t *o, *item;

	first_of(p, "bruteforce", "8.8.8.8");
	assert_int_equal(open_xarf(p, ""), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	o = only_report(p);
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		text_of(o, required[i]);
	for (size_t i = 0; i < 3; i++) {
		text_of(json_object_get(o, "reporter"), contact[i]);
		text_of(json_object_get(o, "sender"), contact[i]);
	}
	assert_int_equal(json_object_size(json_object_get(o, "reporter")), 3);
	assert_string_equal(text_of(o, "category"), "connection");
	assert_string_equal(text_of(o, "type"), "login_attack");
	assert_string_equal(text_of(o, "source_identifier"), "8.8.8.8");
	assert_string_equal(text_of(o, "protocol"), "tcp");
	assert_int_equal(strlen(text_of(o, "report_id")), 36);
	assert_int_equal(text_of(o, "report_id")[14], '5');
	assert_true(json_is_integer(json_object_get(o, "source_port")));
	assert_true(json_is_real(json_object_get(o, "confidence")));
	item = json_array_get(json_object_get(o, "evidence"), 0);
	assert_string_equal(text_of(item, "content_type"), "text/plain");
	assert_memory_equal(text_of(item, "hash"), "sha256:", 7);
	assert_int_equal(json_object_size(item), 5);
	json_decref(o);
}

static void
later_alerts_of_an_incident_replace_its_report(void **state)
{
	struct place *p = *state;
	json_t *eve = first_of(p, "bruteforce", "8.8.8.8"), *o;
	char *id;

	assert_int_equal(open_xarf(p, ""), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	o = only_report(p);
	id = strdup(text_of(o, "report_id"));
	json_decref(o);

	json_object_set_new(json_object_get(eve, "smtap"), "attempts", json_integer(4711));
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	o = only_report(p);
	assert_string_equal(text_of(o, "report_id"), id);
	assert_int_equal(json_integer_value(json_object_get(o, "attempt_count")), 4711);
	json_decref(o);
	free(id);
}

static void
another_address_or_incident_is_another_report(void **state)
{
	struct place *p = *state;
	json_t *eve = first_of(p, "bruteforce", "8.8.8.8");
	char path[512];

	assert_int_equal(open_xarf(p, ""), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	move_to(eve, "8.8.4.4");
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_int_equal(count_files(p, path, false), 2);
	json_object_set_new(json_object_get(eve, "smtap"), "incident_id", json_integer(99999));
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_int_equal(count_files(p, path, false), 3);
}

static void
no_account_is_told_to_strangers(void **state)
{
	static const char secret[] = "zzvictim";
	struct place *p = *state;
	char path[512], text[16384];

	for (size_t i = 0; i < p->alerts.n; i++) {
		json_t *eve = p->alerts.json[i], *smtap = json_object_get(eve, "smtap");

		if (!json_object_get(smtap, "top_accounts"))
			continue;
		move_to(eve, "2606:4700::1");
		json_object_set_new(smtap, "subject_type", json_string("source"));
		json_object_set_new(smtap, "confidence", json_integer(99));
		json_object_set_new(smtap, "accounts", json_integer(1));
		json_object_set_new(smtap, "top_accounts",
			json_pack("[{s:s, s:i}]", "name", secret, "attempts", 8));
		json_object_set_new(smtap, "success", json_pack("{s:s}", "account", secret));
		json_object_set_new(smtap, "advice", json_string(secret));
	}
	assert_int_equal(open_xarf(p, ""), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, p->alerts.n), SINK_DONE);
	unsigned n = 0;
	while (count_files(p, path, false) > 0) {
		FILE *f = fopen(path, "r");
		size_t len = fread(text, 1, sizeof(text) - 1, f);
		json_t *o, *item;
		const char *payload;

		fclose(f);
		text[len] = '\0';
		assert_null(strstr(text, secret));
		o = json_loads(text, 0, NULL);
		item = json_array_get(json_object_get(o, "evidence"), 0);
		payload = text_of(item, "payload");
		/* The name in base64, at each of the three places where it may begin. */
		assert_null(strstr(payload, "enp2aWN0aW"));
		assert_null(strstr(payload, "p6dmljdGlt"));
		assert_null(strstr(payload, "6enZpY3RpbQ"));
		json_decref(o);
		unlink(path);
		n++;
	}
	assert_true(n > 0);
}

static void
what_is_not_sure_or_no_login_attack_is_not_reported(void **state)
{
	struct place *p = *state;
	char path[512];
	json_t *eve;

	assert_int_equal(open_xarf(p, ""), 0);
	eve = first_of(p, "bruteforce", "8.8.8.8");
	json_object_set_new(json_object_get(eve, "smtap"), "confidence", json_integer(79));
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	first_of(p, "smtp_scan", "8.8.8.8");
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	first_of(p, "stale_credential", "8.8.8.8");
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_int_equal(count_files(p, path, false), 0);
}

static void
own_private_and_reserved_addresses_are_never_reported(void **state)
{
	static const char *const never[] = {"10.1.2.3", "192.168.0.1", "172.31.255.255",
		"127.0.0.1", "169.254.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0",
		"198.51.100.7", "203.0.113.9", "192.0.2.1", "::1", "fe80::1", "fd00::1", "ff02::1",
		"2001:db8::7", "::", "x", "", "9.9.9.9", "2620:fe::fe"};
	struct place *p = *state;
	char path[512];
	json_t *eve = first_of(p, "bruteforce", "8.8.8.8");

	assert_int_equal(open_xarf(p, ", never: [9.9.9.0/24, '2620:fe::/48']"), 0);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		move_to(eve, never[i]);
		assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
		if (count_files(p, path, false) != 0)
			fail_msg("%s was reported", never[i]);
	}
	assert_true(report_is_global("8.8.8.8"));
	assert_true(report_is_global("2606:4700::1"));
	move_to(eve, "9.9.8.9");
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_int_equal(count_files(p, path, false), 1);
}

static void
what_a_killed_writer_left_is_no_obstacle(void **state)
{
	struct place *p = *state;
	const struct report_options options = {.sensor = SENSOR};
	char id[REPORT_ID_MAX], path[512];
	FILE *f;

	assert_true(report_id(&options, first_of(p, "bruteforce", "8.8.8.8"), id));
	snprintf(path, sizeof(path), "%s/.%s.new", p->folder, id);
	f = fopen(path, "w");
	fputs("half a rep", f);
	fclose(f);
	assert_int_equal(open_xarf(p, ""), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	json_decref(only_report(p));
}

/* A file of that name, last written so long before now. */
static void
leave(const struct place *p, const char *name, uint64_t age_s, size_t bytes)
{
	struct timespec times[2];
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (size_t i = 0; i < bytes; i++)
		fputc('x', f);
	fclose(f);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= (time_t)age_s;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool
is_there(const struct place *p, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	return access(path, F_OK) == 0;
}

static void
the_oldest_reports_go_when_there_are_too_many_or_too_large(void **state)
{
	static const char *const names[] = {"00000000-0000-5000-8000-000000000001.json",
		"00000000-0000-5000-8000-000000000002.json",
		"00000000-0000-5000-8000-000000000003.json", "notes.json"};
	struct place *p = *state;
	char path[512];

	for (unsigned i = 0; i < 4; i++)
		leave(p, names[i], 100 - 10 * i, 10);
	first_of(p, "bruteforce", "8.8.8.8");
	assert_int_equal(open_xarf(p, ", files: 3"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_false(is_there(p, names[0]));
	assert_true(is_there(p, names[1]) && is_there(p, names[2]) && is_there(p, names[3]));
	assert_int_equal(count_files(p, path, false), 4);
	assert_int_equal(xarf_kind.count(p->opened.sink).removed, 1);
	assert_int_equal(xarf_kind.count(p->opened.sink).removed, 0);
	/* The same report again is no more of them. */
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_int_equal(count_files(p, path, false), 4);
	sink_close(&p->opened);

	leave(p, names[0], 5, 70000);
	assert_int_equal(open_xarf(p, ", size: 70010"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	assert_false(is_there(p, names[0]) || is_there(p, names[1]) || is_there(p, names[2]));
	assert_int_equal(count_files(p, path, false), 2);
}

static void
reports_go_when_they_are_old_and_what_is_not_ours_stays(void **state)
{
	static const char old[] = "00000000-0000-5000-8000-000000000001.json",
			  young[] = "00000000-0000-5000-8000-000000000002.json",
			  scratch[] = ".00000000-0000-5000-8000-000000000003.new",
			  other[] = "00000000-0000-5000-8000-000000000004.json.sent";
	struct place *p = *state;

	leave(p, old, 7201, 1);
	leave(p, young, 7100, 1);
	leave(p, scratch, 7100, 1);
	leave(p, other, 1000000, 1);
	assert_int_equal(open_xarf(p, ", keep: 2h"), 0);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t now_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000);
	assert_int_equal(xarf_kind.tick(p->opened.sink, now_ns, p->opened.why), SINK_DONE);
	assert_false(is_there(p, old) || is_there(p, scratch));
	assert_true(is_there(p, young) && is_there(p, other));
	assert_int_equal(xarf_kind.count(p->opened.sink).removed, 1);
	/* Once in a while, not with each tick. */
	leave(p, old, 7201, 1);
	xarf_kind.tick(p->opened.sink, now_ns + UINT64_C(1000000000), p->opened.why);
	assert_true(is_there(p, old));
	xarf_kind.tick(p->opened.sink, now_ns + UINT64_C(61000000000), p->opened.why);
	assert_false(is_there(p, old));
}

static void
folder_that_is_not_there_is_told(void **state)
{
	struct place *p = *state;

	strcat(p->folder, "/not");
	assert_true(open_xarf(p, "") < 0);
	sink_assert_why(&p->opened, "No such file or directory");
	p->folder[strlen(p->folder) - 4] = '\0';
}

static void
folder_that_went_away_is_tried_again(void **state)
{
	struct place *p = *state;

	first_of(p, "bruteforce", "8.8.8.8");
	assert_int_equal(open_xarf(p, ""), 0);
	assert_int_equal(rmdir(p->folder), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_RETRY);
	assert_int_equal(p->opened.sent, 0);
	sink_assert_why(&p->opened, p->folder);
	assert_int_equal(mkdir(p->folder, 0700), 0);
}

static void
contact_has_to_be_a_mail_address(void **state)
{
	struct place *p = *state;
	char keys[1024];

	snprintf(keys, sizeof(keys),
		"type: xarf, folder: '%s', reporter_org: C, reporter_contact: abuse, "
		"reporter_domain: c.example",
		p->folder);
	assert_true(sink_open(&p->opened, &xarf_kind, keys) < 0);
	sink_assert_why(&p->opened, "reporter_contact abuse: it has to be a mail address");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(report_has_what_the_schema_requires),
		T(later_alerts_of_an_incident_replace_its_report),
		T(another_address_or_incident_is_another_report),
		T(no_account_is_told_to_strangers),
		T(what_is_not_sure_or_no_login_attack_is_not_reported),
		T(own_private_and_reserved_addresses_are_never_reported),
		T(what_a_killed_writer_left_is_no_obstacle),
		T(the_oldest_reports_go_when_there_are_too_many_or_too_large),
		T(reports_go_when_they_are_old_and_what_is_not_ours_stays),
		T(folder_that_is_not_there_is_told),
		T(folder_that_went_away_is_tried_again),
		T(contact_has_to_be_a_mail_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
