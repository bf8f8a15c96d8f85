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

size_t
engine_top(const struct engine *engine, enum subject_type type, struct engine_row *out, size_t max)
{
	const struct aggr_class *class = &engine->aggr.class[type];
	struct engine_row row;
	size_t n = 0;

	for (uint32_t index = 0; max > 0 && index < class->table.fresh; index++) {
		const struct aggr_subject *s = &class->subjects[index];
		size_t at = n;

		if (s->total.attempts == 0 || (n == max && hopeless(s, &out[max - 1])))
			continue;
		row_fill(engine, s, &row);
		while (at > 0 && goes_before(&row, &out[at - 1]))
			at--;
		if (at == max)
			continue;
		if (n < max)
			n++;
		memmove(&out[at + 1], &out[at], (n - 1 - at) * sizeof(*out));
		out[at] = row;
	}
	return n;
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
