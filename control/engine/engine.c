/*
 * Theory of operation.
 *
 * One AUTH event goes through four steps: what is due by its clock closes; the
 * counters take it (aggr) and leave a view; the open findings of the subjects
 * that it touched grow; the detectors are asked, each about this view alone,
 * and what they say opens a finding. Every event, whatever its type, then
 * goes to the detectors of track (tracked.c). Work per event is bounded: four
 * subjects, two pairs, DETECTOR_AUTH_COUNT verdicts, TRACKED_NOTES for each
 * other detector, CLOSE_MAX closings.
 *
 * Same events, same findings: nothing here or below walks a hash table in an
 * order that its random key decides, or looks at the value of a fingerprint.
 * Verdicts come in the order of the events; closings in the order of their
 * deadlines.
 *
 * A finding and its subject refer to each other: subject.findings[detector]
 * is the entry in the book (book_ref), entry.subject the index of the subject,
 * which is pinned in its table for as long.
 */
#include "control/engine/engine.h"

#include <stdlib.h>

#include "contract/prefix.h"
#include "control/engine/internal.h"

#define CLOSE_MAX 32u /* per event; the rest with the next */

struct engine *
engine_open(const struct config *config, const struct engine_sink *sink)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL)
		return NULL;
	engine->config = config;
	engine->sink = *sink;
	tracked_order(&engine->tracked);
	if (aggr_open(&engine->aggr, config) != 0) {
		free(engine);
		return NULL;
	}
	if (track_open(&engine->track, config, &engine->aggr.key) == 0 &&
		book_open(&engine->book, config) == 0 && adopt_open(engine) == 0 &&
		tell_open(engine) == 0)
		return engine;
	engine_close(engine);
	return NULL;
}

void
engine_close(struct engine *engine)
{
	if (engine == NULL)
		return;
	suppress_close(engine->rules);
	chain_close(&engine->chain);
	lookup_close(&engine->unseen);
	book_close(&engine->book);
	track_close(&engine->track);
	aggr_close(&engine->aggr);
	free(engine);
}

void
engine_touch_memory(struct engine *engine)
{
	aggr_touch_memory(&engine->aggr);
	track_touch_memory(&engine->track);
}

void
engine_begin_after(struct engine *engine, uint64_t incident, uint64_t finding)
{
	struct chain *chain = &engine->chain;
	struct book *book = &engine->book;

	if (incident > chain->before + chain->opened)
		chain->before = incident - chain->opened;
	if (finding > book->before + book->opened)
		book->before = finding - book->opened;
}

void
engine_ids(const struct engine *engine, uint64_t *incident, uint64_t *finding)
{
	*incident = engine->chain.before + engine->chain.opened;
	*finding = engine->book.before + engine->book.opened;
}

void
engine_close_finding(struct engine *engine, struct book_entry *entry)
{
	struct finding *i = &entry->finding;
	struct aggr_subject *s;

	book_end(&engine->book, entry);
	engine_tell(engine, entry, FINDING_CLOSED, NULL);
	if (entry->subject == SUBJECT_UNSEEN) {
		adopt_end(engine, entry);
		return;
	}
	if (i->detector >= DETECTOR_TRACKED_FIRST) {
		track_release(&engine->track, entry->subject);
		return;
	}
	s = &engine->aggr.class[i->subject_type].subjects[entry->subject];
	s->findings[i->detector] = AGGR_NO_REF;
	aggr_release(&engine->aggr, i->subject_type, entry->subject);
}

/* Is the finding against a source or a prefix inside this one, for guessing? */
static bool
is_inside(const struct book_entry *entry, const struct finding *wide)
{
	const struct finding *i = &entry->finding;
	struct prefix range, subject;
	char why[128];

	if (i == wide || i->closed ||
		(i->subject_type != SUBJECT_SOURCE && i->subject_type != SUBJECT_PREFIX))
		return false;
	if (i->detector != DETECTOR_BRUTEFORCE && i->detector != DETECTOR_SPRAY &&
		i->detector != DETECTOR_STUFFING && i->detector != DETECTOR_SLOW &&
		i->detector != DETECTOR_DISTRIBUTED_PREFIX)
		return false;
	return prefix_parse(&range, wide->subject, why, sizeof(why)) == 0 &&
	       prefix_parse(&subject, i->subject, why, sizeof(why)) == 0 &&
	       prefix_covers(&range, &subject);
}

void
engine_absorb(struct engine *engine, const struct finding *wide)
{
	/* In the order of the book, which is the same in each run. */
	for (uint32_t n = 0; n < engine->book.used; n++)
		if (is_inside(&engine->book.entries[n], wide))
			engine_close_finding(engine, &engine->book.entries[n]);
}

static void
close_expired(struct engine *engine)
{
	for (unsigned n = 0; n < CLOSE_MAX; n++) {
		struct book_entry *entry = book_expired(&engine->book, engine->clock_ns);

		if (entry == NULL)
			return;
		engine_close_finding(engine, entry);
	}
}

static void
grow_findings(struct engine *engine, const uint32_t refs[AGGR_REFS], const struct aggr_view *view)
{
	for (unsigned d = 0; d < DETECTOR_AUTH_COUNT; d++) {
		struct book_entry *entry;

		if (refs[d] == AGGR_NO_REF || engine_bars(engine, d))
			continue;
		entry = book_at(&engine->book, refs[d]);
		if (!finding_concerns(&entry->finding, view))
			continue;
		finding_grow(engine, entry, view);
		if (book_due(&engine->book, entry, engine->clock_ns))
			engine_tell(engine, entry, FINDING_UPDATE, view->event);
	}
}

/* Each open finding of what the event touched, if it concerns it, grows by one attempt. */
static void
grow_open(struct engine *engine, const struct aggr_view *view)
{
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++)
		if (aggr_has_finding(view->subject[type]))
			grow_findings(engine, view->subject[type]->findings, view);
}

static struct finding_subject
resolve(struct engine *engine, const struct aggr_view *view, enum detect_role role)
{
	struct finding_subject out = {.type = SUBJECT_ACCOUNT};

	if (role == ROLE_EARLIER_ACCOUNT) {
		out.earlier =
			&engine->aggr.pairs[view->subject[SUBJECT_SOURCE]->episode.success_pair];
		out.index = out.earlier->account;
		out.subject = &engine->aggr.class[SUBJECT_ACCOUNT].subjects[out.index];
		return out;
	}
	out.type = (enum subject_type)role;
	out.index = view->index[role];
	out.subject = view->subject[role];
	return out;
}

/* As adopt_take. */
static struct book_entry *
adopt_subject(struct engine *engine, unsigned detector, const struct finding_subject *subject,
	struct finding *was)
{
	char name[SUBJECT_NAME_MAX + 1];

	if (engine->adopted == 0)
		return NULL;
	aggr_subject_name(&engine->aggr, subject->subject, name);
	return adopt_take(engine, detector, subject->type, name, was);
}

/* Returns whether there was room for it. */
static bool
open_finding(struct engine *engine, struct aggr_view *view, enum detector detector,
	const struct detect_verdict *verdict)
{
	struct finding_subject subject = resolve(engine, view, verdict->role);
	const struct event_auth *auth = &view->event->auth;
	struct book_entry *entry;
	struct finding was;

	if (!aggr_can_pin(&engine->aggr, subject.type)) {
		engine->unpinned++;
		return false;
	}
	entry = adopt_subject(engine, detector, &subject, &was);
	bool adopted = entry != NULL;
	if (!adopted)
		entry = engine_book_add(engine, detector);
	if (entry == NULL)
		return false;
	entry->finding.detector = detector;
	entry->finding.confidence = verdict->confidence;
	if ((auth->flags & AUTH_INFERRED) && auth->confidence < verdict->confidence)
		entry->finding.confidence = auth->confidence;
	finding_seed(engine, entry, &subject, view);
	subject.subject->findings[detector] = book_ref(&engine->book, entry);
	if (verdict->role == ROLE_EARLIER_ACCOUNT)
		table_touch(
			&engine->aggr.class[SUBJECT_ACCOUNT].table, subject.index, TABLE_PINNED);
	if (detector == DETECTOR_STALE_CREDENTIAL)
		aggr_mark_stale(&engine->aggr, view);
	if (detector == DETECTOR_COMPROMISE)
		aggr_spend_guesses(view);
	if (adopted)
		adopt_go_on(entry, &was);
	else
		book_watch(&engine->book, entry);
	engine_tell(engine, entry, adopted ? FINDING_UPDATE : FINDING_OPEN, view->event);
	return true;
}

/* The source has a stale credential on display; here is another. */
static SELDOM void
merge_stale(struct engine *engine, struct aggr_view *view, uint32_t ref)
{
	struct book_entry *entry = book_at(&engine->book, ref);

	finding_merge_stale(entry, view);
	aggr_mark_stale(&engine->aggr, view);
	finding_grow(engine, entry, view);
}

static ONE_COPY void
take_verdict(struct engine *engine, struct detect_view *asked, struct aggr_view *view,
	enum detector detector, const struct detect_verdict *verdict)
{
	uint32_t ref = resolve(engine, view, verdict->role).subject->findings[detector];

	if (ref == AGGR_NO_REF && open_finding(engine, view, detector, verdict))
		detect_actors(asked);
	else if (ref != AGGR_NO_REF && detector == DETECTOR_STALE_CREDENTIAL)
		merge_stale(engine, view, ref);
}

static void
ask_detectors(struct engine *engine, struct aggr_view *view)
{
	struct detect_view asked;
	struct detect_verdict verdict;

	asked.aggr = &engine->aggr;
	asked.at = view;
	asked.config = engine->config;
	detect_actors(&asked);
	/* Each by its name: the processor need not guess whom a table of them leads to. */
#define X(id, name)                                                                 \
	if (!engine_bars(engine, DETECTOR_##id) && detect_##name(&asked, &verdict)) \
		take_verdict(engine, &asked, view, DETECTOR_##id, &verdict);
	DETECTORS(X)
#undef X
}

/* Is the event allowed, for every detector? Then it is as if it had not been. */
static bool
allowed(struct engine *engine, const struct event *event)
{
	if (!engine->allows)
		return false;
	engine->barred = suppress_allowed(engine->rules, event);
	if (engine->barred & 1ull << DETECTOR_DISTRIBUTED)
		engine->barred |= 1ull << DETECTOR_DISTRIBUTED_PREFIX;
	return (~engine->barred & ((1ull << DETECTOR_COUNT) - 1)) == 0;
}

/* Is the source in a /56 or /48 under a finding, and does that tell of it? */
static void
look_wide(struct engine *engine, struct aggr_view *view)
{
	uint32_t refs[2];
	unsigned n = tracked_wide_findings(&engine->track, &view->event->head.flow.client, refs);

	view->wide = n > 0;
	view->wide_told = false;
	for (unsigned i = 0; i < n; i++)
		view->wide_told |= book_at(&engine->book, refs[i])->finding.suppressed_by == 0;
}

void
engine_event(struct engine *engine, const struct event *event)
{
	const struct ahead_event *ahead = ahead_take(engine, event);
	struct aggr_view view;

	if (engine->ahead.next < engine->ahead.len)
		soon_ask(engine, &engine->ahead.of[engine->ahead.next]);
	engine->track.known = &ahead->known;
	engine->events[event->head.type]++;
	engine->event = event;
	if (event->head.clock_ns > engine->clock_ns)
		engine->clock_ns = event->head.clock_ns;
	close_expired(engine);
	if (event->head.type == EVENT_AUTH)
		engine->outcomes[event->auth.outcome]++;
	if (allowed(engine, event))
		return;
	if (event->head.type != EVENT_AUTH) {
		tracked_event(engine, event, NULL);
		return;
	}
	if (!aggr_auth(&engine->aggr, event, &ahead->keys, &view)) {
		tracked_event(engine, event, NULL);
		return;
	}
	look_wide(engine, &view);
	grow_open(engine, &view);
	ask_detectors(engine, &view);
	tracked_event(engine, event, &view);
	aggr_settle(&engine->aggr, &view);
}

void
engine_clock(struct engine *engine, uint64_t clock_ns)
{
	if (clock_ns <= engine->clock_ns)
		return;
	engine->clock_ns = clock_ns;
	engine->event = NULL;
	while (book_expired(&engine->book, engine->clock_ns) != NULL)
		close_expired(engine);
}

void
engine_set_loss(struct engine *engine, uint64_t loss)
{
	engine->loss = loss;
}

void
engine_finish(struct engine *engine)
{
	struct book *book = &engine->book;
	struct book_entry *entry;

	engine->event = NULL;
	while (book_expired(book, engine->clock_ns) != NULL)
		close_expired(engine);
	/* Opened first, closed first. */
	while ((entry = book_first_open(book)) != NULL)
		engine_close_finding(engine, entry);
}
