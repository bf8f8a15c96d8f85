/* What is read: by exporters through control, by the commands, by control that starts anew. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

/* Whoever calls back may have stopped in the middle of the rows. */
static int
leave(sqlite3_stmt *s, int result)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return result;
}

int
store_last(struct store *store, struct store_last *out)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_LAST);
	int r = store_step(store, s);

	*out = (struct store_last){0};
	if (r != 1)
		return r;
	*out = (struct store_last){.seq = store_u64(s, 0),
		.incident = store_u64(s, 1),
		.finding = store_u64(s, 2),
		.reserved_incident = store_u64(s, 3),
		.reserved_finding = store_u64(s, 4)};
	return leave(s, 0);
}

static int
read_alerts(struct store *store, sqlite3_stmt *s, store_alert_fn *fn, void *arg)
{
	int r;

	while ((r = store_step(store, s)) == 1) {
		struct store_alert alert = {.seq = store_u64(s, 0),
			.time_ns = store_u64(s, 1),
			.told_ns = store_u64(s, 2),
			.incident = store_u64(s, 3),
			.finding = store_u64(s, 4),
			.line = store_text(s, 5),
			.line_len = (size_t)sqlite3_column_bytes(s, 5)};

		r = fn(arg, &alert);
		if (r != 0)
			return leave(s, r);
	}
	return r;
}

int
store_read(struct store *store, uint64_t after, unsigned max, store_alert_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_READ);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, after);
	store_bind_u64(s, 2, max);
	return read_alerts(store, s, fn, arg);
}

int
store_read_incident(struct store *store, uint64_t incident, store_alert_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_READ_INCIDENT);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, incident);
	return read_alerts(store, s, fn, arg);
}

int
store_open_alerts(struct store *store, size_t max, store_alert_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_OPEN_ALERTS);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, max);
	return read_alerts(store, s, fn, arg);
}

int
store_count_open(struct store *store, uint64_t *n)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_COUNT_OPEN);
	int r = store_step(store, s);

	*n = r == 1 ? store_u64(s, 0) : 0;
	return r == 1 ? leave(s, 0) : r;
}

int
store_count(struct store *store, uint64_t after, uint64_t *n)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_COUNT_AFTER);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, after);
	int r = store_step(store, s);
	*n = r == 1 ? store_u64(s, 0) : 0;
	return r == 1 ? leave(s, 0) : r;
}

int
store_cursors(struct store *store, store_cursor_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_CURSORS);
	int r;

	while ((r = store_step(store, s)) == 1) {
		const struct store_cursor cursor = {
			.exporter = store_text(s, 0), .seq = store_u64(s, 1)};

		r = fn(arg, &cursor);
		if (r != 0)
			return leave(s, r);
	}
	return r;
}

int
store_incidents(
	struct store *store, const struct store_filter *filter, store_incident_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_INCIDENTS);
	int r;

	if (!s)
		return store->error;
	sqlite3_bind_int(s, 1, filter->open);
	sqlite3_bind_int(s, 2, filter->unacked);
	store_bind_u64(s, 3, filter->id);
	store_bind_u64(s, 4, filter->since_ns);
	store_bind_u64(s, 5, filter->severity);
	sqlite3_bind_int64(s, 6, filter->max ? (sqlite3_int64)filter->max : -1);
	while ((r = store_step(store, s)) == 1) {
		bool has_line = sqlite3_column_type(s, 11) != SQLITE_NULL;
		struct store_incident incident = {.id = store_u64(s, 0),
			.state = store_text(s, 1),
			.stage = store_text(s, 2),
			.severity = (unsigned)store_u64(s, 3),
			.first_ns = store_u64(s, 4),
			.last_ns = store_u64(s, 5),
			.merged_into = store_u64(s, 6),
			.alerts = store_u64(s, 7),
			.acked_ns = store_u64(s, 8),
			.acked_by = store_text(s, 9),
			.note = store_text(s, 10),
			.acked_stage = store_text(s, 12),
			.line = has_line ? store_text(s, 11) : NULL,
			.line_len = has_line ? (size_t)sqlite3_column_bytes(s, 11) : 0,
			.seq = store_u64(s, 12)};

		r = fn(arg, &incident);
		if (r != 0)
			return leave(s, r);
	}
	return r;
}

int
store_open_findings(struct store *store, store_alert_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_OPEN_FINDINGS);
	int r;

	while ((r = store_step(store, s)) == 1) {
		struct store_alert alert = {.finding = store_u64(s, 0),
			.incident = store_u64(s, 1),
			.finding_state = store_text(s, 2),
			.detector = store_text(s, 3),
			.subject_type = store_text(s, 4),
			.subject = store_text(s, 5),
			.finding_first_ns = store_u64(s, 6),
			.finding_last_ns = store_u64(s, 7),
			.attempts = store_u64(s, 8),
			.failures = store_u64(s, 9),
			.successes = store_u64(s, 10),
			.confidence = (unsigned)store_u64(s, 11)};

		r = fn(arg, &alert);
		if (r != 0)
			return leave(s, r);
	}
	return r;
}

int
store_subjects(struct store *store, const char *kind, unsigned max, store_subject_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_SUBJECTS);
	int r;

	if (!s)
		return store->error;
	store_bind_text(s, 1, kind);
	sqlite3_bind_int64(s, 2, max ? (sqlite3_int64)max : -1);
	while ((r = store_step(store, s)) == 1) {
		struct store_subject subject = {.name = store_text(s, 0),
			.attempts = store_u64(s, 1),
			.failures = store_u64(s, 2),
			.successes = store_u64(s, 3),
			.others = store_u64(s, 4),
			.first_ns = store_u64(s, 5),
			.last_ns = store_u64(s, 6)};

		r = fn(arg, &subject);
		if (r != 0)
			return leave(s, r);
	}
	return r;
}

int
store_suppressions(struct store *store, bool all, store_suppression_fn *fn, void *arg)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_SUPPRESSIONS);
	int r;

	if (!s)
		return store->error;
	sqlite3_bind_int(s, 1, all);
	while ((r = store_step(store, s)) == 1) {
		struct store_suppression one = {.id = store_u64(s, 0),
			.incident = store_u64(s, 1),
			.rule = store_text(s, 2),
			.at_ns = store_u64(s, 3),
			.by = store_text(s, 4),
			.removed_ns = store_u64(s, 5),
			.removed_by = store_text(s, 6)};

		r = fn(arg, &one);
		if (r != 0)
			return leave(s, r);
	}
	return r;
}

int
store_check(struct store *store)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_CHECK);
	int r = store_step(store, s);

	if (r != 1)
		return r;
	if (strcmp(store_text(s, 0), "ok") == 0)
		return leave(s, 0);
	snprintf(store->why, sizeof(store->why), "%s", store_text(s, 0));
	store->error = -EUCLEAN;
	return leave(s, -EUCLEAN);
}
