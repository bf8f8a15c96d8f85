/* The store of incidents: what is written is read back, by whoever comes next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/unit/store_place.h"

#define NS_PER_DAY (86400ull * 1000000000ull)

/* Alert number seq about incident id, told on that day. */
static struct store_alert
alert(uint64_t seq, uint64_t id, const char *state, uint64_t day)
{
	static char lines[64][64];
	char *line = lines[seq % 64];

	snprintf(line, 64, "{\"n\":%llu}", (unsigned long long)seq);
	return (struct store_alert){.seq = seq,
		.time_ns = day * NS_PER_DAY,
		.told_ns = day * NS_PER_DAY,
		.incident = id,
		.state = state,
		.stage = "guessing",
		.severity = 2,
		.first_ns = 5,
		.last_ns = day * NS_PER_DAY,
		.finding = id * 10,
		.finding_state = state,
		.detector = "bruteforce",
		.subject_type = "source",
		.subject = "192.0.2.1",
		.attempts = seq,
		.confidence = 90,
		.line = line,
		.line_len = strlen(line)};
}

struct seen {
	uint64_t n[64];
	unsigned count;
	unsigned stop_after;
	char text[256];
};

static int
see_alert(void *arg, const struct store_alert *a)
{
	struct seen *seen = arg;

	seen->n[seen->count++] = a->seq ? a->seq : a->finding;
	snprintf(seen->text, sizeof(seen->text), "%.*s %s", (int)a->line_len,
		a->line ? a->line : "", a->subject ? a->subject : "");
	return seen->stop_after && seen->count == seen->stop_after ? 1 : 0;
}

static int
see_incident(void *arg, const struct store_incident *i)
{
	struct seen *seen = arg;

	seen->n[seen->count++] = i->id;
	snprintf(seen->text, sizeof(seen->text), "%s %s %u alerts=%u %s %s|%s", i->state, i->stage,
		i->severity, (unsigned)i->alerts, i->acked_by, i->note, i->line ? i->line : "-");
	return 0;
}

static int
see_subject(void *arg, const struct store_subject *s)
{
	struct seen *seen = arg;

	seen->n[seen->count++] = s->failures;
	strncat(seen->text, s->name, sizeof(seen->text) - strlen(seen->text) - 1);
	return 0;
}

static void
append(struct store *store, struct store_alert a)
{
	if (store_append(store, &a, 1) != 0)
		fail_msg("%s", store_error(store));
}

static unsigned
count_alerts(struct store *store)
{
	struct seen seen = {0};

	assert_int_equal(store_read(store, 0, 64, see_alert, &seen), 0);
	return seen.count;
}

static void
alerts_are_read_in_order_after_a_number_by_whoever_opens_it_next(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_alert three[] = {
		alert(1, 7, "open", 1), alert(2, 8, "open", 1), alert(3, 7, "update", 1)};
	struct seen seen = {0}, of_seven = {0}, first = {.stop_after = 1};

	assert_int_equal(store_append(store, three, 3), 0);
	store_close(store);
	store = opened(*state, STORE_READ);
	assert_int_equal(store_read(store, 1, 10, see_alert, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.n[0], 2);
	assert_int_equal(seen.n[1], 3);
	assert_string_equal(seen.text, "{\"n\":3} ");
	assert_int_equal(store_read_incident(store, 7, see_alert, &of_seven), 0);
	assert_int_equal(of_seven.count, 2);
	assert_int_equal(store_read(store, 0, 10, see_alert, &first), 1);
	assert_int_equal(first.count, 1);
	assert_int_equal(store_append(store, three, 1), -EROFS);
	store_close(store);
}

static void
an_incident_is_listed_as_it_was_last_told_newest_first(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct seen all = {0}, open = {0}, late = {0}, grave = {0}, one = {0}, newest = {0};

	append(store, alert(1, 7, "open", 1));
	append(store, alert(2, 8, "open", 2));
	append(store, alert(3, 7, "closed", 3));
	assert_int_equal(store_incidents(store, &(struct store_filter){0}, see_incident, &all), 0);
	assert_int_equal(all.count, 2);
	assert_int_equal(all.n[0], 7);
	assert_string_equal(all.text, "open guessing 2 alerts=1  |{\"n\":2}");
	store_incidents(store, &(struct store_filter){.open = true}, see_incident, &open);
	assert_int_equal(open.count, 1);
	assert_int_equal(open.n[0], 8);
	store_incidents(
		store, &(struct store_filter){.since_ns = 3 * NS_PER_DAY}, see_incident, &late);
	assert_int_equal(late.count, 1);
	assert_string_equal(late.text, "closed guessing 2 alerts=2  |{\"n\":3}");
	store_incidents(store, &(struct store_filter){.severity = 1}, see_incident, &grave);
	assert_int_equal(grave.count, 0);
	store_incidents(store, &(struct store_filter){.id = 8}, see_incident, &one);
	assert_int_equal(one.count, 1);
	store_incidents(store, &(struct store_filter){.max = 1}, see_incident, &newest);
	assert_int_equal(newest.count, 1);
	store_close(store);
}

static void
findings_that_were_not_closed_are_there_after_a_restart(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct seen seen = {0};
	struct store_last last;

	append(store, alert(1, 7, "open", 1));
	append(store, alert(2, 8, "open", 1));
	append(store, alert(3, 7, "closed", 1));
	store_close(store);
	store = opened(*state, STORE_WRITE);
	assert_int_equal(store_open_findings(store, see_alert, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.n[0], 80);
	assert_string_equal(seen.text, " 192.0.2.1");
	assert_int_equal(store_last(store, &last), 0);
	assert_int_equal(last.seq, 3);
	assert_int_equal(last.incident, 8);
	assert_int_equal(last.finding, 80);
	store_close(store);
}

static void
of_alerts_that_fail_together_none_is_kept(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_alert twice[] = {alert(1, 7, "open", 1), alert(1, 7, "open", 1)};
	struct store_last last;

	assert_true(store_append(store, twice, 2) < 0);
	assert_int_equal(count_alerts(store), 0);
	assert_int_equal(store_append(store, twice, 1), 0);
	assert_int_equal(count_alerts(store), 1);
	assert_int_equal(store_last(store, &last), 0);
	assert_int_equal(last.seq, 1);
	store_close(store);
}

static void
what_is_reserved_is_lowered_only_by_giving_it_back(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_last last;

	assert_int_equal(store_reserve(store, 10, 20), 0);
	assert_int_equal(store_reserve(store, 5, 25), 0);
	assert_int_equal(store_last(store, &last), 0);
	assert_int_equal(last.reserved_incident, 10);
	assert_int_equal(last.reserved_finding, 25);
	assert_int_equal(store_unreserve(store, 7, 8), 0);
	assert_int_equal(store_last(store, &last), 0);
	assert_int_equal(last.reserved_incident, 7);
	assert_int_equal(last.reserved_finding, 8);
	store_close(store);
}

static void
an_alert_about_the_sensor_belongs_to_no_incident(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct seen seen = {0};

	append(store, (struct store_alert){.seq = 1, .line = "{}", .line_len = 2});
	assert_int_equal(store_incidents(store, &(struct store_filter){0}, see_incident, &seen), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(count_alerts(store), 1);
	store_close(store);
}

static int
see_cursor(void *arg, const struct store_cursor *cursor)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s %llu, ", cursor->exporter,
		(unsigned long long)cursor->seq);
	return 0;
}

static void
put_cursor(struct store *store, const char *exporter, uint64_t seq)
{
	const struct store_cursor cursor = {.exporter = exporter, .seq = seq};

	assert_int_equal(store_put_cursors(store, &cursor, 1), 0);
}

static void
each_exporter_has_a_cursor_of_its_own(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	const struct store_cursor cursors[] = {{.exporter = "kafka", .gone = true},
		{.exporter = "nobody", .gone = true}, {.exporter = "webhook", .seq = 7}};
	char seen[200] = "";

	assert_int_equal(store_cursors(store, see_cursor, seen), 0);
	assert_string_equal(seen, "");
	put_cursor(store, "syslog", 4);
	put_cursor(store, "kafka", 2);
	put_cursor(store, "syslog", 5);
	store_close(store);
	store = opened(*state, STORE_WRITE);
	assert_int_equal(store_cursors(store, see_cursor, seen), 0);
	assert_string_equal(seen, "kafka 2, syslog 5, ");
	assert_int_equal(store_put_cursors(store, cursors, 3), 0);
	seen[0] = '\0';
	assert_int_equal(store_cursors(store, see_cursor, seen), 0);
	assert_string_equal(seen, "syslog 5, webhook 7, ");
	store_close(store);
}

static void
an_acknowledgement_outlives_the_next_update(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_ack ack = {.incident = 7, .time_ns = 9, .by = "eve", .note = "reset"};
	struct seen seen = {0}, unacked = {0};

	append(store, alert(1, 7, "open", 1));
	assert_int_equal(store_ack(store, &ack), 0);
	append(store, alert(2, 7, "update", 2));
	store_incidents(store, &(struct store_filter){0}, see_incident, &seen);
	assert_string_equal(seen.text, "update guessing 2 alerts=2 eve reset|{\"n\":2}");
	store_incidents(store, &(struct store_filter){.unacked = true}, see_incident, &unacked);
	assert_int_equal(unacked.count, 0);
	ack.incident = 6;
	assert_int_equal(store_ack(store, &ack), -ENOENT);
	store_close(store);
}

static void
sources_take_the_place_of_those_before_and_leave_accounts_alone(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_subject old = {.name = "old", .failures = 9};
	struct store_subject two[] = {{.name = "b", .failures = 1}, {.name = "a", .failures = 4}};
	struct seen sources = {0}, accounts = {0};

	assert_int_equal(store_put_subjects(store, "source", &old, 1), 0);
	assert_int_equal(store_put_subjects(store, "account", &old, 1), 0);
	assert_int_equal(store_put_subjects(store, "source", two, 2), 0);
	assert_int_equal(store_subjects(store, "source", 10, see_subject, &sources), 0);
	assert_string_equal(sources.text, "ab");
	assert_int_equal(store_subjects(store, "account", 10, see_subject, &accounts), 0);
	assert_string_equal(accounts.text, "old");
	store_close(store);
}

static void
closed_incidents_go_when_they_are_old_and_open_ones_keep_their_last_alert(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_keep keep = {.keep_ns = 30 * NS_PER_DAY};
	struct seen seen = {0};
	uint64_t undelivered = 0;

	append(store, alert(1, 7, "closed", 1));
	append(store, alert(2, 8, "closed", 20));
	append(store, alert(3, 9, "open", 40));
	put_cursor(store, "syslog", 3);
	assert_int_equal(store_retire(store, &keep, 41 * NS_PER_DAY, &undelivered), 0);
	store_incidents(store, &(struct store_filter){0}, see_incident, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.n[0], 9);
	assert_int_equal(seen.n[1], 8);
	assert_int_equal(undelivered, 0);
	/* What an exporter had still to deliver goes as well, and is counted. */
	put_cursor(store, "kafka", 1);
	assert_int_equal(store_retire(store, &keep, 60 * NS_PER_DAY, &undelivered), 0);
	assert_int_equal(undelivered, 1);
	assert_int_equal(count_alerts(store), 1);
	store_close(store);
}

static void
what_is_too_much_for_one_call_goes_with_the_next(void **state)
{
	struct store *store = opened(*state, STORE_WRITE);
	struct store_keep keep = {.keep_ns = NS_PER_DAY};
	uint64_t undelivered = 0;

	for (uint64_t seq = 1; seq <= 1030; seq++)
		append(store, alert(seq, seq, "closed", 1));
	assert_int_equal(store_retire(store, &keep, 9 * NS_PER_DAY, &undelivered), 1);
	assert_in_range(count_alerts(store), 1, 1030 - 1);
	assert_int_equal(store_retire(store, &keep, 9 * NS_PER_DAY, &undelivered), 0);
	assert_int_equal(count_alerts(store), 0);
	store_close(store);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

static void
the_file_stays_near_its_size_whatever_is_told(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_WRITE);
	struct store_keep keep = {.bytes = 1 << 20};
	uint64_t undelivered = 0;
	char line[2001];
	struct store_last last;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	put_cursor(store, "kafka", 0);
	for (uint64_t seq = 1; seq <= 3000; seq++) {
		struct store_alert a = alert(seq, seq / 2 + 1, seq % 2 ? "closed" : "open", 1);

		a.line = line;
		a.line_len = sizeof(line) - 1;
		append(store, a);
		if (seq % 100 == 0)
			assert_int_equal(store_retire(store, &keep, NS_PER_DAY, &undelivered), 0);
	}
	assert_int_equal(store_last(store, &last), 0);
	assert_int_equal(last.seq, 3000);
	assert_in_range(undelivered, 2000, 3000);
	store_close(store); /* writes back the log */
	assert_in_range(size_of(place->path), 1 << 17, 3 << 19);
}

static void
a_writer_killed_at_any_moment_loses_nothing_committed(void **state)
{
	const struct place *place = *state;
	int told[2];
	uint64_t committed = 0, seq;
	struct store_last last;

	assert_int_equal(pipe(told), 0);
	pid_t child = fork();
	if (child == 0) {
		struct store *store = opened(place, STORE_WRITE);

		for (seq = 1;; seq++) {
			append(store, alert(seq, seq, "open", 1));
			if (write(told[1], &seq, sizeof(seq)) != sizeof(seq))
				_exit(1);
		}
	}
	close(told[1]);
	while (committed < 50)
		assert_int_equal(read(told[0], &committed, sizeof(committed)), sizeof(committed));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(told[0], &seq, sizeof(seq)) == sizeof(seq))
		committed = seq;
	close(told[0]);
	struct store *store = opened(place, STORE_WRITE);
	assert_int_equal(store_last(store, &last), 0);
	/* The one that it was at may have been committed, too. */
	assert_in_range(last.seq, committed, committed + 1);
	append(store, alert(last.seq + 1, 1, "open", 1));
	store_close(store);
}

static void
overwrite(const char *path, off_t at, const char *bytes, size_t n)
{
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void
a_damaged_file_and_one_that_is_none_are_told_by_name(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_WRITE);
	char why[512] = "";

	append(store, alert(1, 7, "open", 1));
	store_close(store);
	assert_true(store_file_is_ours(place->path));
	overwrite(place->path, 100, "This is a letter to a friend", 28);
	assert_int_equal(store_open(&store, place->path, STORE_WRITE, why, sizeof(why)), -EUCLEAN);
	assert_true(store_file_is_ours(place->path));
	overwrite(place->path, 0, "This is a letter to a friend", 28);
	assert_false(store_file_is_ours(place->path));
	assert_int_equal(store_open(&store, place->path, STORE_WRITE, why, sizeof(why)), -EPROTO);
	assert_null(store);
	assert_non_null(strstr(why, place->path));
	assert_non_null(strstr(why, "not a database"));
}

static void
tables_of_a_later_version_are_left_alone(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_WRITE);
	char why[512] = "";

	store_close(store);
	overwrite(place->path, 60, "\0\0\0\x63", 4); /* user_version, in the file's header */
	assert_int_equal(store_open(&store, place->path, STORE_WRITE, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "version 99"));
	assert_non_null(strstr(why, "a later one"));
	assert_int_equal(store_open(&store, place->path, STORE_READ, why, sizeof(why)), -EPROTO);
}

static void
a_file_that_is_not_there_is_not_made_by_a_reader(void **state)
{
	const struct place *place = *state;
	struct store *store;
	char why[512] = "";

	assert_int_equal(store_open(&store, place->path, STORE_READ, why, sizeof(why)), -ENOENT);
	assert_int_equal(access(place->path, F_OK), -1);
}

static void
a_reader_sees_what_is_committed_while_a_writer_writes(void **state)
{
	struct store *writer = opened(*state, STORE_WRITE);
	struct store *reader = opened(*state, STORE_READ);

	append(writer, alert(1, 7, "open", 1));
	assert_int_equal(count_alerts(reader), 1);
	append(writer, alert(2, 7, "open", 1));
	assert_int_equal(count_alerts(reader), 2);
	store_close(reader);
	store_close(writer);
}

static int
count_one(void *arg, const struct store_incident *incident)
{
	(void)incident;
	++*(unsigned *)arg;
	return 0;
}

static unsigned
count_unacked(struct store *store)
{
	const struct store_filter filter = {.unacked = true};
	unsigned n = 0;

	assert_int_equal(store_incidents(store, &filter, count_one, &n), 0);
	return n;
}

static void
an_incident_that_comes_further_is_unacknowledged_again(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_WRITE);
	const struct store_ack ack = {.incident = 7, .time_ns = 5, .by = "eve", .note = ""};
	struct store_alert further = alert(3, 7, "update", 1);

	append(store, alert(1, 7, "open", 1));
	assert_int_equal(count_unacked(store), 1);
	assert_int_equal(store_ack(store, &ack), 0);
	assert_int_equal(count_unacked(store), 0);
	append(store, alert(2, 7, "update", 1));
	assert_int_equal(count_unacked(store), 0);
	further.stage = "relay";
	append(store, further);
	assert_int_equal(count_unacked(store), 1);
	assert_int_equal(store_ack(store, &ack), 0);
	assert_int_equal(count_unacked(store), 0);
	store_close(store);
}

static int
note_suppression(void *arg, const struct store_suppression *one)
{
	char *out = arg;

	sprintf(out + strlen(out), "%llu %llu %s %s %llu %s;", (unsigned long long)one->id,
		(unsigned long long)one->incident, one->rule, one->by,
		(unsigned long long)one->removed_ns, one->removed_by);
	return 0;
}

static void
what_is_suppressed_is_kept_with_who_did_and_undid_it(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_WRITE);
	struct store_suppression one = {.rule = "{a}", .at_ns = 9, .by = "eve"};
	char text[256] = "";
	uint64_t id;

	assert_int_equal(store_suppress(store, &one, &id), 0);
	assert_int_equal(id, 1);
	one.incident = 7;
	assert_int_equal(store_suppress(store, &one, &id), 0);
	assert_int_equal(store_unsuppress(store, 1, 11, "bob"), 0);
	assert_int_equal(store_unsuppress(store, 1, 12, "bob"), -ENOENT);
	assert_int_equal(store_unsuppress(store, 9, 12, "bob"), -ENOENT);
	store_close(store);
	store = opened(place, STORE_READ);
	assert_int_equal(store_suppressions(store, false, note_suppression, text), 0);
	assert_string_equal(text, "2 7 {a} eve 0 ;");
	text[0] = '\0';
	assert_int_equal(store_suppressions(store, true, note_suppression, text), 0);
	assert_string_equal(text, "1 0 {a} eve 11 bob;2 7 {a} eve 0 ;");
	store_close(store);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(alerts_are_read_in_order_after_a_number_by_whoever_opens_it_next),
		TEST(an_incident_is_listed_as_it_was_last_told_newest_first),
		TEST(findings_that_were_not_closed_are_there_after_a_restart),
		TEST(of_alerts_that_fail_together_none_is_kept),
		TEST(what_is_reserved_is_lowered_only_by_giving_it_back),
		TEST(an_alert_about_the_sensor_belongs_to_no_incident),
		TEST(each_exporter_has_a_cursor_of_its_own),
		TEST(an_acknowledgement_outlives_the_next_update),
		TEST(sources_take_the_place_of_those_before_and_leave_accounts_alone),
		TEST(closed_incidents_go_when_they_are_old_and_open_ones_keep_their_last_alert),
		TEST(what_is_too_much_for_one_call_goes_with_the_next),
		TEST(the_file_stays_near_its_size_whatever_is_told),
		TEST(a_writer_killed_at_any_moment_loses_nothing_committed),
		TEST(an_incident_that_comes_further_is_unacknowledged_again),
		TEST(what_is_suppressed_is_kept_with_who_did_and_undid_it),
		TEST(a_damaged_file_and_one_that_is_none_are_told_by_name),
		TEST(tables_of_a_later_version_are_left_alone),
		TEST(a_file_that_is_not_there_is_not_made_by_a_reader),
		TEST(a_reader_sees_what_is_committed_while_a_writer_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
