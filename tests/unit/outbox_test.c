/* The way of alerts into the store, while the store works and while it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/outbox/outbox.h"

struct place {
	char top[64];
	char folder[80]; /* in it; not made */
	char path[96];   /* in that */
};

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->top, "/tmp/smtap-outbox-XXXXXX");
	if (!mkdtemp(place->top))
		return -1;
	snprintf(place->folder, sizeof(place->folder), "%s/f", place->top);
	snprintf(place->path, sizeof(place->path), "%s/a.db", place->folder);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	char pattern[100];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", place->folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	rmdir(place->folder);
	assert_int_equal(rmdir(place->top), 0);
	free(place);
	return 0;
}

static struct outbox *
opened(const struct place *place, uint64_t memory_bytes)
{
	struct outbox *o = outbox_open(
		&(struct outbox_options){.path = place->path, .memory_bytes = memory_bytes});

	assert_non_null(o);
	return o;
}

static void
put(struct outbox *o, uint64_t incident, const char *finding_state)
{
	char line[128];

	snprintf(line, sizeof(line), "%-100llu", (unsigned long long)incident);
	outbox_put(o, &(struct store_alert){.incident = incident,
			      .state = "open",
			      .stage = "none",
			      .finding = incident,
			      .finding_state = finding_state,
			      .detector = "spray",
			      .subject_type = "source",
			      .subject = "192.0.2.1",
			      .line = line,
			      .line_len = strlen(line)});
}

struct seen {
	uint64_t seq[64];
	uint64_t incident[64];
	unsigned count;
};

static int
see(void *arg, const struct store_alert *alert)
{
	struct seen *seen = arg;

	assert_in_range(seen->count, 0, 63);
	seen->seq[seen->count] = alert->seq;
	seen->incident[seen->count++] = alert->incident;
	assert_true(alert->told_ns > 0);
	return 0;
}

static struct seen
stored(const struct place *place)
{
	struct store *store;
	struct seen seen = {0};
	char why[512] = "";

	if (store_open(&store, place->path, STORE_READ, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(store_read(store, 0, 64, see, &seen), 0);
	store_close(store);
	return seen;
}

static void
what_was_put_is_stored_at_the_end_and_the_next_run_numbers_on(void **state)
{
	struct outbox_counters counters;
	const struct place *place = *state;
	char why[OUTBOX_WHY_MAX];
	struct seen seen;

	mkdir(place->folder, 0700);
	for (uint64_t run = 0; run < 2; run++) {
		struct outbox *o = opened(place, 1 << 20);

		assert_int_equal(outbox_last(o).incident, run * 20);
		assert_int_equal(outbox_last(o).finding, run * 20);
		for (uint64_t i = 1; i <= 20; i++)
			put(o, run * 20 + i, "open");
		assert_false(outbox_trouble(o, why));
		assert_int_equal(outbox_close(o, &counters), 0);
	}
	seen = stored(place);
	assert_int_equal(seen.count, 40);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(seen.seq[i], i + 1);
		assert_int_equal(seen.incident[i], i + 1);
	}
}

static void
a_store_that_fails_is_told_once_and_has_every_alert_when_it_works_again(void **state)
{
	const struct place *place = *state;
	char why[OUTBOX_WHY_MAX] = "";
	struct outbox_counters counters;
	struct outbox *o = opened(place, 1 << 20);

	assert_true(outbox_trouble(o, why));
	assert_non_null(strstr(why, place->path));
	assert_non_null(strstr(why, "No such file"));
	put(o, 1, "open");
	put(o, 2, "open");
	assert_false(outbox_trouble(o, why));
	outbox_counters(o, &counters);
	assert_int_equal(counters.waiting, 2);
	assert_true(counters.errors >= 1);
	mkdir(place->folder, 0700);
	assert_int_equal(outbox_close(o, &counters), 0);
	assert_int_equal(stored(place).count, 2);
}

static void
a_store_that_never_works_is_an_error_at_the_end(void **state)
{
	struct outbox_counters counters;
	struct outbox *o = opened(*state, 1 << 20);

	put(o, 1, "open");
	assert_int_equal(outbox_close(o, &counters), -ENOENT);
}

static void
past_the_bound_updates_go_first_and_each_is_counted(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	struct outbox *o = opened(place, 3000);
	struct seen seen;
	uint64_t i;

	put(o, 1, "open");
	for (i = 2; i < 30; i++)
		put(o, i, i % 2 ? "update" : "closed");
	outbox_counters(o, &counters);
	assert_int_equal(counters.waiting + counters.dropped, 29);
	assert_in_range(counters.waiting, 5, 15);
	mkdir(place->folder, 0700);
	assert_int_equal(outbox_close(o, &counters), -ENOBUFS);
	seen = stored(place);
	assert_int_equal(counters.waiting, 0);
	assert_int_equal(seen.count, counters.written);
	assert_int_equal(seen.count + counters.dropped, 29);
	/* The newest is there, and no update but perhaps that. */
	assert_int_equal(seen.incident[seen.count - 1], 29);
	for (i = 0; i + 1 < seen.count; i++)
		assert_int_equal(seen.incident[i] % 2, 0);
	for (i = 1; i < seen.count; i++)
		assert_true(seen.seq[i] > seen.seq[i - 1]);
}

/* Garbage, in the place of all that is there from that byte on. */
static void
overwrite(const char *path, off_t from)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	lseek(fd, from, SEEK_SET);
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(write(fd, "no database at all, but a file.\n", 32), 32);
	close(fd);
}

static void
a_file_that_is_not_ours_is_left_alone(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	char why[OUTBOX_WHY_MAX] = "", pattern[128];
	struct stat before, after;
	glob_t found;

	mkdir(place->folder, 0700);
	overwrite(place->path, 0);
	assert_int_equal(stat(place->path, &before), 0);
	struct outbox *o = opened(place, 1 << 20);
	assert_true(outbox_trouble(o, why));
	assert_non_null(strstr(why, "not a database; it is left alone"));
	put(o, outbox_last(o).incident + 1, "open");
	assert_int_not_equal(outbox_close(o, &counters), 0);
	assert_int_equal(counters.damaged, 0);
	assert_int_equal(counters.waiting, 1);
	assert_int_equal(stat(place->path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_size, after.st_size);
	snprintf(pattern, sizeof(pattern), "%s.damaged-*", place->path);
	assert_int_equal(glob(pattern, 0, NULL, &found), GLOB_NOMATCH);
}

static void
a_damaged_file_is_put_aside_and_a_new_one_begun_with_ids_of_its_own(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	char why[OUTBOX_WHY_MAX] = "", pattern[128];
	glob_t found;

	mkdir(place->folder, 0700);
	assert_int_equal(outbox_close(opened(place, 1 << 20), &counters), 0);
	overwrite(place->path, 100); /* behind its head */
	struct outbox *o = opened(place, 1 << 20);
	assert_true(outbox_trouble(o, why));
	assert_non_null(strstr(why, "malformed"));
	assert_true(outbox_last(o).incident > (1ull << 40));
	put(o, outbox_last(o).incident + 1, "open");
	outbox_counters(o, &counters);
	assert_int_equal(counters.damaged, 1);
	assert_int_equal(outbox_close(o, &counters), 0);
	assert_int_equal(stored(place).count, 1);
	snprintf(pattern, sizeof(pattern), "%s.damaged-*", place->path);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	globfree(&found);
}

static void
await_written(struct outbox *o, uint64_t n)
{
	struct outbox_counters counters;

	do {
		sched_yield();
		outbox_counters(o, &counters);
	} while (counters.written < n);
}

static void
a_file_moved_away_is_begun_anew_and_no_id_is_given_twice(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	char moved[128];
	struct seen seen;

	mkdir(place->folder, 0700);
	struct outbox *o = opened(place, 1 << 20);
	put(o, 1, "open");
	put(o, 7, "open");
	await_written(o, 2);
	snprintf(moved, sizeof(moved), "%s.old", place->path);
	assert_int_equal(rename(place->path, moved), 0);
	assert_int_equal(outbox_close(o, &counters), 0);
	/* Nothing was put since; the new file knows what was given all the same. */
	assert_int_equal(stored(place).count, 0);
	o = opened(place, 1 << 20);
	assert_int_equal(outbox_last(o).incident, 7);
	assert_int_equal(outbox_last(o).seq, 2);
	put(o, 8, "open");
	await_written(o, 1);
	assert_int_equal(unlink(place->path), 0);
	put(o, 9, "open");
	assert_int_equal(outbox_close(o, &counters), 0);
	assert_int_equal(counters.errors, 1);
	seen = stored(place);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.incident[0], 9);
	assert_int_equal(seen.seq[0], 4);
}

static void
a_second_writer_is_told_and_harms_nothing_of_the_first(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	char why[OUTBOX_WHY_MAX] = "";

	mkdir(place->folder, 0700);
	struct outbox *first = opened(place, 1 << 20), *second = opened(place, 1 << 20);
	put(first, 1, "open");
	await_written(first, 1);
	put(second, 1, "closed");
	while (!outbox_trouble(second, why))
		sched_yield();
	assert_non_null(strstr(why, place->path));
	assert_non_null(strstr(why, "another smtap writes it"));
	put(first, 2, "open");
	assert_int_equal(outbox_close(second, &counters), -EBUSY);
	assert_int_equal(counters.waiting, 1);
	assert_int_equal(outbox_close(first, &counters), 0);
	assert_int_equal(stored(place).count, 2);
}

static int
see_name(void *arg, const struct store_subject *subject)
{
	strcat(arg, subject->name);
	return 0;
}

static void
the_newest_sources_and_accounts_are_stored(void **state)
{
	struct outbox_counters counters;
	const struct place *place = *state;
	char why[512] = "", sources[64] = "", accounts[64] = "";
	struct store *store;

	mkdir(place->folder, 0700);
	struct outbox *o = opened(place, 1 << 20);
	for (unsigned i = 0; i < 3; i++) {
		char name[2] = {(char)('a' + i), '\0'};

		outbox_put_subjects(o, "source", &(struct store_subject){.name = name}, 1);
	}
	outbox_put_subjects(o, "account", &(struct store_subject){.name = "dave"}, 1);
	assert_int_equal(outbox_close(o, &counters), 0);
	assert_int_equal(store_open(&store, place->path, STORE_READ, why, sizeof(why)), 0);
	store_subjects(store, "source", 10, see_name, sources);
	store_subjects(store, "account", 10, see_name, accounts);
	store_close(store);
	assert_string_equal(sources, "c");
	assert_string_equal(accounts, "dave");
}

/* In a process that dies before the store has any alert. */
static void
tell_and_die(const struct place *place)
{
	const struct outbox_ids want = {.incident = 10000, .finding = 20000};
	struct outbox *o = opened(place, 1 << 20);

	while (outbox_reserve(o, want).finding < 20000)
		sched_yield();
	_exit(0);
}

static void
ids_of_a_run_that_was_killed_are_not_given_again(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	int fate;

	mkdir(place->folder, 0700);
	pid_t child = fork();
	if (child == 0)
		tell_and_die(place);
	assert_int_equal(waitpid(child, &fate, 0), child);
	assert_int_equal(fate, 0);
	/* Nor by the one after the next, which told nothing. */
	for (unsigned run = 0; run < 2; run++) {
		struct outbox *o = opened(place, 1 << 20);
		const struct store_last last = outbox_last(o);

		assert_int_equal(last.incident, 0);
		assert_int_equal(last.reserved_incident, 10000);
		assert_int_equal(last.reserved_finding, 20000);
		outbox_end_ids(o, (struct outbox_ids){10000, 20000});
		assert_int_equal(outbox_close(o, &counters), 0);
	}
}

static void
ids_that_were_not_told_are_given_back_at_the_end(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;

	mkdir(place->folder, 0700);
	struct outbox *o = opened(place, 1 << 20);
	outbox_reserve(o, (struct outbox_ids){100, 200});
	put(o, 3, "open");
	/* One finding of them stayed hidden. */
	outbox_end_ids(o, (struct outbox_ids){.incident = 3, .finding = 4});
	assert_int_equal(outbox_close(o, &counters), 0);
	o = opened(place, 1 << 20);
	assert_int_equal(outbox_last(o).reserved_incident, 3);
	assert_int_equal(outbox_last(o).reserved_finding, 4);
	outbox_close(o, &counters);
}

static void
a_run_that_began_no_ids_of_its_own_gives_none_back(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;

	mkdir(place->folder, 0700);
	struct outbox *o = opened(place, 1 << 20);
	outbox_reserve(o, (struct outbox_ids){10000, 20000});
	assert_int_equal(outbox_close(o, &counters), 0);
	o = opened(place, 1 << 20);
	assert_true(outbox_last(o).reserved_incident >= 10000);
	assert_true(outbox_last(o).reserved_finding >= 20000);
	outbox_close(o, &counters);
}

static bool
is_second(void *arg, const struct store_alert *alert)
{
	(void)arg;
	return alert->incident == 2;
}

static void
what_waits_is_in_a_snapshot_and_is_put_again(void **state)
{
	static uint8_t block[IMAGE_BLOCK_BYTES], bytes[1 << 16];
	const struct place *place = *state;
	struct outbox_counters counters;
	struct image image;
	struct seen seen;
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct outbox *o = opened(place, 1 << 20);

	for (uint64_t i = 1; i <= 3; i++)
		put(o, i, "open");
	outbox_freeze(o);
	image_save(&image, fd, block);
	outbox_image(o, &image);
	assert_int_equal(image_end(&image), 0);
	outbox_thaw(o);
	outbox_close(o, &counters);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), image.bytes);
	close(fd);
	/* Cut anywhere it is refused, and nothing of it is kept. */
	for (size_t cut = 0; cut < image.bytes; cut += 7) {
		struct image damaged;

		o = opened(place, 1 << 20);
		image_load(&damaged, bytes, cut);
		outbox_image(o, &damaged);
		assert_true(damaged.bad);
		outbox_close(o, &counters);
	}
	mkdir(place->folder, 0700);
	o = opened(place, 1 << 20);
	size_t size = image.bytes;
	image_load(&image, bytes, size);
	outbox_image(o, &image);
	assert_false(image.bad);
	assert_int_equal(outbox_put_left(o, is_second, NULL), 2);
	assert_int_equal(outbox_close(o, &counters), 0);
	seen = stored(place);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.incident[0], 1);
	assert_int_equal(seen.incident[1], 3);
}

static void
nobody_waits_for_long_for_a_store_that_somebody_holds(void **state)
{
	const struct place *place = *state;
	struct outbox_counters counters;
	sqlite3 *db;

	mkdir(place->folder, 0700);
	struct outbox *o = opened(place, 1 << 20);
	put(o, 1, "open");
	await_written(o, 1);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put(o, 2, "open");
	assert_false(outbox_is_out(o));
	outbox_await(o);
	/* It was worth one wait, and is none any more until it has caught up. */
	assert_true(outbox_is_out(o));
	put(o, 3, "open");
	assert_true(outbox_is_out(o));
	outbox_counters(o, &counters);
	assert_int_equal(counters.slow, 1);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	await_written(o, 3);
	assert_true(outbox_is_out(o));
	assert_int_equal(outbox_close(o, &counters), 0);
	assert_int_equal(counters.slow, 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_stored_at_the_end_and_the_next_run_numbers_on),
		TEST(a_store_that_fails_is_told_once_and_has_every_alert_when_it_works_again),
		TEST(a_store_that_never_works_is_an_error_at_the_end),
		TEST(past_the_bound_updates_go_first_and_each_is_counted),
		TEST(a_file_that_is_not_ours_is_left_alone),
		TEST(a_damaged_file_is_put_aside_and_a_new_one_begun_with_ids_of_its_own),
		TEST(a_file_moved_away_is_begun_anew_and_no_id_is_given_twice),
		TEST(a_second_writer_is_told_and_harms_nothing_of_the_first),
		TEST(the_newest_sources_and_accounts_are_stored),
		TEST(ids_of_a_run_that_was_killed_are_not_given_again),
		TEST(ids_that_were_not_told_are_given_back_at_the_end),
		TEST(a_run_that_began_no_ids_of_its_own_gives_none_back),
		TEST(what_waits_is_in_a_snapshot_and_is_put_again),
		TEST(nobody_waits_for_long_for_a_store_that_somebody_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
