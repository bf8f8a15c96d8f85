/* Control's socket for exporters, with smtap-export's own client of it on the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

#include "control/outlet/gather.h"
#include "tests/unit/outlet_place.h"

static uint64_t
backlog(struct place *p)
{
	char why[SINK_WHY_MAX] = "";
	struct feed_batch batch;

	if (feed_alerts(p->feed, 0, 0, &batch, why) != 0)
		fail_msg("%s", why);
	uint64_t n = batch.backlog;
	assert_int_equal(batch.n, 0);
	feed_batch_free(&batch);
	return n;
}

static void
alerts_come_in_order_once_they_were_told(void **state)
{
	struct place *p = *state;
	char text[400];

	for (uint64_t i = 1; i <= 5; i++)
		put(p, i + 10, "open");
	take(p, 2, 5, text);
	assert_string_equal(text, "1:11 2:12 3:13 4:14 5:15 ");
	assert_int_equal(backlog(p), 0);
}

static void *
put_later(void *arg)
{
	put(arg, 77, "open");
	return NULL;
}

static void
question_without_an_answer_waits_for_one(void **state)
{
	struct place *p = *state;
	pthread_t thread;
	char text[400];

	assert_int_equal(backlog(p), 0);
	pthread_create(&thread, NULL, put_later, p);
	take(p, 10, 1, text);
	assert_string_equal(text, "1:77 ");
	pthread_join(thread, NULL);
}

static void
what_was_not_said_to_be_delivered_comes_again(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX], text[400] = "";
	struct feed_batch batch;

	put(p, 1, "open");
	put(p, 2, "open");
	await_stored(p, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(feed_alerts(p->feed, 10, FEED_WAIT_MAX_MS, &batch, why), 0);
		assert_int_equal(batch.backlog, 2);
		append(text, &batch);
		feed_batch_free(&batch);
	}
	assert_string_equal(text, "1:1 2:2 1:1 2:2 ");
	/* Nor does anybody else's word count. */
	assert_int_equal(feed_delivered(p->feed, 3, why), -EINVAL);
	assert_non_null(strstr(why, "no alert of that number was told"));
	assert_int_equal(backlog(p), 2);
}

static void
cursors_outlive_control(void **state)
{
	struct place *p = *state;
	char text[400];

	for (uint64_t i = 1; i <= 4; i++)
		put(p, i, "open");
	take(p, 1, 2, text);
	assert_int_equal(close_control(p), 0);
	open_control(p);
	put(p, 5, "open");
	/* The connection broke: it is made again. */
	struct feed_batch batch;
	char why[SINK_WHY_MAX];
	assert_int_not_equal(feed_alerts(p->feed, 1, 0, &batch, why), 0);
	assert_non_null(strstr(why, "control has gone"));
	take(p, 10, 3, text);
	assert_string_equal(text, "3:3 4:4 5:5 ");
}

static void
new_exporter_begins_with_the_next_alert_or_the_oldest(void **state)
{
	static const struct outbox_exporter more[] = {{.name = "a", .from_start = true},
		{.name = "c", .from_start = false}, {.name = "d", .from_start = true}};
	struct place *p = *state;
	uint64_t seq = 99;

	for (uint64_t i = 1; i <= 4; i++)
		put(p, i, "open");
	outbox_set_exporters(p->outbox, more, 3);
	assert_true(outbox_cursor(p->outbox, "a", &seq));
	assert_int_equal(seq, 0);
	assert_true(outbox_cursor(p->outbox, "c", &seq));
	assert_int_equal(seq, 4);
	assert_true(outbox_cursor(p->outbox, "d", &seq));
	assert_int_equal(seq, 0);
	/* That it began with the next is kept, though it has delivered nothing. */
	assert_int_equal(close_control(p), 0);
	p->exporters = more;
	p->count = 3;
	open_control(p);
	put(p, 5, "open");
	assert_true(outbox_cursor(p->outbox, "c", &seq));
	assert_int_equal(seq, 4);
}

static void
exporter_that_is_no_more_is_told_and_forgotten(void **state)
{
	struct place *p = *state;
	char why[OUTBOX_WHY_MAX] = "", text[400];
	struct feed_batch batch;

	for (uint64_t i = 1; i <= 3; i++)
		put(p, i, "open");
	take(p, 1, 1, text);
	outbox_set_exporters(p->outbox, configured + 1, 1);
	while (!outbox_news(p->outbox, why))
		sched_yield();
	assert_string_equal(why,
		"exporter a is not configured any more; 2 alerts that it has not delivered are "
		"not kept for it");
	assert_false(outbox_news(p->outbox, why));
	assert_int_equal(feed_alerts(p->feed, 1, 0, &batch, why), -EINVAL);
	assert_non_null(strstr(why, "no exporter of that name is configured"));
	/* Once it is there again it is a new one. */
	assert_int_equal(close_control(p), 0);
	open_control(p);
	uint64_t seq = 99;
	assert_true(outbox_cursor(p->outbox, "a", &seq));
	assert_int_equal(seq, 0);
}

static void
alerts_come_out_of_memory_while_the_store_fails(void **state)
{
	struct place *p = *state;
	char text[400], why[OUTBOX_WHY_MAX], folder[96], first[96];
	unsigned long long base = 0;

	/* There is no folder for the store. */
	open_control(p);
	while (!outbox_trouble(p->outbox, why))
		sched_yield();
	put(p, 1, "open");
	put(p, 2, "open");
	take(p, 10, 2, text);
	assert_int_equal(sscanf(text, "%llu:1 ", &base), 1);
	snprintf(first, sizeof(first), "%llu:1 %llu:2 ", base, base + 1);
	assert_string_equal(text, first);
	/* Now it works: what comes then is there once, and after those. */
	snprintf(folder, sizeof(folder), "%s/f", p->folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	put(p, 3, "open");
	take(p, 10, 1, text);
	snprintf(first, sizeof(first), "%llu:3 ", base + 2);
	assert_string_equal(text, first);
	struct outbox_counters counters = {0};
	while (outbox_counters(p->outbox, &counters), counters.waiting > 0)
		sched_yield();
	put(p, 4, "open");
	take(p, 10, 1, text);
	snprintf(first, sizeof(first), "%llu:4 ", base + 3);
	assert_string_equal(text, first);
}

/* What a control that was killed left, whose last alerts did not reach the disk. */
static void
write_store(const struct place *p, uint64_t alerts, uint64_t cursor)
{
	const struct store_cursor row = {.exporter = "a", .seq = cursor};
	struct store *store;
	char why[512] = "";

	if (store_open(&store, p->store, STORE_WRITE, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	for (uint64_t i = 1; i <= alerts; i++)
		assert_int_equal(
			store_append(store,
				&(struct store_alert){.seq = i, .line = "{}", .line_len = 2}, 1),
			0);
	assert_int_equal(store_put_cursors(store, &row, 1), 0);
	store_close(store);
}

static void
cursor_past_the_last_alert_hides_none(void **state)
{
	struct place *p = *state;
	char text[400];

	close_control(p);
	write_store(p, 3, 9);
	open_control(p);
	put(p, 7, "open");
	take(p, 10, 1, text);
	assert_string_equal(text, "4:7 ");
}

static void
open_incidents_are_those_that_are_not_closed(void **state)
{
	struct place *p = *state;
	char text[400] = "", why[SINK_WHY_MAX];
	struct feed_batch batch;

	put(p, 1, "open");
	put(p, 2, "open");
	put(p, 3, "open");
	put(p, 2, "closed");
	put(p, 1, "update");
	await_stored(p, 5);
	assert_int_equal(feed_open_alerts(p->feed, &batch, why), 0);
	append(text, &batch);
	assert_string_equal(text, "3:3 5:1 ");
	assert_int_equal(batch.up_to, 5);
	feed_batch_free(&batch);
}

/* Who shows sources needs them all, also when the last word was about an account. */
static void
each_finding_of_an_open_incident_is_told_as_it_was_last(void **state)
{
	struct place *p = *state;
	char text[400] = "", why[SINK_WHY_MAX];
	struct feed_batch batch;

	put_finding(p, 1, 10, "open");
	put_finding(p, 1, 11, "open");
	put_finding(p, 2, 20, "open");
	put_finding(p, 1, 10, "update");
	put_finding(p, 2, 20, "closed");
	put_finding(p, 1, 12, "update");
	await_stored(p, 6);
	assert_int_equal(feed_open_alerts(p->feed, &batch, why), 0);
	append(text, &batch);
	assert_string_equal(text, "2:1 4:1 6:1 ");
	feed_batch_free(&batch);
}

static void
open_findings_past_the_bound_are_the_oldest_and_are_counted(void **state)
{
	struct place *p = *state;
	struct gather gather = {.path = p->store, .outbox = p->outbox};
	struct gathered some;

	for (uint64_t i = 1; i <= 6; i++)
		put_finding(p, 1 + i % 2, i, "open");
	put_finding(p, 2, 1, "update");
	await_stored(p, 7);
	assert_int_equal(gather_open(&gather, 3, &some), 0);
	assert_int_equal(some.n, 3);
	assert_int_equal(some.left_out, 3);
	assert_null(strstr(some.text, "\"seq\":4"));
	assert_ptr_equal(strstr(some.text, "{\"seq\":5"), some.text);
	assert_non_null(strstr(some.text, "\n{\"seq\":6"));
	assert_non_null(strstr(some.text, "\n{\"seq\":7"));
	free(some.text);
	gather_end(&gather);
}

/* Each finding once, and none of an incident that closed since, whatever of it the store has. */
static void
what_memory_has_is_later_than_what_the_store_has(void **state)
{
	struct place *p = *state;
	struct gather gather = {.path = p->store, .outbox = p->outbox};
	struct gathered some;
	char why[OUTBOX_WHY_MAX];
	sqlite3 *db;

	for (uint64_t i = 1; i <= 4; i++)
		put(p, i, "open");
	await_stored(p, 4);
	assert_int_equal(sqlite3_open(p->store, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put(p, 2, "update");
	put(p, 3, "closed");
	put(p, 2, "update");
	while (!outbox_trouble(p->outbox, why))
		sched_yield();
	put(p, 5, "open");
	assert_int_equal(gather_open(&gather, 100, &some), 0);
	assert_int_equal(some.n, 4);
	assert_ptr_equal(strstr(some.text, "{\"seq\":1,"), some.text);
	assert_non_null(strstr(some.text, "\n{\"seq\":4,"));
	assert_non_null(strstr(some.text, "\n{\"seq\":7,"));
	assert_non_null(strstr(some.text, "\n{\"seq\":8,"));
	assert_int_equal(some.seq, 4);
	free(some.text);
	gather_end(&gather);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
}

static void
open_incidents_are_known_while_the_store_fails(void **state)
{
	struct place *p = *state;
	char text[400] = "", why[SINK_WHY_MAX];
	struct feed_batch batch;
	const char *line = text;

	open_control(p);
	while (!outbox_trouble(p->outbox, why))
		sched_yield();
	put(p, 1, "open");
	put(p, 2, "open");
	put(p, 1, "closed");
	assert_int_equal(feed_open_alerts(p->feed, &batch, why), 0);
	append(text, &batch);
	assert_int_equal(batch.n, 1);
	assert_non_null(strstr(line, ":2 "));
	feed_batch_free(&batch);
}

static void
counters_are_what_control_made_last(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX];
	json_t *counters;

	assert_false(outlet_wants_counters(p->outlet));
	outlet_put_counters(p->outlet, "{\"n\":3}", 7);
	assert_int_equal(feed_counters(p->feed, &counters, why), 0);
	assert_int_equal(json_integer_value(json_object_get(counters, "n")), 3);
	json_decref(counters);
	assert_true(outlet_wants_counters(p->outlet));
}

static void
reload_is_told_to_who_waits_and_what_came_of_it_comes_back(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX], said[OUTLET_WHY_MAX];
	struct feed_reload first, next;

	assert_false(outlet_reload(p->outlet, OUTLET_CHECK));
	assert_int_equal(feed_reload(p->feed, FEED_NO_RELOAD, &first, why), 0);
	assert_int_equal(first.step, FEED_CHECK);
	assert_true(outlet_reload(p->outlet, OUTLET_TAKE));
	assert_false(outlet_reloaded(p->outlet, said));
	assert_int_equal(feed_reload(p->feed, first.number, &next, why), 0);
	assert_int_equal(next.number, first.number + 1);
	assert_int_equal(next.step, FEED_TAKE);
	assert_true(first.at_ns > 0 && next.at_ns >= first.at_ns);
	/* Of an earlier one: nothing of this one is known. */
	assert_int_equal(feed_reloaded(p->feed, first.number, "old", why), 0);
	assert_false(outlet_reloaded(p->outlet, said));
	assert_int_equal(feed_reloaded(p->feed, next.number, "line 3: no", why), 0);
	assert_true(outlet_reloaded(p->outlet, said));
	assert_string_equal(said, "line 3: no");
	assert_true(outlet_reload(p->outlet, OUTLET_DROP));
	assert_false(outlet_reloaded(p->outlet, said));
	assert_int_equal(feed_reload(p->feed, next.number, &next, why), 0);
	assert_int_equal(next.step, FEED_DROP);
}

static void *
reload_later(void *arg)
{
	struct place *p = arg;

	outlet_reload(p->outlet, OUTLET_TAKE);
	return NULL;
}

static void
question_for_a_reload_waits_for_one(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX];
	struct feed_reload first, next;
	pthread_t thread;

	assert_int_equal(feed_reload(p->feed, FEED_NO_RELOAD, &first, why), 0);
	assert_int_equal(pthread_create(&thread, NULL, reload_later, p), 0);
	assert_int_equal(feed_reload(p->feed, first.number, &next, why), 0);
	pthread_join(thread, NULL);
	assert_int_equal(next.number, first.number + 1);
}

static void
waiting_ends_when_it_is_to_end(void **state)
{
	struct place *p = *state;
	uint64_t one = 1;
	struct feed_batch batch;
	char why[SINK_WHY_MAX];

	assert_int_equal(write(p->stop_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(feed_alerts(p->feed, 1, FEED_WAIT_MAX_MS, &batch, why), -ECANCELED);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_running, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(alerts_come_in_order_once_they_were_told),
		TEST(question_without_an_answer_waits_for_one),
		TEST(what_was_not_said_to_be_delivered_comes_again),
		TEST(cursors_outlive_control),
		TEST(new_exporter_begins_with_the_next_alert_or_the_oldest),
		TEST(exporter_that_is_no_more_is_told_and_forgotten),
		cmocka_unit_test_setup_teardown(
			alerts_come_out_of_memory_while_the_store_fails, set_up, tear_down),
		TEST(cursor_past_the_last_alert_hides_none),
		TEST(open_incidents_are_those_that_are_not_closed),
		TEST(each_finding_of_an_open_incident_is_told_as_it_was_last),
		cmocka_unit_test_setup_teardown(
			open_incidents_are_known_while_the_store_fails, set_up, tear_down),
		TEST(open_findings_past_the_bound_are_the_oldest_and_are_counted),
		TEST(what_memory_has_is_later_than_what_the_store_has),
		TEST(counters_are_what_control_made_last),
		TEST(reload_is_told_to_who_waits_and_what_came_of_it_comes_back),
		TEST(question_for_a_reload_waits_for_one),
		TEST(waiting_ends_when_it_is_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
