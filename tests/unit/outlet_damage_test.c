/* A store that is damaged while exporters read it. */
#include "tests/unit/outlet_place.h"

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
	outbox_counters(p->outbox, &counters);
	assert_int_equal(counters.damaged, 1);
}

static size_t
count_files(const struct place *p, const char *end)
{
	char pattern[120];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s%s", p->store, end);
	size_t n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	globfree(&found);
	return n;
}

/* The reader opened a file, which somebody else has put aside by the time that it has an opinion.
 */
static void
damage_of_a_file_that_is_gone_says_nothing_of_the_next(void **state)
{
	struct place *p = *state;
	struct outbox_counters counters = {0};
	uint64_t file = outbox_hold_file(p->outbox);
	char text[400];

	outbox_release_file(p->outbox);
	put(p, 1, "open");
	await_stored(p, 1);
	outbox_damaged(p->outbox, file);
	while (outbox_counters(p->outbox, &counters), counters.damaged < 1)
		sched_yield();
	put(p, 2, "open");
	await_stored(p, 2);
	outbox_damaged(p->outbox, file);
	put(p, 3, "open");
	take(p, 10, 2, text);
	assert_string_equal(text, "2:2 3:3 ");
	assert_int_equal(count_files(p, ".damaged-*[0-9]"), 1);
}

static void
what_goes_with_a_damaged_file_is_counted_once_and_told(void **state)
{
	struct place *p = *state;
	struct outbox_counters counters = {0};
	char text[400], why[OUTBOX_WHY_MAX] = "", all[4 * OUTBOX_WHY_MAX] = "";

	for (uint64_t i = 1; i <= 5; i++)
		put(p, i, "open");
	await_stored(p, 5);
	/* a has two of the five; b all but one. */
	take(p, 2, 2, text);
	assert_int_equal(outbox_delivered(p->outbox, "b", 4), 0);
	for (uint64_t n = 1; n <= 2; n++) {
		uint64_t file = outbox_hold_file(p->outbox);

		outbox_release_file(p->outbox);
		outbox_damaged(p->outbox, file);
		while (outbox_counters(p->outbox, &counters),
			counters.damaged < n || counters.failing)
			sched_yield();
		while (!outbox_news(p->outbox, why))
			sched_yield();
		strcat(all, why);
	}
	assert_int_equal(counters.undelivered, 3);
	assert_non_null(strstr(all, "3 alerts that exporters had still to deliver went with it"));
	assert_non_null(strstr(all, "0 alerts that exporters had still to deliver went with it"));
	/* Two in one second are two files. */
	assert_int_equal(count_files(p, ".damaged-*[0-9]"), 2);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_running, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(damage_that_a_reader_meets_holds_nobody_up),
		TEST(damage_of_a_file_that_is_gone_says_nothing_of_the_next),
		TEST(what_goes_with_a_damaged_file_is_counted_once_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
