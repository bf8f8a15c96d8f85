/*
 * EVE: events and findings as JSON, one object a line, valid against Suricata's
 * published schema but for the keys `smtp_auth` and `smtap` (doc/man/smtap-eve.5).
 *
 *   smtp_auth  each AUTH attempt
 *   smtp       each mail transaction, at its end, with its recipients
 *   flow       each session, at its end
 *   alert      a finding opened, updated or closed; a pattern of role signature
 *   smtap_suppressed  a finding that a rule hid to its end
 *   stats      at the end; live, each stats.interval too
 *
 * The same events give the same lines. No line holds a password or what stands
 * for one.
 */
#ifndef SMTAP_CONTROL_EXPORT_EVE_H
#define SMTAP_CONTROL_EXPORT_EVE_H

#include "config/config.h"
#include "contract/counters.h"
#include "contract/event.h"
#include "control/engine/engine.h"
#include "control/enrich/enrich.h"
#include "control/incident/finding.h"
#include "control/intake/intake.h"
#include "control/outbox/outbox.h"
#include "patterns/pattern.h"

/* X(field, "name", COUNTER or GAUGE, "unit", "help"): export's own counters. */
#define EVE_COUNTERS(X)                                                                    \
	X(lines, "eve_lines", COUNTER, "lines", "Lines written")                           \
	X(alerts, "eve_alerts", COUNTER, "alerts", "Of these, alerts")                     \
	X(lost, "eve_lost", COUNTER, "lines",                                              \
		"Lines that could not be written, as on a full disk")                      \
	X(hidden, "eve_suppressed", COUNTER, "findings",                                   \
		"Of these, findings that a rule hid to their end")                         \
	X(suppressed, "eve_signatures_suppressed", COUNTER, "matches",                     \
		"Matches of a signature for an address that was told within the interval") \
	X(enrich_errors, "enrich_errors", COUNTER, "addresses",                            \
		"Look-ups of addresses that met damage in a database")                     \
	X(rcpt_evicted, "eve_transactions_evicted", COUNTER, "transactions",               \
		"Transactions whose recipients were dropped: too many open at a time")

struct eve_counters {
#define X(field, name, kind, unit, help) uint64_t field;
	EVE_COUNTERS(X)
#undef X
};

struct eve;

/*
 * An alert as it was written: its line without a newline, what it tells of, and when (packet time).
 * telling is NULL for an alert of a pattern or about the sensor, which is of no incident.
 */
struct eve_alert {
	const struct engine_telling *telling;
	uint64_t time_ns;
	const char *line;
	size_t line_len;
};

typedef void eve_alert_fn(void *arg, const struct eve_alert *alert);

/* Whole lines, to be written now. How many of them were lost. */
typedef uint64_t eve_write_fn(void *arg, const char *lines, size_t len);

struct eve_options {
	int fd;              /* where lines go, unless write says; the caller's, until eve_close */
	eve_write_fn *write; /* NULL: to fd, and after an error no more */
	void *write_arg;
	const struct config *config;
	const struct pattern_set *patterns; /* borrowed until eve_close; may be empty */
	struct enrich *enrich;              /* the same; NULL: no databases */
	eve_alert_fn *alert;                /* told of each alert; NULL: nobody */
	/* Live: called before an alert is written, after that. Then whoever has alerts says when
	   they are written out (eve_flush); NULL: at once. */
	void (*before)(void *arg);
	void *arg; /* of both */
};

/* How often a pattern of role signature matched. */
struct eve_signature {
	const struct pattern *pattern;
	uint64_t matches;
	uint64_t alerts;   /* of these, told in an alert each */
	uint64_t first_ns; /* packet time of the first match, and of the last */
	uint64_t last_ns;
};

/* What a stats line tells. */
struct eve_stats {
	const struct counters *workers; /* added up */
	const struct intake_counters *intake;
	const struct engine_totals *engine;
	uint64_t first_ns; /* packet time of the first and last event; 0: none */
	uint64_t last_ns;
	const struct suppress *rules;        /* NULL: none */
	const struct outbox_counters *store; /* NULL: none */
};

/* NULL when out of memory. */
struct eve *eve_open(const struct eve_options *options);

void eve_event(struct eve *eve, const struct event *event);

/* As an engine_sink has it. Flushes, unless eve_options.before says otherwise. */
void eve_finding(struct eve *eve, const struct engine_telling *telling);

/*
 * From now on these patterns, which hold those of before too (pattern_set_follow); what was
 * counted of each goes on. 0; -ENOMEM: nothing has changed.
 */
int eve_set_patterns(struct eve *eve, const struct pattern_set *patterns);

/* From now on these databases, borrowed as those of before; NULL: none. What was counted goes on.
 */
void eve_set_enrich(struct eve *eve, struct enrich *enrich);

/* Rules that may keep alerts of patterns back; borrowed until eve_close. */
void eve_set_rules(struct eve *eve, struct suppress *rules);

/* A finding that is over and that one of the rules hid to its end. Flushes. */
void eve_hidden(struct eve *eve, const struct finding *finding, const struct suppress *rules);

/* A minute of a live run: packets that came, with those lost among them. */
struct eve_loss {
	uint64_t packets;
	uint64_t lost;
	bool begins; /* the first such minute, or the first that is none any more */
};

/* The sensor lost packets, at that wall time. Flushes. */
void eve_sensor_loss(struct eve *eve, const struct eve_loss *loss, uint64_t time_ns);

/* What a live run sheds under overload, or has shed since it began to. */
struct eve_shed {
	uint64_t level; /* the highest that was seen */
	uint64_t sessions;
	uint64_t packets; /* of these sessions */
	uint64_t bodies;
	bool begins; /* else it has been over for a while */
};

/* The sensor began to shed, or ended, at that wall time. Flushes. */
void eve_sensor_shed(struct eve *eve, const struct eve_shed *shed, uint64_t time_ns);

void eve_stats(struct eve *eve, const struct eve_stats *stats);

/* What comes was told before: no line is written, but whoever wants alerts is told of them. */
void eve_set_quiet(struct eve *eve, bool quiet);

/* How many losses the sensor knows of so far (intake_lost); stamped on signatures. */
void eve_set_loss(struct eve *eve, uint64_t loss);

/* Those that matched, by id; returns how many were put into out. */
size_t eve_signatures(const struct eve *eve, struct eve_signature *out, size_t max);

void eve_counters(const struct eve *eve, struct eve_counters *out);

/* Write out what is buffered. 0, or -errno of the first write that failed, ever. */
int eve_flush(struct eve *eve);

/* Flushes; same result. */
int eve_close(struct eve *eve);

#endif
