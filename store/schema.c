/*
 * The tables, as steps from each version to the next. A step is never changed once it was
 * released: what is to be different is another step.
 */
#include <errno.h>
#include <stdio.h>

#include "store/internal.h"

static const char *const steps[] = {
	/* 1. Times are nanoseconds since 1970. alert is evidence and outbox in one: an alert goes
	   when its incident does. subject is what control saw last of sources and accounts. */
	"CREATE TABLE alert ("
	"  seq INTEGER PRIMARY KEY,"
	"  time_ns INTEGER NOT NULL,"
	"  told_ns INTEGER NOT NULL,"
	"  incident INTEGER NOT NULL,"
	"  finding INTEGER NOT NULL,"
	"  line TEXT NOT NULL);"
	"CREATE INDEX alert_incident ON alert (incident, seq);"
	"CREATE TABLE incident ("
	"  id INTEGER PRIMARY KEY,"
	"  state TEXT NOT NULL,"
	"  stage TEXT NOT NULL,"
	"  severity INTEGER NOT NULL,"
	"  first_ns INTEGER NOT NULL,"
	"  last_ns INTEGER NOT NULL,"
	"  merged_into INTEGER NOT NULL,"
	"  last_alert INTEGER NOT NULL,"
	"  acked_ns INTEGER NOT NULL DEFAULT 0,"
	"  acked_by TEXT NOT NULL DEFAULT '',"
	"  note TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX incident_last ON incident (last_ns);"
	"CREATE INDEX incident_alert ON incident (state, last_alert);"
	"CREATE TABLE finding ("
	"  id INTEGER PRIMARY KEY,"
	"  incident INTEGER NOT NULL,"
	"  state TEXT NOT NULL,"
	"  detector TEXT NOT NULL,"
	"  subject_type TEXT NOT NULL,"
	"  subject TEXT NOT NULL,"
	"  first_ns INTEGER NOT NULL,"
	"  last_ns INTEGER NOT NULL,"
	"  attempts INTEGER NOT NULL,"
	"  failures INTEGER NOT NULL,"
	"  successes INTEGER NOT NULL,"
	"  confidence INTEGER NOT NULL);"
	"CREATE INDEX finding_incident ON finding (incident);"
	"CREATE INDEX finding_open ON finding (state) WHERE state <> 'closed';"
	"CREATE TABLE cursor (exporter TEXT PRIMARY KEY, seq INTEGER NOT NULL);"
	"CREATE TABLE last (seq INTEGER NOT NULL, incident INTEGER NOT NULL, "
	"  finding INTEGER NOT NULL);"
	"INSERT INTO last VALUES (0, 0, 0);"
	"CREATE TABLE subject ("
	"  kind TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  attempts INTEGER NOT NULL,"
	"  failures INTEGER NOT NULL,"
	"  successes INTEGER NOT NULL,"
	"  others INTEGER NOT NULL,"
	"  first_ns INTEGER NOT NULL,"
	"  last_ns INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, name)) WITHOUT ROWID;",
	/* 2. Whoever acknowledged an incident knew of it up to that stage. What operators suppress:
	   rule is a rule of the configuration as JSON; of an incident it has an end and a reason.
	 */
	"ALTER TABLE incident ADD COLUMN acked_stage TEXT NOT NULL DEFAULT '';"
	"UPDATE incident SET acked_stage = stage WHERE acked_ns <> 0;"
	"CREATE TABLE suppression ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  incident INTEGER NOT NULL,"
	"  rule TEXT NOT NULL,"
	"  at_ns INTEGER NOT NULL,"
	"  by TEXT NOT NULL,"
	"  removed_ns INTEGER NOT NULL DEFAULT 0,"
	"  removed_by TEXT NOT NULL DEFAULT '');",
	/* 3. Up to these ids a run may have told of, whatever is here of it. */
	("ALTER TABLE last ADD COLUMN reserved_incident INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE last ADD COLUMN reserved_finding INTEGER NOT NULL DEFAULT 0;"),
};

#define STORE_VERSION (sizeof(steps) / sizeof(steps[0]))

static int
ask(struct store *store, const char *sql, uint64_t *value)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		*value = store_u64(s, 0);
	/* Its error goes with it. */
	int error = r == SQLITE_ROW ? 0 : store_fail(store, r);
	sqlite3_finalize(s);
	return error;
}

static int
version_error(struct store *store, uint64_t version)
{
	if (version == 0)
		snprintf(store->why, sizeof(store->why), "it is empty: no run has written it yet");
	else
		snprintf(store->why, sizeof(store->why),
			"its tables are of version %llu, and this smtap knows version %zu: it was "
			"written "
			"by %s one",
			(unsigned long long)version, STORE_VERSION,
			version > STORE_VERSION ? "a later" : "an earlier");
	store->error = -EPROTO;
	return store->error;
}

/* -EPROTO: it is of a program that is not smtap. */
static int
read_version(struct store *store, uint64_t *version)
{
	uint64_t application = 0, tables = 0;
	int r = ask(store, "PRAGMA user_version", version);

	if (r == 0)
		r = ask(store, "PRAGMA application_id", &application);
	if (r != 0 || application == STORE_APPLICATION_ID)
		return r;
	/* An empty file is a new one; any other must be ours. */
	r = ask(store, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r == 0 && (application || *version || tables)) {
		snprintf(store->why, sizeof(store->why), "it is the database of another program");
		store->error = r = -EPROTO;
	}
	return r;
}

int
store_check_owner(struct store *store)
{
	uint64_t version = 0;

	return read_version(store, &version);
}

int
store_check_replayed(struct store *store)
{
	uint64_t version = 0, logs = 0;
	int r = read_version(store, &version);

	if (r == 0)
		r = ask(store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &logs);
	if (r == 0 && logs) {
		snprintf(store->why, sizeof(store->why), "it is the store of smtap run");
		store->error = r = -EEXIST;
	}
	return r;
}

int
store_check_version(struct store *store)
{
	uint64_t version = 0;
	int r = read_version(store, &version);

	if (r == 0 && version != STORE_VERSION)
		return version_error(store, version);
	return r;
}

static int
take_step(struct store *store, uint64_t version)
{
	char sql[96];
	int r = sqlite3_exec(store->db, steps[version], NULL, NULL, NULL);

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %llu",
		STORE_APPLICATION_ID, (unsigned long long)version + 1);
	if (r == SQLITE_OK)
		r = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	return r == SQLITE_OK ? 0 : store_fail(store, r);
}

int
store_migrate(struct store *store)
{
	uint64_t version = 0;
	int r = store_begin(store);

	if (r != 0)
		return r;
	r = read_version(store, &version);
	if (r == 0 && version > STORE_VERSION)
		r = version_error(store, version);
	uint64_t before = version;
	for (; r == 0 && version < STORE_VERSION; version++)
		r = take_step(store, version);
	r = store_end(store, r);
	/* Whose it is stands in its head, not in its log alone: for when the rest is damaged. What
	   a reader keeps from being written now is written later. */
	if (r == 0 && before != version)
		sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return r;
}
