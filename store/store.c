/*
 * Theory of operation.
 *
 * Keeps: one connection, and each statement that was used, prepared. The file is in WAL mode with
 * synchronous=NORMAL: a process killed at any moment loses nothing that was committed, and no
 * reader ever waits; a machine that loses its power may lose the last seconds, never the file.
 *
 * Always holds: the alerts and what incident and finding say of them are written in one
 * transaction; alert numbers grow; `last` remembers the highest of all also when the alerts
 * are gone, so that no number or id is given twice.
 *
 * Limits: one writer. What others hold open for reading keeps old pages alive; the WAL is cut back
 * to WAL_BYTES when they let it.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

#define BUSY_MS 2000
#define WAL_BYTES "16777216"

static const char *const sql_of[] = {
#define X(id, sql) [STATEMENT_##id] = sql,
	STORE_STATEMENTS(X)
#undef X
};

/* Of a write that failed: was there no room? Of the log's index SQLite does not keep why. */
static bool
is_full(const struct store *store, int code)
{
	int why = sqlite3_system_errno(store->db);

	return why == ENOSPC || why == EDQUOT || why == EFBIG || code == SQLITE_IOERR_SHMSIZE;
}

int
store_fail(struct store *store, int result)
{
	int code = sqlite3_extended_errcode(store->db);

	snprintf(store->why, sizeof(store->why), "%s", sqlite3_errmsg(store->db));
	switch (result & 0xff) {
	case SQLITE_FULL:
		store->error = -ENOSPC;
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		store->error = -EROFS;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		store->error = -EUCLEAN;
		break;
	case SQLITE_CONSTRAINT:
		snprintf(store->why, sizeof(store->why),
			"its alerts have numbers that are ours: another smtap writes it, too");
		store->error = -EBUSY;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		store->error = -EBUSY;
		break;
	case SQLITE_NOMEM:
		store->error = -ENOMEM;
		break;
	case SQLITE_CANTOPEN:
		store->error = sqlite3_system_errno(store->db) == ENOENT ? -ENOENT : -EACCES;
		break;
	case SQLITE_IOERR:
		/* The log's file may be the one that does not fit. */
		store->error = is_full(store, code) ? -ENOSPC : -EIO;
		break;
	default:
		store->error = -EIO;
	}
	return store->error;
}

const char *
store_error(const struct store *store)
{
	return store->why;
}

sqlite3_stmt *
store_statement(struct store *store, enum store_statement which)
{
	sqlite3_stmt **s = &store->statements[which];

	if (!*s) {
		int r = sqlite3_prepare_v3(
			store->db, sql_of[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
		if (r != SQLITE_OK)
			store_fail(store, r);
	}
	return *s;
}

int
store_step(struct store *store, sqlite3_stmt *s)
{
	if (!s)
		return store->error;
	int r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		return 1;
	if (r != SQLITE_DONE)
		store_fail(store, r);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r == SQLITE_DONE ? 0 : store->error;
}

int
store_run(struct store *store, sqlite3_stmt *s)
{
	int r;

	while ((r = store_step(store, s)) == 1)
		;
	return r;
}

int
store_begin(struct store *store)
{
	return store_run(store, store_statement(store, STATEMENT_BEGIN));
}

int
store_end(struct store *store, int result)
{
	int error = store->error;
	char why[sizeof(store->why)];

	if (result == 0)
		result = store_run(store, store_statement(store, STATEMENT_COMMIT));
	if (result == 0)
		return 0;
	/* It may have been undone already; and what went wrong first is what is told. */
	error = result;
	memcpy(why, store->why, sizeof(why));
	if (!sqlite3_get_autocommit(store->db))
		store_run(store, store_statement(store, STATEMENT_ROLLBACK));
	memcpy(store->why, why, sizeof(why));
	store->error = error;
	return error;
}

bool
store_is_gone(struct store *store)
{
	int gone = 0;

	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &gone);
	return gone != 0;
}

void
store_bind_u64(sqlite3_stmt *s, int at, uint64_t value)
{
	sqlite3_bind_int64(s, at, (sqlite3_int64)(value & INT64_MAX));
}

void
store_bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_STATIC);
}

uint64_t
store_u64(sqlite3_stmt *s, int column)
{
	sqlite3_int64 value = sqlite3_column_int64(s, column);

	return value < 0 ? 0 : (uint64_t)value;
}

const char *
store_text(sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	return text ? (const char *)text : "";
}

/*
 * A file that is there, and that others may not read: it has names of accounts. One that is there
 * is not opened: closing it would undo the locks of this process's other connections to it, which
 * is how POSIX has it.
 */
static int
make_file(const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return S_ISDIR(st.st_mode) ? -EISDIR : -ENXIO;
		return access(path, R_OK | W_OK) == 0 ? 0 : -errno;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* With what belongs to it. What cannot be removed is told when it is opened. */
static void
remove_file(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char name[4096 + 16];

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (snprintf(name, sizeof(name), "%s%s", path, ends[i]) < (int)sizeof(name))
			unlink(name);
}

/* Only what another replay wrote is made again: nothing else goes. */
static int
make_anew(const char *path, char *why, size_t why_len)
{
	struct store old = {0};
	int r = make_file(path);

	if (r != 0)
		return r;
	r = sqlite3_open_v2(path, &old.db, SQLITE_OPEN_READWRITE, NULL);
	r = r == SQLITE_OK ? store_check_replayed(&old) : store_fail(&old, r);
	sqlite3_close(old.db);
	if (r != 0) {
		snprintf(why, why_len,
			"%s; a replay leaves it alone: -o or store.file names another", old.why);
		return r == -EUCLEAN ? -EEXIST : r;
	}
	remove_file(path);
	return make_file(path);
}

static int
set_up(struct store *store, enum store_mode mode)
{
	/* auto_vacuum counts for a file without tables only. */
	static const char write_sql[] = "PRAGMA auto_vacuum = INCREMENTAL;"
					"PRAGMA journal_mode = WAL;"
					"PRAGMA synchronous = NORMAL;"
					"PRAGMA journal_size_limit = " WAL_BYTES ";"
					"PRAGMA temp_store = MEMORY;"
					"PRAGMA trusted_schema = OFF;";
	static const char anew_sql[] = "PRAGMA journal_mode = MEMORY;"
				       "PRAGMA synchronous = OFF;"
				       "PRAGMA temp_store = MEMORY;"
				       "PRAGMA trusted_schema = OFF;";
	static const char read_sql[] = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;";

	sqlite3_busy_timeout(store->db, BUSY_MS);
	sqlite3_extended_result_codes(store->db, 1);
	static const char *const sql[] = {
		[STORE_READ] = read_sql, [STORE_WRITE] = write_sql, [STORE_ANEW] = anew_sql};
	int r = mode == STORE_READ ? 0 : store_check_owner(store);
	if (r != 0)
		return r;
	r = sqlite3_exec(store->db, sql[mode], NULL, NULL, NULL);
	if (r != SQLITE_OK)
		return store_fail(store, r);
	return mode == STORE_READ ? store_check_version(store) : store_migrate(store);
}

/*
 * A reader needs the index of the log beside the file, and makes it when no writer has. Where it
 * may not (another user's folder) and nobody writes, the file alone is all there is.
 */
static int
open_database(struct store *store, const char *path, enum store_mode mode)
{
	char uri[4096 * 3 + 32] = "file:", wal[4096 + 8];
	size_t n = strlen(uri);

	if (mode != STORE_READ)
		return sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE, NULL);
	int r = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READONLY, NULL);
	if (r != SQLITE_OK)
		return r;
	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (access(wal, F_OK) == 0 || strlen(path) > 4096)
		return r;
	char *folder = strdup(path);
	if (!folder)
		return SQLITE_NOMEM;
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[1] = '\0';
	bool may = access(slash ? folder : ".", W_OK) == 0;
	free(folder);
	if (may)
		return r;
	for (const char *p = path; *p; p++)
		n += (size_t)snprintf(uri + n, sizeof(uri) - n, strchr("?#%", *p) ? "%%%02x" : "%c",
			(unsigned char)*p);
	snprintf(uri + n, sizeof(uri) - n, "?immutable=1");
	sqlite3_close(store->db);
	store->db = NULL;
	return sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
}

bool
store_file_is_ours(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	static const uint8_t id[4] = {STORE_APPLICATION_ID >> 24, STORE_APPLICATION_ID >> 16 & 0xff,
		STORE_APPLICATION_ID >> 8 & 0xff, STORE_APPLICATION_ID & 0xff};
	uint8_t head[72] = {0};
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(head, 1, sizeof(head), file) : 0;

	if (file)
		fclose(file);
	return n == sizeof(head) && memcmp(head, magic, sizeof(magic)) == 0 &&
	       memcmp(head + 68, id, sizeof(id)) == 0;
}

int
store_open(struct store **out, const char *path, enum store_mode mode, char *why, size_t why_len)
{
	struct store *store = calloc(1, sizeof(*store));
	char wrong[sizeof(store->why) + 96] = "";
	int r = store ? 0 : -ENOMEM;

	*out = NULL;
	if (r == 0 && mode == STORE_ANEW)
		r = make_anew(path, wrong, sizeof(wrong));
	else if (r == 0 && mode == STORE_WRITE)
		r = make_file(path);
	else if (r == 0 && access(path, R_OK) != 0)
		r = -errno;
	if (r != 0) {
		snprintf(why, why_len, "%s: %s", path,
			wrong[0]      ? wrong
			: r == -ENXIO ? "it is no regular file"
				      : strerror(-r));
		free(store);
		return r;
	}
	int opened = open_database(store, path, mode);
	r = opened == SQLITE_OK ? set_up(store, mode) : store_fail(store, opened);
	if (r != 0) {
		bool foreign = r == -EUCLEAN && mode == STORE_WRITE && !store_file_is_ours(path);

		snprintf(why, why_len, "%s: %s%s", path, store->why,
			foreign ? "; it is left alone: store.file names another" : "");
		store_close(store);
		return foreign ? -EPROTO : r;
	}
	*out = store;
	return 0;
}

void
store_close(struct store *store)
{
	if (!store)
		return;
	for (unsigned i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	free(store);
}
