/* What the parts of store share. */
#ifndef SMTAP_STORE_INTERNAL_H
#define SMTAP_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/store.h"

#define STORE_APPLICATION_ID 0x534d5450 /* "SMTP": what file(1) tells */

/* Statements that are kept. X(ENUMERATOR, "SQL") */
#define STORE_STATEMENTS(X)                                                                        \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(PUT_ALERT, "INSERT INTO alert (seq, time_ns, told_ns, incident, finding, line) "         \
		     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                            \
	X(PUT_INCIDENT, "INSERT INTO incident (id, state, stage, severity, first_ns, last_ns, "    \
			"merged_into, last_alert) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "        \
			"ON CONFLICT (id) DO UPDATE SET state = ?2, stage = ?3, severity = ?4, "   \
			"first_ns = ?5, last_ns = ?6, merged_into = ?7, last_alert = ?8")          \
	X(PUT_FINDING,                                                                             \
		"INSERT INTO finding (id, incident, state, detector, subject_type, subject, "      \
		"first_ns, last_ns, attempts, failures, successes, confidence) "                   \
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "                      \
		"ON CONFLICT (id) DO UPDATE SET incident = ?2, state = ?3, last_ns = ?8, "         \
		"attempts = ?9, failures = ?10, successes = ?11, confidence = ?12")                \
	X(PUT_LAST, "UPDATE last SET seq = max(seq, ?1), incident = max(incident, ?2), "           \
		    "finding = max(finding, ?3)")                                                  \
	X(LAST, "SELECT seq, incident, finding, max(incident, reserved_incident), "                \
		"max(finding, reserved_finding) FROM last")                                        \
	X(RESERVE, "UPDATE last SET reserved_incident = MAX(reserved_incident, ?1),"               \
		   " reserved_finding = MAX(reserved_finding, ?2)")                                \
	X(UNRESERVE, "UPDATE last SET reserved_incident = ?1, reserved_finding = ?2")              \
	X(READ, "SELECT seq, time_ns, told_ns, incident, finding, line FROM alert "                \
		"WHERE seq > ?1 ORDER BY seq LIMIT ?2")                                            \
	X(READ_INCIDENT, "SELECT seq, time_ns, told_ns, incident, finding, line FROM alert "       \
			 "WHERE incident = ?1 ORDER BY seq")                                       \
	X(OPEN_ALERTS,                                                                             \
		"SELECT seq, time_ns, told_ns, incident, finding, line FROM alert WHERE seq IN "   \
		"(SELECT max(a.seq) FROM incident i JOIN alert a ON a.incident = i.id "            \
		"WHERE i.state <> 'closed' GROUP BY a.finding ORDER BY 1 DESC LIMIT ?1) "          \
		"ORDER BY seq DESC")                                                               \
	X(COUNT_OPEN, "SELECT count(DISTINCT a.finding) FROM incident i "                          \
		      "JOIN alert a ON a.incident = i.id WHERE i.state <> 'closed'")               \
	X(COUNT_AFTER, "SELECT count(*) FROM alert WHERE seq > ?1")                                \
	X(CURSORS, "SELECT exporter, seq FROM cursor ORDER BY exporter")                           \
	X(DROP_CURSOR, "DELETE FROM cursor WHERE exporter = ?1")                                   \
	X(SET_CURSOR, "INSERT INTO cursor (exporter, seq) VALUES (?1, ?2) "                        \
		      "ON CONFLICT (exporter) DO UPDATE SET seq = ?2")                             \
	X(INCIDENTS,                                                                               \
		"SELECT i.id, i.state, i.stage, i.severity, i.first_ns, i.last_ns, "               \
		"i.merged_into, (SELECT count(*) FROM alert WHERE incident = i.id), i.acked_ns, "  \
		"i.acked_by, i.note, a.line, i.last_alert "                                        \
		"FROM incident i LEFT JOIN alert a ON a.seq = i.last_alert "                       \
		"WHERE (NOT ?1 OR i.state <> 'closed') AND (NOT ?2 OR i.acked_ns = 0 "             \
		"OR i.acked_stage <> i.stage) "                                                    \
		"AND (?3 = 0 OR i.id = ?3) AND i.last_ns >= ?4 AND (?5 = 0 OR i.severity <= ?5) "  \
		"ORDER BY i.last_ns DESC, i.id DESC LIMIT ?6")                                     \
	X(OPEN_FINDINGS,                                                                           \
		"SELECT id, incident, state, detector, subject_type, subject, first_ns, last_ns, " \
		"attempts, failures, successes, confidence "                                       \
		"FROM finding WHERE state <> 'closed' ORDER BY id")                                \
	X(ACK, "UPDATE incident SET acked_ns = ?2, acked_by = ?3, note = ?4, "                     \
	       "acked_stage = stage WHERE id = ?1")                                                \
	X(SUPPRESS, "INSERT INTO suppression (incident, rule, at_ns, by) "                         \
		    "VALUES (?1, ?2, ?3, ?4)")                                                     \
	X(UNSUPPRESS, "UPDATE suppression SET removed_ns = ?2, removed_by = ?3 "                   \
		      "WHERE id = ?1 AND removed_ns = 0")                                          \
	X(SUPPRESSIONS, "SELECT id, incident, rule, at_ns, by, removed_ns, removed_by "            \
			"FROM suppression WHERE ?1 OR removed_ns = 0 ORDER BY id")                 \
	X(DROP_SUBJECTS, "DELETE FROM subject WHERE kind = ?1")                                    \
	X(PUT_SUBJECT,                                                                             \
		"INSERT OR REPLACE INTO subject (kind, name, attempts, failures, successes, "      \
		"others, first_ns, last_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")              \
	X(SUBJECTS, "SELECT name, attempts, failures, successes, others, first_ns, last_ns "       \
		    "FROM subject WHERE kind = ?1 ORDER BY failures DESC, name LIMIT ?2")          \
	X(UNDELIVERED, "SELECT count(*) FROM alert WHERE seq > (SELECT min(seq) FROM cursor) "     \
		       "AND incident = ?1")                                                        \
	X(OLDEST_CLOSED, "SELECT i.id, coalesce(a.told_ns, 0) FROM incident i "                    \
			 "LEFT JOIN alert a ON a.seq = i.last_alert "                              \
			 "WHERE i.state = 'closed' ORDER BY i.last_alert LIMIT 1")                 \
	X(DROP_ALERTS, "DELETE FROM alert WHERE incident = ?1")                                    \
	X(DROP_FINDINGS, "DELETE FROM finding WHERE incident = ?1")                                \
	X(DROP_INCIDENT, "DELETE FROM incident WHERE id = ?1")                                     \
	X(OLDEST_ALERTS, "SELECT max(seq), max(told_ns), "                                         \
			 "sum(seq > (SELECT min(seq) FROM cursor)) FROM "                          \
			 "(SELECT seq, told_ns FROM alert ORDER BY seq LIMIT 256)")                \
	X(DROP_OLDEST, "DELETE FROM alert WHERE seq <= ?1")                                        \
	X(SIZE, "SELECT (page_count - freelist_count) * page_size "                                \
		"FROM pragma_page_count, pragma_freelist_count, pragma_page_size")                 \
	X(CHECK, "PRAGMA quick_check(1)")                                                          \
	X(GIVE_BACK, "PRAGMA incremental_vacuum(1024)")

enum store_statement {
#define X(id, sql) STATEMENT_##id,
	STORE_STATEMENTS(X)
#undef X
		STATEMENT_COUNT
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT]; /* NULL: not used so far */
	int error;                                 /* -errno of the last call that failed */
	char why[256];
};

/* What SQLite's last answer means: -errno, with its words in store_error. */
int store_fail(struct store *store, int result);

/* Ready for its values; NULL: store->error says why. */
sqlite3_stmt *store_statement(struct store *store, enum store_statement which);

/* Run one that gives no rows, to its end. */
int store_run(struct store *store, sqlite3_stmt *s);

/* The next row: 1; 0: there is none; else -errno. Ends the statement unless it is 1. */
int store_step(struct store *store, sqlite3_stmt *s);

/* Between these two all or nothing is done: given the result so far, what became of all of it. */
int store_begin(struct store *store);
int store_end(struct store *store, int result);

void store_bind_u64(sqlite3_stmt *s, int at, uint64_t value);
void store_bind_text(sqlite3_stmt *s, int at, const char *text); /* borrowed until it has run */
uint64_t store_u64(sqlite3_stmt *s, int column);
const char *store_text(sqlite3_stmt *s, int column);

/* Bring the tables to this version. -EPROTO: they are of a later one. */
int store_migrate(struct store *store);

/* Is it a store, or empty? Else -EPROTO. Nothing is written. */
int store_check_owner(struct store *store);

/* Did a replay write it, or is it empty? Else -EEXIST, -EPROTO. */
int store_check_replayed(struct store *store);

/* Are they of this version? Else -EPROTO. */
int store_check_version(struct store *store);

#endif
