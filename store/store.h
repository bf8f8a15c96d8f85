/*
 * store: incidents, the alerts that are their evidence, and how far each exporter has come, in an
 * SQLite file. control writes it, one process at a time; `smtap incidents` and its kin read it
 * meanwhile (WAL). Its alerts are the outbox of exporters: numbered in the
 * order in which they were told.
 *
 * Synchronous, for one thread. Every function that may fail returns 0 or -errno, and store_error
 * says it in words: -ENOSPC full, -EROFS read-only, -EUCLEAN damaged, -EBUSY somebody else writes,
 * -EPROTO made by a later version or another program, which nothing is written to.
 */
#ifndef SMTAP_STORE_STORE_H
#define SMTAP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NAME_MAX 255

struct store;

enum store_mode {
	STORE_READ,  /* the file must be there */
	STORE_WRITE, /* made when it is not; an older version is migrated */
	STORE_ANEW,  /* what a replay left there goes; what is written can be made again, so no disk
			is waited for. -EEXIST: anything else is there, and stays */
};

/* Opens it, or says why not. Also -ENOENT, -EACCES. */
int store_open(
	struct store **out, const char *path, enum store_mode mode, char *why, size_t why_len);
void store_close(struct store *store);

/*
 * Does the file say, where SQLite keeps that, that it is a store of smtap? Whatever else is in it:
 * a damaged one is ours when its head is whole.
 */
bool store_file_is_ours(const char *path);

/* Reads all of it: 0 when it is whole, -EUCLEAN when it is damaged. */
int store_check(struct store *store);

/* Of the last call that failed. */
const char *store_error(const struct store *store);

/*
 * One alert. What can be asked for has a column; the rest is in the line. Texts are borrowed for
 * the call; when it is read, until the call back returns.
 */
struct store_alert {
	uint64_t seq;      /* from 1 */
	uint64_t time_ns;  /* packet time */
	uint64_t told_ns;  /* wall time */
	uint64_t incident; /* 0: of none, as an alert about the sensor; the next are unused then */
	const char *state; /* of the incident: "open", "update", "closed" */
	const char *stage; /* the furthest; "none" */
	unsigned severity; /* 1 critical .. 3 minor */
	uint64_t first_ns; /* of the incident */
	uint64_t last_ns;
	uint64_t merged_into; /* 0: it goes on under its own id */
	uint64_t finding;
	const char *finding_state;
	const char *detector;
	const char *subject_type;
	const char *subject;
	uint64_t finding_first_ns;
	uint64_t finding_last_ns;
	uint64_t attempts;
	uint64_t failures;
	uint64_t successes;
	unsigned confidence;
	const char *line; /* EVE, no newline */
	size_t line_len;
};

/* These n, numbered one after another; all or none of them. */
int store_append(struct store *store, const struct store_alert *alerts, size_t n);

/* What is the highest so far; 0: none yet. */
struct store_last {
	uint64_t seq; /* also of alerts that are gone */
	uint64_t incident;
	uint64_t finding;
	/* Up to these it may have been told of others; no less than those. */
	uint64_t reserved_incident;
	uint64_t reserved_finding;
};

int store_last(struct store *store, struct store_last *out);

/* So much was given already, though it does not have it: a new file goes on from there. What is
 * reserved stays. */
int store_begin_after(struct store *store, const struct store_last *last);

/* Who comes after us does not give ids up to these. Another's may be reserved further: that stays.
 */
int store_reserve(struct store *store, uint64_t incident, uint64_t finding);

/* Of what we reserved we told ids up to these only. */
int store_unreserve(struct store *store, uint64_t incident, uint64_t finding);

/* Was the file moved, removed or replaced since it was opened? What is written is lost then. */
bool store_is_gone(struct store *store);

/* Called for each; what it returns, if not 0, ends the reading and is returned. */
typedef int store_alert_fn(void *arg, const struct store_alert *alert);

/* Alerts after that number, in order, at most max. Only seq, times, ids and line are filled in. */
int store_read(struct store *store, uint64_t after, unsigned max, store_alert_fn *fn, void *arg);

/* Those of one incident, in order. */
int store_read_incident(struct store *store, uint64_t incident, store_alert_fn *fn, void *arg);

/* The last one of each finding of an incident that is open, the newest first, at most max; and how
 * many there are. */
int store_open_alerts(struct store *store, size_t max, store_alert_fn *fn, void *arg);
int store_count_open(struct store *store, uint64_t *n);

/* How many there are after that number. */
int store_count(struct store *store, uint64_t after, uint64_t *n);

/* Up to which alert an exporter has delivered. */
struct store_cursor {
	const char *exporter;
	uint64_t seq;
	bool gone; /* written: there is no such exporter any more */
};

typedef int store_cursor_fn(void *arg, const struct store_cursor *cursor);

int store_cursors(struct store *store, store_cursor_fn *fn, void *arg);

/* All of them or none. */
int store_put_cursors(struct store *store, const struct store_cursor *cursors, size_t n);

/* An incident as it was last told. */
struct store_incident {
	uint64_t id;
	const char *state;
	const char *stage;
	unsigned severity;
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t merged_into;
	uint64_t alerts;   /* that were told of it, and are still there */
	uint64_t acked_ns; /* wall time; 0: nobody has */
	const char *acked_by;
	const char *acked_stage; /* how far it had come by then */
	const char *note;
	uint64_t seq;     /* of its last alert */
	const char *line; /* that; NULL when it is gone */
	size_t line_len;
};

struct store_filter {
	bool open;         /* only those that are not closed */
	bool unacked;      /* only those that nobody has acknowledged as far as they have come */
	uint64_t id;       /* only that; 0: any */
	uint64_t since_ns; /* last seen then or later */
	unsigned severity; /* at least as grave; 0: any */
	unsigned max;      /* the newest; 0: all */
};

typedef int store_incident_fn(void *arg, const struct store_incident *incident);

/* Newest first, by when they were last seen. */
int store_incidents(
	struct store *store, const struct store_filter *filter, store_incident_fn *fn, void *arg);

/* Findings that were told and not closed: for control that starts anew. Columns of findings only.
 */
int store_open_findings(struct store *store, store_alert_fn *fn, void *arg);

/* Somebody has seen it. -ENOENT: there is no such incident. */
struct store_ack {
	uint64_t incident;
	uint64_t time_ns;
	const char *by;
	const char *note; /* may be empty */
};

int store_ack(struct store *store, const struct store_ack *ack);

/* What an operator has suppressed. */
struct store_suppression {
	uint64_t id;
	uint64_t incident; /* 0: what the rule describes */
	const char *rule;  /* a rule of the configuration, as JSON */
	uint64_t at_ns;    /* wall time */
	const char *by;
	uint64_t removed_ns; /* 0: it stands */
	const char *removed_by;
};

/* One more; its id goes to *id. incident, rule, at_ns and by are asked for. */
int store_suppress(struct store *store, const struct store_suppression *suppression, uint64_t *id);

/* Take it back. -ENOENT: there is none, or it was taken back before. */
int store_unsuppress(struct store *store, uint64_t id, uint64_t time_ns, const char *by);

typedef int store_suppression_fn(void *arg, const struct store_suppression *suppression);

/* In the order in which they came; all: those that were taken back, too. */
int store_suppressions(struct store *store, bool all, store_suppression_fn *fn, void *arg);

/* Sources or accounts with the most failures, as they stood when control last said. */
struct store_subject {
	const char *name;
	uint64_t attempts;
	uint64_t failures;
	uint64_t successes;
	uint64_t others;   /* accounts of a source, sources of an account; distinct */
	uint64_t first_ns; /* packet time */
	uint64_t last_ns;
};

/* In the place of what was there of that kind ("source", "account"). */
int store_put_subjects(
	struct store *store, const char *kind, const struct store_subject *subjects, size_t n);

typedef int store_subject_fn(void *arg, const struct store_subject *subject);

/* Most failures first, ties by name; at most max, 0: all. */
int store_subjects(
	struct store *store, const char *kind, unsigned max, store_subject_fn *fn, void *arg);

/* How long and how much is kept. */
struct store_keep {
	uint64_t keep_ns; /* wall time since an alert was told; 0: for ever */
	uint64_t bytes;   /* of the file, about; 0: any */
};

/*
 * Take out what is older, or over the size: closed incidents with all of their alerts, least
 * recently told first; when that is not enough, the oldest alerts. *undelivered is increased by
 * those that some exporter still had to deliver. 1: there is more to go than one call takes out.
 */
int store_retire(
	struct store *store, const struct store_keep *keep, uint64_t now_ns, uint64_t *undelivered);

#endif
