/* Stages, times and names of an incident, from its findings. They only grow. */
#include "control/chain/gather.h"

#include <string.h>

#include "control/chain/chain.h"
#include "control/detect/info.h"

static void
span(uint64_t *first, uint64_t *last, uint64_t from, uint64_t to)
{
	if (*first == 0 || from < *first)
		*first = from;
	if (to > *last)
		*last = to;
}

/* Which of two names says more: who got in, then who came further, then who did more. */
static bool
says_more(const struct incident_name *a, const struct incident_name *b)
{
	if (a->succeeded != b->succeeded)
		return a->succeeded;
	if (a->stages != b->stages)
		return a->stages > b->stages;
	if (a->count != b->count)
		return a->count > b->count;
	return strcmp(a->name, b->name) < 0;
}

static void
name_add(struct incident_name list[INCIDENT_NAMES], const struct incident_name *one)
{
	struct incident_name merged = *one;
	unsigned at = 0;

	if (one->name[0] == '\0')
		return;
	while (at < INCIDENT_NAMES && list[at].name[0] != '\0' &&
		strcmp(list[at].name, one->name) != 0)
		at++;
	if (at == INCIDENT_NAMES && !says_more(one, &list[--at]))
		return;
	if (strcmp(list[at].name, one->name) == 0) {
		merged.stages |= list[at].stages;
		merged.succeeded |= list[at].succeeded;
		if (list[at].count > merged.count)
			merged.count = list[at].count;
	}
	while (at > 0 && says_more(&merged, &list[at - 1])) {
		list[at] = list[at - 1];
		at--;
	}
	list[at] = merged;
}

static void
names_add(struct incident_name list[INCIDENT_NAMES], const struct finding_top top[FINDING_TOP],
	enum stage stage, const char *but)
{
	for (unsigned n = 0; n < FINDING_TOP && top[n].name[0] != '\0'; n++) {
		struct incident_name one = {.count = top[n].count,
			.stages = 1u << stage,
			.succeeded = top[n].succeeded};

		if (but != NULL && strcmp(top[n].name, but) == 0)
			continue;
		memcpy(one.name, top[n].name, sizeof(one.name));
		name_add(list, &one);
	}
}

static void
gather_names(struct incident *i, const struct finding *f, const struct chain_trait *trait)
{
	struct incident_name network = {.count = f->attempts, .stages = 1u << trait->stage};

	/* Here the client is ours, and whom it speaks to has no part in it. */
	if (trait->inward) {
		names_add(i->servers, f->top_sources, trait->stage, NULL);
		return;
	}
	names_add(i->servers, f->top_targets, trait->stage, NULL);
	names_add(i->accounts, f->top_accounts, trait->stage, NULL);
	if (trait->echo)
		return;
	if (f->subject_type == SUBJECT_PREFIX) {
		memcpy(network.name, f->subject, sizeof(network.name));
		name_add(i->sources, &network);
	}
	names_add(i->sources, f->top_sources, trait->stage,
		f->subject_type == SUBJECT_SERVER ? f->subject : NULL);
}

void
gather_finding(struct incident *i, const struct finding *f, uint64_t *counted)
{
	const struct chain_trait *trait = chain_trait_of(f->detector);
	struct incident_stage *stage = &i->stages[trait->stage];
	unsigned severity = detector_info(f->detector)->severity;
	/* The guesses before it are another stage. */
	bool success = trait->stage == STAGE_SUCCESS && f->success_time_ns != 0;
	uint64_t began_ns = success ? f->success_time_ns : f->first_seen_ns;

	if (stage->first_seen_ns == 0 || began_ns < stage->first_seen_ns) {
		stage->subject_type = f->subject_type;
		memcpy(stage->subject, f->subject, sizeof(stage->subject));
	}
	span(&stage->first_seen_ns, &stage->last_seen_ns, began_ns, f->last_seen_ns);
	span(&i->first_seen_ns, &i->last_seen_ns, f->first_seen_ns, f->last_seen_ns);
	stage->detectors |= 1u << f->detector;
	stage->attempts += f->attempts - *counted;
	*counted = f->attempts;
	if (trait->stage > i->stage)
		i->stage = trait->stage;
	if (severity < i->severity)
		i->severity = severity;
	if (f->last_clock_ns > i->last_clock_ns)
		i->last_clock_ns = f->last_clock_ns;
	gather_names(i, f, trait);
}

static void
gather_stage(struct incident_stage *into, const struct incident_stage *from)
{
	struct incident_stage both = *into;

	if (from->findings == 0)
		return;
	if (into->findings == 0 || from->first_seen_ns < into->first_seen_ns)
		both = *from;
	both.findings = into->findings + from->findings;
	both.attempts = into->attempts + from->attempts;
	both.detectors = into->detectors | from->detectors;
	both.last_seen_ns =
		into->last_seen_ns > from->last_seen_ns ? into->last_seen_ns : from->last_seen_ns;
	*into = both;
}

static void
note_merged(struct incident *into, const struct incident *from)
{
	for (unsigned n = 0; n < from->merged_count && n < INCIDENT_MERGED; n++)
		if (into->merged_count + n < INCIDENT_MERGED)
			into->merged[into->merged_count + n] = from->merged[n];
	into->merged_count += from->merged_count;
	if (into->merged_count < INCIDENT_MERGED)
		into->merged[into->merged_count] = from->id;
	into->merged_count++;
}

void
gather_incident(struct incident *into, const struct incident *from)
{
	for (unsigned n = 0; n < STAGE_COUNT; n++)
		gather_stage(&into->stages[n], &from->stages[n]);
	if (from->stage > into->stage)
		into->stage = from->stage;
	if (from->severity < into->severity)
		into->severity = from->severity;
	span(&into->first_seen_ns, &into->last_seen_ns, from->first_seen_ns, from->last_seen_ns);
	if (from->last_clock_ns > into->last_clock_ns)
		into->last_clock_ns = from->last_clock_ns;
	into->findings += from->findings;
	into->open_findings += from->open_findings;
	into->reopened += from->reopened;
	note_merged(into, from);
	for (unsigned n = 0; n < INCIDENT_NAMES; n++) {
		name_add(into->sources, &from->sources[n]);
		name_add(into->accounts, &from->accounts[n]);
		name_add(into->servers, &from->servers[n]);
	}
}
