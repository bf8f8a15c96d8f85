/*
 * Whenever a finding is worth an alert, its incident is brought up to date, and
 * who listens is told of both.
 */
#include <errno.h>

#include "control/engine/internal.h"

/* One incident turned out to be part of another: its last alert. */
static void
on_merged(void *arg, const struct incident *gone, const struct book_entry *entry,
	enum finding_state state)
{
	struct engine *engine = arg;
	const struct engine_telling telling = {.finding = &entry->finding,
		.incident = gone,
		.finding_state = state,
		.incident_state = INCIDENT_CLOSED,
		.event = engine->event};

	if (engine->sink.tell != NULL)
		engine->sink.tell(engine->sink.arg, &telling);
}

int
tell_open(struct engine *engine)
{
	const struct chain_sink sink = {.merged = on_merged, .arg = engine};

	engine->rules = suppress_open(engine->config);
	if (engine->rules == NULL)
		return -ENOMEM;
	engine->allows = suppress_has(engine->rules, CONFIG_ALLOW);
	return chain_open(&engine->chain, engine->config, &engine->book, &sink);
}

struct book_entry *
engine_book_add(struct engine *engine, unsigned detector)
{
	unsigned severity = detector_info(detector)->severity;
	struct book_entry *entry = book_add(&engine->book, severity);
	struct book_entry *least = NULL;

	if (entry == NULL)
		least = book_least(&engine->book, severity);
	if (least != NULL) {
		engine_close_finding(engine, least);
		engine->cut++;
		entry = book_add(&engine->book, severity);
	}
	if (entry == NULL)
		engine->refused++;
	else
		chain_forget(&engine->chain, entry);
	return entry;
}

/* The rule that hides the finding, or the incident that it is part of by now; 0: none. */
static unsigned
rule_of(const struct engine *engine, const struct book_entry *entry)
{
	unsigned rule = suppress_finding(engine->rules, &entry->finding);
	uint64_t incident = chain_incident_id(&engine->chain, entry);

	if (rule == 0 && incident != 0)
		rule = suppress_incident(engine->rules, incident, entry->finding.last_seen_ns);
	return rule;
}

/*
 * Of what was told, its end is told: nobody shall wait for it. What lies between is kept back by a
 * rule that came since.
 */
static bool
keep_back_told(struct engine *engine, const struct book_entry *entry, enum finding_state state)
{
	unsigned rule;

	if (state == FINDING_CLOSED || entry->finding.rules_epoch == suppress_epoch(engine->rules))
		return false;
	rule = rule_of(engine, entry);
	if (rule == 0 || !suppress_came_after(engine->rules, rule, entry->finding.rules_epoch))
		return false;
	suppress_kept_back(engine->rules, rule, false);
	return true;
}

/* A hidden finding of an incident that was told is over: the end of that one is told. */
static void
end_joined(struct engine *engine, struct book_entry *entry)
{
	struct incident *incident = chain_end(&engine->chain, entry);
	struct engine_telling telling = {.finding = &entry->finding, .incident = incident};

	if (incident->open_findings > 0 || !chain_incident_told(&engine->chain, entry))
		return;
	telling.finding_state = FINDING_CLOSED;
	telling.incident_state = chain_tell(&engine->chain, entry, FINDING_CLOSED).incident;
	if (engine->sink.tell != NULL)
		engine->sink.tell(engine->sink.arg, &telling);
}

/*
 * Does a rule hide what nobody has been told of yet? It is asked of anew each
 * time; what has been told once is told to its end.
 */
static bool
keep_back(struct engine *engine, struct book_entry *entry, enum finding_state state)
{
	struct finding *finding = &entry->finding;
	unsigned before = finding->suppressed_by;

	if (state != FINDING_OPEN && before == 0)
		return keep_back_told(engine, entry, state);
	finding->rules_epoch = suppress_epoch(engine->rules);
	finding->suppressed_by = rule_of(engine, entry);
	if (finding->suppressed_by == 0)
		return false;
	suppress_kept_back(engine->rules, finding->suppressed_by, before == 0);
	if (state != FINDING_CLOSED)
		return true;
	if (engine->sink.suppressed != NULL)
		engine->sink.suppressed(engine->sink.arg, finding);
	if (chain_incident_id(&engine->chain, entry) != 0)
		end_joined(engine, entry);
	return true;
}

/* The incident that it turned out to be part of is one that a rule hides. */
static bool
keep_back_joined(struct engine *engine, struct book_entry *entry, uint64_t incident)
{
	struct finding *finding = &entry->finding;
	unsigned rule = suppress_incident(engine->rules, incident, finding->last_seen_ns);

	if (rule == 0)
		return false;
	finding->suppressed_by = rule;
	suppress_kept_back(engine->rules, rule, true);
	return true;
}

void
engine_tell(struct engine *engine, struct book_entry *entry, enum finding_state state,
	const struct event *event)
{
	struct engine_telling telling = {.finding = &entry->finding, .event = event};
	bool hidden = entry->finding.suppressed_by != 0;
	struct chain_told told;

	/* Those of track say whom they blame: not always who sent the event. */
	if (event != NULL && entry->finding.detector < DETECTOR_TRACKED_FIRST)
		entry->finding.last_flow = event->head.flow;
	if (entry->subject == SUBJECT_UNSEEN)
		entry->finding.sensor_loss = engine->loss;
	else if (entry->finding.detector < DETECTOR_TRACKED_FIRST)
		finding_refresh(engine, entry);
	else
		tracked_refresh(engine, entry);
	book_told(entry, engine->clock_ns);
	if (keep_back(engine, entry, state))
		return;
	/* What is told only now that it is over begins first, for who listens. */
	if (hidden && state == FINDING_CLOSED)
		engine_tell(engine, entry, FINDING_OPEN, NULL);
	telling.incident = state == FINDING_CLOSED
				   ? chain_end(&engine->chain, entry)
				   : chain_update(&engine->chain, entry, engine->clock_ns);
	if (state == FINDING_OPEN && keep_back_joined(engine, entry, telling.incident->id))
		return;
	if (state != FINDING_CLOSED && !chain_may_tell(&engine->chain, entry, engine->clock_ns))
		return;
	told = chain_tell(&engine->chain, entry, state);
	telling.finding_state = told.finding;
	telling.incident_state = told.incident;
	if (engine->sink.tell != NULL)
		engine->sink.tell(engine->sink.arg, &telling);
}

int
engine_reload(struct engine *engine)
{
	int r = suppress_set_rules(engine->rules, engine->config);

	engine->allows = suppress_has(engine->rules, CONFIG_ALLOW);
	engine->barred = 0;
	if (r == 0)
		r = track_reload(&engine->track);
	return r;
}

int
engine_set_own_rules(struct engine *engine, const struct suppress_own *own, unsigned count)
{
	return suppress_set_own(engine->rules, own, count);
}
