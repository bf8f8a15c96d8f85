/* What control writes. */
#include <errno.h>
#include <string.h>

#include "store/internal.h"

static int
put_alert(struct store *store, const struct store_alert *a)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PUT_ALERT);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, a->seq);
	store_bind_u64(s, 2, a->time_ns);
	store_bind_u64(s, 3, a->told_ns);
	store_bind_u64(s, 4, a->incident);
	store_bind_u64(s, 5, a->finding);
	sqlite3_bind_text64(s, 6, a->line, a->line_len, SQLITE_STATIC, SQLITE_UTF8);
	return store_run(store, s);
}

static int
put_incident(struct store *store, const struct store_alert *a)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PUT_INCIDENT);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, a->incident);
	store_bind_text(s, 2, a->state);
	store_bind_text(s, 3, a->stage);
	store_bind_u64(s, 4, a->severity);
	store_bind_u64(s, 5, a->first_ns);
	store_bind_u64(s, 6, a->last_ns);
	store_bind_u64(s, 7, a->merged_into);
	store_bind_u64(s, 8, a->seq);
	return store_run(store, s);
}

static int
put_finding(struct store *store, const struct store_alert *a)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PUT_FINDING);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, a->finding);
	store_bind_u64(s, 2, a->incident);
	store_bind_text(s, 3, a->finding_state);
	store_bind_text(s, 4, a->detector);
	store_bind_text(s, 5, a->subject_type);
	store_bind_text(s, 6, a->subject);
	store_bind_u64(s, 7, a->finding_first_ns);
	store_bind_u64(s, 8, a->finding_last_ns);
	store_bind_u64(s, 9, a->attempts);
	store_bind_u64(s, 10, a->failures);
	store_bind_u64(s, 11, a->successes);
	store_bind_u64(s, 12, a->confidence);
	return store_run(store, s);
}

int
store_begin_after(struct store *store, const struct store_last *last)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PUT_LAST);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, last->seq);
	store_bind_u64(s, 2, last->incident);
	store_bind_u64(s, 3, last->finding);
	return store_run(store, s);
}

static int
put_reserved(struct store *store, enum store_statement how, uint64_t incident, uint64_t finding)
{
	sqlite3_stmt *s = store_statement(store, how);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, incident);
	store_bind_u64(s, 2, finding);
	return store_run(store, s);
}

int
store_reserve(struct store *store, uint64_t incident, uint64_t finding)
{
	return put_reserved(store, STATEMENT_RESERVE, incident, finding);
}

int
store_unreserve(struct store *store, uint64_t incident, uint64_t finding)
{
	return put_reserved(store, STATEMENT_UNRESERVE, incident, finding);
}

static int
put(struct store *store, const struct store_alert *a)
{
	int r = put_alert(store, a);

	if (r == 0 && a->incident)
		r = put_incident(store, a);
	if (r == 0 && a->finding)
		r = put_finding(store, a);
	const struct store_last last = {
		.seq = a->seq, .incident = a->incident, .finding = a->finding};
	return r ? r : store_begin_after(store, &last);
}

int
store_append(struct store *store, const struct store_alert *alerts, size_t n)
{
	int r = store_begin(store);

	if (r != 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put(store, &alerts[i]);
	return store_end(store, r);
}

static int
put_cursor(struct store *store, const struct store_cursor *cursor)
{
	sqlite3_stmt *s =
		store_statement(store, cursor->gone ? STATEMENT_DROP_CURSOR : STATEMENT_SET_CURSOR);

	if (!s)
		return store->error;
	store_bind_text(s, 1, cursor->exporter);
	if (!cursor->gone)
		store_bind_u64(s, 2, cursor->seq);
	return store_run(store, s);
}

int
store_put_cursors(struct store *store, const struct store_cursor *cursors, size_t n)
{
	int r = store_begin(store);

	if (r != 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_cursor(store, &cursors[i]);
	return store_end(store, r);
}

int
store_ack(struct store *store, const struct store_ack *ack)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_ACK);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, ack->incident);
	store_bind_u64(s, 2, ack->time_ns);
	store_bind_text(s, 3, ack->by);
	store_bind_text(s, 4, ack->note);
	int r = store_run(store, s);
	return r == 0 && sqlite3_changes(store->db) == 0 ? -ENOENT : r;
}

int
store_suppress(struct store *store, const struct store_suppression *suppression, uint64_t *id)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_SUPPRESS);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, suppression->incident);
	store_bind_text(s, 2, suppression->rule);
	store_bind_u64(s, 3, suppression->at_ns);
	store_bind_text(s, 4, suppression->by);
	int r = store_run(store, s);
	*id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return r;
}

int
store_unsuppress(struct store *store, uint64_t id, uint64_t time_ns, const char *by)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_UNSUPPRESS);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, id);
	store_bind_u64(s, 2, time_ns);
	store_bind_text(s, 3, by);
	int r = store_run(store, s);
	return r == 0 && sqlite3_changes(store->db) == 0 ? -ENOENT : r;
}

static int
put_subject(struct store *store, const char *kind, const struct store_subject *subject)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PUT_SUBJECT);

	if (!s)
		return store->error;
	store_bind_text(s, 1, kind);
	store_bind_text(s, 2, subject->name);
	store_bind_u64(s, 3, subject->attempts);
	store_bind_u64(s, 4, subject->failures);
	store_bind_u64(s, 5, subject->successes);
	store_bind_u64(s, 6, subject->others);
	store_bind_u64(s, 7, subject->first_ns);
	store_bind_u64(s, 8, subject->last_ns);
	return store_run(store, s);
}

int
store_put_subjects(
	struct store *store, const char *kind, const struct store_subject *subjects, size_t n)
{
	sqlite3_stmt *drop = store_statement(store, STATEMENT_DROP_SUBJECTS);
	int r = drop ? store_begin(store) : store->error;

	if (r != 0)
		return r;
	store_bind_text(drop, 1, kind);
	r = store_run(store, drop);
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_subject(store, kind, &subjects[i]);
	return store_end(store, r);
}
