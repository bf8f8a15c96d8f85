/* The file of the store: whose it is, who may read it, and what is never written to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/unit/store_place.h"

static void
append(struct store *store, uint64_t seq)
{
	struct store_alert alert = {
		.seq = seq, .incident = 7, .state = "open", .line = "{}", .line_len = 2};

	if (store_append(store, &alert, 1) != 0)
		fail_msg("%s", store_error(store));
}

static void
write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Does this process hold a lock on the file? Only another one is told. */
static bool
is_locked(const char *path)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(path, O_RDWR);

		_exit(fd < 0 || fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status) != 0;
}

static void
a_second_connection_of_a_process_leaves_the_locks_of_the_first(void **state)
{
	const struct place *place = *state;
	struct store *first = opened(place, STORE_WRITE), *second;

	append(first, 1);
	assert_true(is_locked(place->path));
	second = opened(place, STORE_WRITE);
	assert_true(is_locked(place->path));
	store_close(second);
	assert_true(is_locked(place->path));
	store_close(first);
	assert_false(is_locked(place->path));
}

static void
make_database(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
expect_left_alone(const struct place *place, enum store_mode mode, int error, const char *word)
{
	struct stat before, after;
	char why[512] = "";
	struct store *store;

	assert_int_equal(stat(place->path, &before), 0);
	assert_int_equal(store_open(&store, place->path, mode, why, sizeof(why)), error);
	assert_non_null(strstr(why, place->path));
	if (!strstr(why, word))
		fail_msg("%s", why);
	assert_int_equal(stat(place->path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_size, after.st_size);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void
a_replay_begins_anew_what_a_replay_wrote_and_nothing_else(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_ANEW);
	struct store_last last;

	append(store, 1);
	store_close(store);
	store = opened(place, STORE_ANEW);
	assert_int_equal(store_last(store, &last), 0);
	assert_int_equal(last.seq, 0);
	store_close(store);
	unlink(place->path);
	store_close(opened(place, STORE_WRITE));
	expect_left_alone(place, STORE_ANEW, -EEXIST, "the store of smtap run");
	unlink(place->path);
	make_database(place->path, "CREATE TABLE a (b)");
	expect_left_alone(place, STORE_ANEW, -EPROTO, "another program");
	write_text(place->path, "This is a letter to a friend");
	expect_left_alone(place, STORE_ANEW, -EEXIST, "not a database");
}

static void
what_is_no_store_is_not_written_to(void **state)
{
	const struct place *place = *state;

	make_database(place->path, "CREATE TABLE a (b)");
	expect_left_alone(place, STORE_WRITE, -EPROTO, "another program");
	unlink(place->path);
	make_database(place->path, "PRAGMA application_id = 7; PRAGMA user_version = 1");
	expect_left_alone(place, STORE_WRITE, -EPROTO, "another program");
	unlink(place->path);
	assert_int_equal(mkfifo(place->path, 0600), 0);
	expect_left_alone(place, STORE_WRITE, -ENXIO, "no regular file");
	expect_left_alone(place, STORE_ANEW, -ENXIO, "no regular file");
	unlink(place->path);
	assert_int_equal(mkdir(place->path, 0700), 0);
	expect_left_alone(place, STORE_WRITE, -EISDIR, "directory");
	expect_left_alone(place, STORE_ANEW, -EISDIR, "directory");
	rmdir(place->path);
}

static void
nobody_else_reads_what_is_written(void **state)
{
	const struct place *place = *state;
	mode_t old = umask(0);
	struct store *store = opened(place, STORE_WRITE);
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[128];
	struct stat st;

	append(store, 1);
	umask(old);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", place->path, ends[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
	}
	store_close(store);
}

static void
a_store_of_version_1_is_migrated_and_keeps_what_was_acknowledged(void **state)
{
	const struct place *place = *state;
	const struct store_ack ack = {.incident = 7, .time_ns = 5, .by = "eve", .note = ""};
	struct store *store = opened(place, STORE_WRITE);
	sqlite3 *db;

	append(store, 1);
	assert_int_equal(store_ack(store, &ack), 0);
	store_close(store);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			"ALTER TABLE incident DROP COLUMN acked_stage;"
			"DROP TABLE suppression;"
			"ALTER TABLE last DROP COLUMN reserved_incident;"
			"ALTER TABLE last DROP COLUMN reserved_finding; PRAGMA user_version = 1;",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	store = opened(place, STORE_WRITE);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT id FROM suppression", NULL, NULL, NULL), 0);
	assert_int_equal(sqlite3_exec(db,
				 "INSERT INTO cursor SELECT 'same', 1 FROM incident "
				 "WHERE acked_ns = 5 AND acked_stage = stage",
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), 1);
	sqlite3_close(db);
	store_close(store);
}

/* While it is open: its log has not come back into it. */
static void
whose_a_file_is_stands_in_it_from_its_first_opening_on(void **state)
{
	const struct place *place = *state;
	struct store *store = opened(place, STORE_WRITE);
	struct store *reader = opened(place, STORE_READ);

	assert_true(store_file_is_ours(place->path));
	store_close(store);
	store_close(reader);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_store_of_version_1_is_migrated_and_keeps_what_was_acknowledged),
		TEST(a_second_connection_of_a_process_leaves_the_locks_of_the_first),
		TEST(a_replay_begins_anew_what_a_replay_wrote_and_nothing_else),
		TEST(what_is_no_store_is_not_written_to),
		TEST(whose_a_file_is_stands_in_it_from_its_first_opening_on),
		TEST(nobody_else_reads_what_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
