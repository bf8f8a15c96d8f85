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
	engine->allows = suppress_has(engine->config, CONFIG_ALLOW);
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

/*
 * Does a rule hide what nobody has been told of yet? It is asked of anew each
 * time; what has been told once is told to its end.
 */
static bool
keep_back(struct engine *engine, struct finding *finding, enum finding_state state)
{
	unsigned before = finding->suppressed_by;

	if (state != FINDING_OPEN && before == 0)
		return false;
	finding->suppressed_by = suppress_finding(engine->rules, finding);
	if (finding->suppressed_by == 0)
		return false;
	suppress_kept_back(engine->rules, finding->suppressed_by, before == 0);
	if (state == FINDING_CLOSED && engine->sink.suppressed != NULL)
		engine->sink.suppressed(engine->sink.arg, finding);
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
	if (entry->finding.detector < DETECTOR_TRACKED_FIRST)
		finding_refresh(engine, entry);
	else
		tracked_refresh(engine, entry);
	book_told(entry, engine->clock_ns);
	if (keep_back(engine, &entry->finding, state))
		return;
	/* What is told only now that it is over begins first, for who listens. */
	if (hidden && state == FINDING_CLOSED)
		engine_tell(engine, entry, FINDING_OPEN, NULL);
	telling.incident = state == FINDING_CLOSED
				   ? chain_end(&engine->chain, entry)
				   : chain_update(&engine->chain, entry, engine->clock_ns);
	if (state != FINDING_CLOSED && !chain_may_tell(&engine->chain, entry, engine->clock_ns))
		return;
	told = chain_tell(&engine->chain, entry, state);
	telling.finding_state = told.finding;
	telling.incident_state = told.incident;
	if (engine->sink.tell != NULL)
		engine->sink.tell(engine->sink.arg, &telling);
}
