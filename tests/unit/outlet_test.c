/* Control's socket for exporters, with smtap-export's own client of it on the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/outlet/outlet.h"
#include "export/feed/feed.h"

struct place {
	char folder[64];
	char store[96];
	char socket[96];
	struct outbox *outbox;
	struct outlet *outlet;
	struct feed *feed; /* of exporter "a" */
	int stop_fd;
	const struct outbox_exporter *exporters;
	size_t count;
};

static const struct outbox_exporter configured[] = {
	{.name = "a", .from_start = true}, {.name = "b", .from_start = false}};

static void
open_outlet(struct place *p)
{
	const struct outlet_options options = {
		.path = p->socket, .store = p->store, .outbox = p->outbox};
	char why[512] = "";

	if (outlet_open(&p->outlet, &options, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

static void
open_control(struct place *p)
{
	p->outbox =
		outbox_open(&(struct outbox_options){.path = p->store, .memory_bytes = 1 << 20});
	assert_non_null(p->outbox);
	outbox_set_exporters(p->outbox, p->exporters, p->count);
	open_outlet(p);
}

static int
close_control(struct place *p)
{
	struct outbox_counters counters;

	outlet_close(p->outlet);
	p->outlet = NULL;
	return outbox_close(p->outbox, &counters);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->folder, "/tmp/smtap-outlet-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->store, sizeof(p->store), "%s/f/a.db", p->folder);
	snprintf(p->socket, sizeof(p->socket), "%s/sock", p->folder);
	p->exporters = configured;
	p->count = 2;
	p->stop_fd = eventfd(0, EFD_NONBLOCK);
	p->feed = feed_new(
		&(struct feed_options){.path = p->socket, .exporter = "a", .stop_fd = p->stop_fd});
	*state = p;
	return 0;
}

/* With a folder for the store. */
static int
set_up_running(void **state)
{
	char folder[96];

	if (set_up(state) != 0)
		return -1;
	snprintf(folder, sizeof(folder), "%s/f", ((struct place *)*state)->folder);
	if (mkdir(folder, 0700) != 0)
		return -1;
	open_control(*state);
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;
	char pattern[120];
	glob_t found;

	feed_free(p->feed);
	if (p->outlet)
		close_control(p);
	snprintf(pattern, sizeof(pattern), "%s/f/*", p->folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	snprintf(pattern, sizeof(pattern), "%s/f", p->folder);
	rmdir(pattern);
	assert_int_equal(rmdir(p->folder), 0);
	close(p->stop_fd);
	free(p);
	return 0;
}

static void
put_finding(struct place *p, uint64_t incident, uint64_t finding, const char *how)
{
	char line[64];

	snprintf(line, sizeof(line), "{\"incident\":%llu,\"how\":\"%s\"}",
		(unsigned long long)incident, how);
	outbox_put(p->outbox, &(struct store_alert){.incident = incident,
				      .state = how,
				      .stage = "none",
				      .finding = finding,
				      .finding_state = how,
				      .detector = "spray",
				      .subject_type = "source",
				      .subject = "192.0.2.1",
				      .line = line,
				      .line_len = strlen(line)});
}

static void
put(struct place *p, uint64_t incident, const char *how)
{
	put_finding(p, incident, incident, how);
}

/* "1:5 " is alert 1, of incident 5. */
static void
append(char *text, const struct feed_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct sink_alert *a = &batch->alerts[i];

		sprintf(text + strlen(text), "%llu:%lld ", (unsigned long long)a->seq,
			json_integer_value(json_object_get(a->json, "incident")));
	}
}

/* Ask, and say that they were delivered, until there are so many. */
static void
take(struct place *p, unsigned max, unsigned n, char *text)
{
	char why[SINK_WHY_MAX] = "";
	unsigned have = 0;

	text[0] = '\0';
	while (have < n) {
		struct feed_batch batch;

		if (feed_alerts(p->feed, max, FEED_WAIT_MAX_MS, &batch, why) != 0)
			fail_msg("%s", why);
		append(text, &batch);
		have += (unsigned)batch.n;
		if (batch.n > 0)
			assert_int_equal(
				feed_delivered(p->feed, batch.alerts[batch.n - 1].seq, why), 0);
		feed_batch_free(&batch);
	}
}

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
	while (backlog(p) < 2)
		sched_yield();
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

#define PAGE 4096u

/* The pages that hold lines of alerts, which only a reader of alerts meets. */
static unsigned
damage(const struct place *p)
{
	static const char mark[] = "\"how\":\"open\"";
	char page[PAGE], noise[PAGE];
	FILE *f = fopen(p->store, "r+");
	unsigned damaged = 0;

	assert_non_null(f);
	memset(noise, 'x', sizeof(noise));
	for (long at = 0; fread(page, 1, PAGE, f) == PAGE; at += PAGE) {
		if (memmem(page, PAGE, mark, sizeof(mark) - 1)) {
			fseek(f, at, SEEK_SET);
			assert_int_equal(fwrite(noise, 1, PAGE, f), PAGE);
			damaged++;
		}
		fseek(f, at + PAGE, SEEK_SET);
	}
	fclose(f);
	return damaged;
}

static void
damage_that_a_reader_meets_holds_nobody_up(void **state)
{
	struct place *p = *state;
	struct outbox_counters counters = {0};
	struct feed_batch batch = {0};
	char why[SINK_WHY_MAX], text[400] = "";

	put(p, 1, "open");
	put(p, 2, "open");
	close_control(p);
	assert_in_range(damage(p), 1, 8);
	open_control(p);
	/* What the file had is lost with it; what comes is not. */
	while (outbox_counters(p->outbox, &counters), counters.damaged < 1) {
		if (feed_alerts(p->feed, 10, 0, &batch, why) == 0)
			append(text, &batch);
		feed_batch_free(&batch);
	}
	assert_string_equal(text, "");
	put(p, 3, "open");
	take(p, 10, 1, text);
	assert_string_equal(text, "3:3 ");
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
	while (backlog(p) < 5)
		sched_yield();
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
	while (backlog(p) < 6)
		sched_yield();
	assert_int_equal(feed_open_alerts(p->feed, &batch, why), 0);
	append(text, &batch);
	assert_string_equal(text, "2:1 4:1 6:1 ");
	feed_batch_free(&batch);
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
		TEST(damage_that_a_reader_meets_holds_nobody_up),
		TEST(open_incidents_are_those_that_are_not_closed),
		TEST(each_finding_of_an_open_incident_is_told_as_it_was_last),
		cmocka_unit_test_setup_teardown(
			open_incidents_are_known_while_the_store_fails, set_up, tear_down),
		TEST(counters_are_what_control_made_last),
		TEST(waiting_ends_when_it_is_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
