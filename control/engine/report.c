/* What the report reads: totals, the busiest, the findings. */
#include <string.h>

#include "control/engine/internal.h"

static void
row_fill(const struct engine *engine, const struct aggr_subject *s, struct engine_row *row)
{
	const struct aggr_total *total = &s->total;

	memset(row, 0, sizeof(*row));
	aggr_subject_name(&engine->aggr, s, row->name);
	row->attempts = total->attempts;
	row->failures = total->failures;
	row->successes = total->successes;
	row->others = total->attempts - total->failures - total->successes;
	row->accounts = s->type == SUBJECT_SERVER ? aggr_many(s) : total->peers;
	row->passwords_capped = s->passwords.capped;
	row->passwords = s->passwords.capped ? s->passwords.len : total->passwords;
	row->first_ns = total->first_ns;
	row->last_ns = total->last_ns;
}

static bool
goes_before(const struct engine_row *a, const struct engine_row *b)
{
	if (a->failures != b->failures)
		return a->failures > b->failures;
	if (a->attempts != b->attempts)
		return a->attempts > b->attempts;
	return strcmp(a->name, b->name) < 0;
}

/* Cheap test before a name is made: can it be among the best at all? */
static bool
hopeless(const struct aggr_subject *s, const struct engine_row *worst)
{
	if (s->total.failures != worst->failures)
		return s->total.failures < worst->failures;
	return s->total.attempts < worst->attempts;
}

static void
walk_add(struct engine_walk *walk, const struct engine_row *row)
{
	struct engine_row *rows = walk->rows;
	size_t at;

	if (walk->n == walk->max && !goes_before(row, &rows[walk->max - 1]))
		return;
	for (at = walk->n; at > 0 && goes_before(row, &rows[at - 1]); at--)
		;
	if (walk->n < walk->max)
		walk->n++;
	memmove(&rows[at + 1], &rows[at], (walk->n - 1 - at) * sizeof(*rows));
	rows[at] = *row;
}

bool
engine_walk(const struct engine *engine, enum subject_type type, struct engine_walk *walk,
	uint32_t entries)
{
	const struct aggr_class *class = &engine->aggr.class[type];
	uint32_t end = class->table.fresh;
	struct engine_row row;

	if (walk->max == 0)
		return true;
	if (walk->next == 0)
		walk->n = 0;
	if (walk->next < end && end - walk->next > entries)
		end = walk->next + entries;
	for (; walk->next < end; walk->next++) {
		const struct aggr_subject *s = &class->subjects[walk->next];

		if (s->total.attempts == 0 ||
			(walk->n == walk->max && hopeless(s, &walk->rows[walk->max - 1])))
			continue;
		row_fill(engine, s, &row);
		walk_add(walk, &row);
	}
	if (end < class->table.fresh)
		return false;
	walk->next = 0;
	return true;
}

size_t
engine_top(const struct engine *engine, enum subject_type type, struct engine_row *out, size_t max)
{
	struct engine_walk walk = {.rows = out, .max = max};

	engine_walk(engine, type, &walk, UINT32_MAX);
	return walk.n;
}

void
engine_totals(const struct engine *engine, struct engine_totals *out)
{
	const struct aggr *a = &engine->aggr;
	const struct suppress_count rules = suppress_total(engine->rules);

	*out = (struct engine_totals){
		.sources = a->class[SUBJECT_SOURCE].table.inserted,
		.accounts = a->class[SUBJECT_ACCOUNT].table.inserted,
		.servers = a->class[SUBJECT_SERVER].table.inserted,
		.evicted_sources = a->class[SUBJECT_SOURCE].table.evicted,
		.evicted_accounts = a->class[SUBJECT_ACCOUNT].table.evicted,
		.evicted_trackers = track_evicted(&engine->track),
		.incidents = engine->chain.opened - engine->chain.merged,
		.incidents_merged = engine->chain.merged,
		.incidents_reopened = engine->chain.reopened,
		.alerts_held = engine->chain.held,
		.findings = engine->book.opened,
		.untracked = a->untracked,
		.untracked_notes = engine->track.untracked,
		.findings_refused = engine->refused + engine->unpinned,
		.findings_cut = engine->cut,
		.findings_suppressed = rules.findings,
		.tellings_suppressed = rules.sightings,
		.events_allowed = rules.events,
	};
	memcpy(out->events, engine->events, sizeof(out->events));
	memcpy(out->outcomes, engine->outcomes, sizeof(out->outcomes));
}

struct suppress *
engine_rules(const struct engine *engine)
{
	return engine->rules;
}

size_t
engine_findings(const struct engine *engine, const struct finding **out, size_t max)
{
	return book_list(&engine->book, out, max);
}

size_t
engine_incidents(const struct engine *engine, const struct incident **out, size_t max)
{
	return chain_list(&engine->chain, out, max);
}

size_t
engine_incident_findings(const struct engine *engine, const struct incident *incident,
	const struct finding **out, size_t max)
{
	return chain_findings(&engine->chain, incident, out, max);
}
