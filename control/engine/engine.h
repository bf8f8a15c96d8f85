/*
 * engine: the event-to-finding part of control: aggr (windowed counters) ->
 * detect (verdicts) -> finding. No I/O, no clock of its own: time is that of
 * the events. intake feeds it; export and report read from it.
 */
#ifndef SMTAP_CONTROL_ENGINE_H
#define SMTAP_CONTROL_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "contract/event.h"
#include "control/detect/info.h"
#include "control/incident/finding.h"
#include "control/incident/incident.h"
#include "control/suppress/suppress.h"

struct engine;

/* What is told: a finding, and the incident that it is part of, as they stand now. */
struct engine_telling {
	const struct finding *finding;
	const struct incident *incident;
	enum finding_state finding_state;
	enum incident_state incident_state;
	const struct event *event; /* that caused it; NULL when quiet time or the end did */
};

struct engine_sink {
	/* A finding opened, was updated or closed (rate-limited, but for the last). */
	void (*tell)(void *arg, const struct engine_telling *telling);
	/* A finding is over, and a rule hid it to its end; may be NULL. */
	void (*suppressed)(void *arg, const struct finding *finding);
	void *arg;
};

/* NULL when out of memory. Takes all its memory now. config is borrowed for good. */
struct engine *engine_open(const struct config *config, const struct engine_sink *sink);
void engine_close(struct engine *engine);

/*
 * For who runs for long: have the memory of all tables now. Else the kernel zeroes it page by page
 * while events wait. Takes about 0.4 s for a GB.
 */
void engine_touch_memory(struct engine *engine);

/* Ids go on after these, of an earlier run. */
void engine_begin_after(struct engine *engine, uint64_t incident, uint64_t finding);

/* The last ones that were given; 0: none. */
void engine_ids(const struct engine *engine, uint64_t *incident, uint64_t *finding);

/* A finding that an earlier run told of and did not close, and its incident, as last told. */
struct engine_earlier {
	uint64_t finding;
	const char *detector; /* its name */
	enum subject_type subject_type;
	const char *subject;
	uint64_t first_ns; /* packet time */
	uint64_t last_ns;
	uint64_t attempts;
	uint64_t failures;
	uint64_t successes;
	unsigned confidence;
	struct event_flow last_flow; /* that it was told with */
	struct incident incident;    /* id, stage, severity, first and last seen */
};

/*
 * It goes on under its ids when its subject is found again, and is closed by quiet time when not.
 * What the engine knows already is left alone. False: so it was, or there is no room for it.
 */
bool engine_adopt(struct engine *engine, const struct engine_earlier *earlier);

struct image;

/*
 * All that is known of attacks, out of memory or into it. Into: before the first event, of an
 * engine with tables as large, by the same program; after image->bad only engine_close may follow.
 */
void engine_image(struct engine *engine, struct image *image);

#define ENGINE_AHEAD 16 /* events that can be announced at once */

/*
 * These n (at most ENGINE_AHEAD) are the next for engine_event, one by one, each at the address
 * that it has here: ask memory for what they will touch. An event that was not announced costs
 * several times as much; nothing else depends on it.
 */
void engine_ahead(struct engine *engine, const struct event *events, unsigned n);

/* One validated event, in merge order. */
void engine_event(struct engine *engine, const struct event *event);

/* No event before clock_ns will come any more: findings that are over by then close. */
void engine_clock(struct engine *engine, uint64_t clock_ns);

/* How many losses the sensor knows of so far (intake_lost); stamped on findings. */
void engine_set_loss(struct engine *engine, uint64_t loss);

/* No event follows: close what is open (state closed, as of the last event's time). */
void engine_finish(struct engine *engine);

/* For the report: totals and the busiest, most failures first, ties by name. */
struct engine_row {
	char name[SUBJECT_NAME_MAX + 1];
	uint64_t attempts;
	uint64_t failures;
	uint64_t successes;
	uint64_t others;   /* attempts with neither outcome */
	uint64_t accounts; /* distinct; for an account: distinct sources */
	uint64_t passwords;
	bool passwords_capped;
	uint64_t first_ns;
	uint64_t last_ns;
};

/* X(field, "name", COUNTER or GAUGE, "unit", "help") */
#define ENGINE_COUNTERS(X)                                                                         \
	X(sources, "engine_sources", COUNTER, "sources", "Sources that came into the table")       \
	X(accounts, "engine_accounts", COUNTER, "accounts", "Accounts that came into the table")   \
	X(servers, "engine_servers", COUNTER, "servers", "Servers that came into the table")       \
	X(evicted_sources, "engine_evicted_sources", COUNTER, "sources",                           \
		"Sources forgotten: the table was full")                                           \
	X(evicted_accounts, "engine_evicted_accounts", COUNTER, "accounts",                        \
		"Accounts forgotten: the table was full")                                          \
	X(evicted_trackers, "engine_evicted_trackers", COUNTER, "subjects",                        \
		"Subjects forgotten of the detectors of connections and mail: the table was full") \
	X(untracked, "engine_untracked", COUNTER, "attempts",                                      \
		"Attempts for which there was no room in any table")                               \
	X(untracked_notes, "engine_untracked_notes", COUNTER, "facts",                             \
		"Facts for which the detectors of connections and mail had no room")               \
	X(findings, "engine_findings", COUNTER, "findings", "Findings opened")                     \
	X(findings_cut, "engine_findings_cut", COUNTER, "findings",                                \
		"Findings closed early, to make room for more severe ones")                        \
	X(findings_refused, "engine_findings_refused", COUNTER, "findings",                        \
		"Findings for which there was no room: all were open, or held a full table")       \
	X(incidents, "engine_incidents", GAUGE, "incidents",                                       \
		"Incidents so far; those that turned out to be another are not counted twice")     \
	X(incidents_merged, "engine_incidents_merged", COUNTER, "incidents",                       \
		"Incidents that turned out to be another")                                         \
	X(incidents_reopened, "engine_incidents_reopened", COUNTER, "times",                       \
		"Times that an incident went on after it had closed")                              \
	X(alerts_held, "engine_alerts_held", COUNTER, "alerts",                                    \
		"Alerts held back for the next update interval of their incident")                 \
	X(findings_suppressed, "suppressed_findings", COUNTER, "findings",                         \
		"Findings that a rule hid when they were first to be told")                        \
	X(tellings_suppressed, "suppressed_sightings", COUNTER, "alerts",                          \
		"Alerts of such findings that were kept back")                                     \
	X(events_allowed, "allowed_events", COUNTER, "events",                                     \
		"Events that a rule kept from detectors")

struct engine_totals {
	uint64_t events[EVENT_TYPE_COUNT];
	uint64_t outcomes[OUTCOME_COUNT];
#define X(field, name, kind, unit, help) uint64_t field;
	ENGINE_COUNTERS(X)
#undef X
};

size_t engine_top(
	const struct engine *engine, enum subject_type type, struct engine_row *out, size_t max);

/*
 * The same a part of the table at a time, for who has something else to do. A row tells what was
 * true when its part was read; whoever left the table and came again meanwhile may be there twice.
 */
struct engine_walk {
	struct engine_row *rows; /* room for max; n are filled */
	size_t max;
	size_t n;
	uint32_t next; /* 0: from the start */
};

/* Goes on through so many entries. True: the rows are those of the whole table. */
bool engine_walk(const struct engine *engine, enum subject_type type, struct engine_walk *walk,
	uint32_t entries);
void engine_totals(const struct engine *engine, struct engine_totals *out);

/*
 * The configuration has changed in its place, but for what `aggregate` and incident.table say:
 * rules and what is ours are read from it anew. 0; -ENOMEM, -ENOSPC: the rules are as they were.
 */
int engine_reload(struct engine *engine);

/* From now on the operators' rules are these. The same. */
int engine_set_own_rules(struct engine *engine, const struct suppress_own *own, unsigned count);

/* What the rules did. */
struct suppress *engine_rules(const struct engine *engine);

/* All findings so far, by id; pointers stay valid until engine_close. */
size_t engine_findings(const struct engine *engine, const struct finding **out, size_t max);

/* All incidents that still have a finding there, by id; as long valid. */
size_t engine_incidents(const struct engine *engine, const struct incident **out, size_t max);

/* Those of its findings that are still there, in the order in which they joined. */
size_t engine_incident_findings(const struct engine *engine, const struct incident *incident,
	const struct finding **out, size_t max);

/* What to do about it, from its detector alone. Returns the length; cut to out_len. */
size_t finding_advice(const struct finding *finding, char *out, size_t out_len);

#define INCIDENT_ADVICE_MAX 4096 /* holds the longest: names may have SUBJECT_NAME_MAX bytes */

/* What to do now that the incident has come to this stage, by name: whom to block, whose password
   to change, which queue to look into. Empty where it has not come to it. */
size_t incident_advice(
	const struct incident *incident, enum stage stage, char *out, size_t out_len);

#endif
