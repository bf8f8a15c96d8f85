/* How a finding takes in its evidence: when it opens, and with each attempt. */
#include <string.h>

#include "control/engine/internal.h"

/* A subject by its name, asked for only when the name is new to the tops. */
struct named {
	const struct aggr *aggr;
	const struct aggr_subject *subject;
};

static void
name_subject(const void *arg, char out[SUBJECT_NAME_MAX + 1])
{
	const struct named *named = arg;

	aggr_subject_name(named->aggr, named->subject, out);
}

static void
offer(struct engine *engine, struct book_entry *entry, enum book_top top,
	const struct aggr_subject *subject, const struct book_offer *what)
{
	const struct aggr_class *class = &engine->aggr.class[subject->type];
	struct named named = {&engine->aggr, subject};
	struct book_offer offered = *what;

	offered.key = table_hash(&class->table, (uint32_t)(subject - class->subjects));
	offered.name = name_subject;
	offered.arg = &named;
	book_offer(entry, top, &offered);
}

static void
offer_pair(struct engine *engine, struct book_entry *entry, const struct aggr_pair *pair)
{
	const struct book_offer what = {.count = pair->attempts, .succeeded = pair->successes > 0};
	const struct aggr_subject *other;

	switch (entry->finding.subject_type) {
	case SUBJECT_ACCOUNT:
		other = aggr_pair_source(&engine->aggr, pair);
		if (other != NULL)
			offer(engine, entry, BOOK_SOURCES, other, &what);
		break;
	case SUBJECT_SOURCE:
	case SUBJECT_PREFIX:
		other = aggr_pair_account(&engine->aggr, pair);
		if (other != NULL)
			offer(engine, entry, BOOK_ACCOUNTS, other, &what);
		break;
	case SUBJECT_SERVER:
	case SUBJECT_TYPE_COUNT:
		break;
	}
}

/* The subject's own line: it did, or suffered, all of it. */
static void
offer_self(struct engine *engine, struct book_entry *entry)
{
	const struct finding *i = &entry->finding;
	const struct aggr_subject *self =
		&engine->aggr.class[i->subject_type].subjects[entry->subject];
	const struct book_offer what = {.count = i->attempts, .succeeded = i->successes > 0};

	switch (i->subject_type) {
	case SUBJECT_SOURCE:
		offer(engine, entry, BOOK_SOURCES, self, &what);
		break;
	case SUBJECT_ACCOUNT:
		offer(engine, entry, BOOK_ACCOUNTS, self, &what);
		break;
	case SUBJECT_SERVER:
		offer(engine, entry, BOOK_TARGETS, self, &what);
		break;
	case SUBJECT_PREFIX:
	case SUBJECT_TYPE_COUNT:
		break;
	}
}

static void
offer_targets(struct engine *engine, struct book_entry *entry, const struct aggr_subject *subject)
{
	const struct aggr_class *servers = &engine->aggr.class[SUBJECT_SERVER];

	/* A server's own line is its target. */
	for (unsigned i = 0; subject->type != SUBJECT_SERVER && i < AGGR_TARGETS; i++) {
		const struct aggr_target *target = &subject->targets[i];
		const struct book_offer what = {
			.count = target->count, .succeeded = target->succeeded};

		if (target->server != TABLE_NONE)
			offer(engine, entry, BOOK_TARGETS, &servers->subjects[target->server],
				&what);
	}
}

static void
seed_tops(struct engine *engine, struct book_entry *entry, const struct aggr_subject *subject)
{
	for (unsigned i = 0; i < subject->top_len; i++)
		offer_pair(engine, entry, &engine->aggr.pairs[subject->top[i]]);
	offer_targets(engine, entry, subject);
}

static void
seed_pair(struct finding *i, const struct aggr_pair *pair, const struct aggr_view *view)
{
	uint64_t age_ns = pair->attempts > 0 ? view->event->head.time_ns - pair->first_ns : 0;

	i->attempts = pair->attempts;
	i->failures = pair->failures;
	i->successes = pair->attempts > pair->successes ? pair->successes : pair->attempts;
	i->first_seen_ns = pair->first_ns;
	i->first_clock_ns = view->clock_ns > age_ns ? view->clock_ns - age_ns : 0;
}

static void
seed_episode(struct finding *i, const struct aggr_episode *episode)
{
	i->attempts = episode->attempts;
	i->failures = episode->failures;
	i->successes = episode->successes;
	i->first_seen_ns = episode->first_ns;
	i->first_clock_ns = episode->first_clock_ns;
}

static void
raise_to(uint64_t *value, uint64_t least)
{
	if (*value < least)
		*value = least;
}

/* Captures may be given out of their order in time: the first and the last need not be so. */
static void
saw_at(struct finding *i, uint64_t time_ns)
{
	if (time_ns < i->first_seen_ns)
		i->first_seen_ns = time_ns;
	raise_to(&i->last_seen_ns, time_ns);
}

static void
set_success(struct engine *engine, struct finding *i, const struct aggr_pair *pair,
	uint64_t time_ns, uint64_t attempt)
{
	const struct aggr_subject *account = aggr_pair_account(&engine->aggr, pair);

	if (i->success_time_ns != 0)
		return;
	i->success_time_ns = time_ns;
	i->success_attempt = attempt;
	if (account != NULL)
		aggr_subject_name(&engine->aggr, account, i->success_account);
}

/* Which guess worked: this event's, or one before. */
static void
seed_success(struct engine *engine, struct finding *i, const struct finding_subject *subject,
	const struct aggr_view *view)
{
	const struct aggr_episode *episode = &subject->subject->episode;

	if (subject->earlier != NULL) {
		const struct aggr_episode *theirs = &view->subject[SUBJECT_SOURCE]->episode;

		set_success(
			engine, i, subject->earlier, theirs->success_ns, theirs->success_attempt);
		/* What came after it was about other accounts. */
		i->last_seen_ns = theirs->success_ns;
	} else if (i->detector == DETECTOR_COMPROMISE) {
		set_success(engine, i, view->pair, view->event->head.time_ns, view->pair->attempts);
	} else if (i->successes > 0 && episode->success_pair != TABLE_NONE) {
		set_success(engine, i, &engine->aggr.pairs[episode->success_pair],
			episode->success_ns, episode->success_attempt);
	}
	if (i->success_time_ns != 0)
		saw_at(i, i->success_time_ns);
}

static uint64_t
source_count(const struct finding *i, const struct aggr_view *view)
{
	const struct aggr_subject *source = view->subject[SUBJECT_SOURCE];

	return i->subject_type == SUBJECT_PREFIX ? source->total.attempts
						 : source->episode.attempts;
}

/* Names of a finding whose subject remembers no pairs of both kinds. */
static void
grow_tops(struct engine *engine, struct book_entry *entry, const struct aggr_view *view)
{
	const struct aggr_subject *account = view->subject[SUBJECT_ACCOUNT];
	enum subject_type type = entry->finding.subject_type;
	struct book_offer what = {.succeeded = view->success};

	offer_pair(engine, entry, type == SUBJECT_PREFIX ? view->prefix_pair : view->pair);
	if (type == SUBJECT_PREFIX || type == SUBJECT_SERVER) {
		what.count = source_count(&entry->finding, view);
		offer(engine, entry, BOOK_SOURCES, view->subject[SUBJECT_SOURCE], &what);
	}
	if (type == SUBJECT_SERVER && account != NULL) {
		what.count = account->episode.attempts;
		offer(engine, entry, BOOK_ACCOUNTS, account, &what);
	}
}

void
finding_seed(struct engine *engine, struct book_entry *entry, const struct finding_subject *subject,
	const struct aggr_view *view)
{
	struct finding *i = &entry->finding;
	const struct aggr_episode *episode = &subject->subject->episode;
	const struct aggr_pair *pair = subject->earlier ? subject->earlier : view->pair;
	bool current = episode->attempts > 0 && episode->last_clock_ns == view->clock_ns;

	i->subject_type = subject->type;
	entry->subject = subject->index;
	aggr_subject_name(&engine->aggr, subject->subject, i->subject);
	i->last_clock_ns = view->clock_ns;
	i->last_flow = view->event->head.flow;
	/* The pair alone: a credential, or a login outside any run of guesses at the account. */
	if (i->detector == DETECTOR_STALE_CREDENTIAL || !current) {
		seed_pair(i, pair, view);
		offer_pair(engine, entry, pair);
	} else {
		seed_episode(i, episode);
		seed_tops(engine, entry, subject->subject);
		book_add_sample(i, &subject->subject->first_flow);
	}
	i->last_seen_ns = i->first_seen_ns;
	saw_at(i, view->event->head.time_ns);
	if (subject->type == SUBJECT_SERVER)
		grow_tops(engine, entry, view);
	seed_success(engine, i, subject, view);
	book_add_sample(i, &view->event->head.flow);
	book_add_signatures(i, view->event->auth.signatures);
	finding_refresh(engine, entry);
}

void
finding_merge_stale(struct book_entry *entry, const struct aggr_view *view)
{
	/* This event itself is counted when the finding grows. */
	entry->finding.attempts += view->pair->attempts - 1;
	entry->finding.failures += view->pair->failures;
	entry->finding.failures -= view->event->auth.outcome == OUTCOME_FAILURE;
}

bool
finding_concerns(const struct finding *finding, const struct aggr_view *view)
{
	bool stale = view->pair->flags & PAIR_STALE;

	if (finding->subject_type == SUBJECT_PREFIX && view->prefix_pair == NULL)
		return false;
	if (finding->detector == DETECTOR_STALE_CREDENTIAL)
		return stale && !view->success;
	return !stale && !view->known_good;
}

void
finding_grow(struct engine *engine, struct book_entry *entry, const struct aggr_view *view)
{
	struct finding *i = &entry->finding;

	i->attempts++;
	i->failures += view->event->auth.outcome == OUTCOME_FAILURE;
	i->successes += view->success;
	saw_at(i, view->event->head.time_ns);
	i->last_clock_ns = view->clock_ns;
	if (view->success)
		set_success(engine, i, view->pair, view->event->head.time_ns, view->pair->attempts);
	grow_tops(engine, entry, view);
	book_add_sample(i, &view->event->head.flow);
	book_add_signatures(i, view->event->auth.signatures);
}

static void
refresh_distinct(struct engine *engine, struct book_entry *entry, const struct aggr_subject *s)
{
	struct finding *i = &entry->finding;

	switch (i->subject_type) {
	case SUBJECT_SOURCE:
	case SUBJECT_PREFIX:
		raise_to(&i->accounts, s->episode.peers);
		raise_to(&i->targets, aggr_targets(&engine->aggr, s));
		raise_to(&i->sources, i->subject_type == SUBJECT_SOURCE ? 1 : s->episode.sources);
		break;
	case SUBJECT_ACCOUNT:
		raise_to(&i->accounts, 1);
		raise_to(&i->targets, aggr_targets(&engine->aggr, s));
		raise_to(&i->sources, s->episode.peers);
		break;
	case SUBJECT_SERVER:
		raise_to(&i->accounts, aggr_many(s));
		raise_to(&i->targets, 1);
		raise_to(&i->sources, hll_estimate(&engine->aggr.server_sources[entry->subject]));
		break;
	case SUBJECT_TYPE_COUNT:
		break;
	}
	raise_to(&i->passwords, aggr_passwords(&engine->aggr, s));
	i->passwords_capped |= s->passwords.capped;
}

void
finding_refresh(struct engine *engine, struct book_entry *entry)
{
	struct finding *i = &entry->finding;
	const struct aggr_subject *s =
		&engine->aggr.class[i->subject_type].subjects[entry->subject];

	i->sensor_loss = engine->loss;
	offer_self(engine, entry);
	if (i->detector == DETECTOR_STALE_CREDENTIAL) {
		i->sources = i->targets = 1;
		raise_to(&i->accounts, entry->top_len[BOOK_ACCOUNTS]);
		raise_to(&i->passwords, i->accounts);
	} else {
		offer_targets(engine, entry, s);
		refresh_distinct(engine, entry, s);
	}
	if (entry->top_len[BOOK_TARGETS] > i->targets)
		i->targets = entry->top_len[BOOK_TARGETS];
	if (entry->top_len[BOOK_SOURCES] > i->sources)
		i->sources = entry->top_len[BOOK_SOURCES];
	if (entry->top_len[BOOK_ACCOUNTS] > i->accounts)
		i->accounts = entry->top_len[BOOK_ACCOUNTS];
	book_sort(entry);
}
