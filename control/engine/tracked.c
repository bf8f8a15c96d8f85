/*
 * The detectors of track in the engine: what an event adds to their counters,
 * and the findings that come of it. A finding of theirs refers to a tracker
 * (book_entry.subject is its index, tracker.finding the entry), never to a
 * subject of aggr.
 */
#include <string.h>

#include "control/engine/internal.h"

static const struct tracked_detector *
detector_of(unsigned detector)
{
	return tracked_detectors[detector - DETECTOR_TRACKED_FIRST];
}

struct named {
	const char *text;
	size_t len;
	const struct addr *addr;
};

static void
name_it(const void *arg, char out[SUBJECT_NAME_MAX + 1])
{
	const struct named *n = arg;

	if (n->addr != NULL) {
		aggr_addr_name(n->addr, out);
		return;
	}
	memcpy(out, n->text, n->len);
	out[n->len] = '\0';
}

/* One more for a name among the tops; its count is from when it got there. */
static void
offer_one(struct engine *engine, struct book_entry *entry, enum book_top top,
	const struct named *named)
{
	struct finding *i = &entry->finding;
	struct finding_top *all[BOOK_TOPS] = {i->top_accounts, i->top_sources, i->top_targets};
	struct book_offer offer = {.count = 1, .name = name_it, .arg = named};

	if (named->addr != NULL)
		offer.key = track_hash_addr(&engine->track, named->addr);
	else
		offer.key = track_hash_name(&engine->track, named->text, named->len);
	for (unsigned n = 0; n < entry->top_len[top]; n++)
		if (entry->top_key[top][n] == offer.key)
			offer.count = all[top][n].count + 1;
	book_offer(entry, top, &offer);
}

static void
add_evidence(struct engine *engine, struct book_entry *entry, const struct track_note *note,
	const struct event *event)
{
	const struct event_flow *flow = note->flow ? note->flow : &event->head.flow;
	struct named source = {.addr = &flow->client};
	struct named target = {.addr = &flow->server};
	struct named account = {0};

	offer_one(engine, entry, BOOK_SOURCES, &source);
	offer_one(engine, entry, BOOK_TARGETS, &target);
	account.len = event_account(event, &account.text);
	if (entry->finding.subject_type == SUBJECT_ACCOUNT) {
		account.text = entry->finding.subject;
		account.len = strlen(account.text);
	}
	if (account.len > 0)
		offer_one(engine, entry, BOOK_ACCOUNTS, &account);
	book_add_sample(&entry->finding, flow);
	entry->finding.last_flow = *flow;
	if (event->head.type == EVENT_SESSION)
		book_add_signatures(&entry->finding, event->session.signatures);
	if (event->head.type == EVENT_AUTH)
		book_add_signatures(&entry->finding, event->auth.signatures);
	if (event->head.type == EVENT_SIGNATURE) {
		const uint32_t one[4] = {event->signature.pattern_id};

		book_add_signatures(&entry->finding, one);
	}
}

/* Returns whether it named one more list. */
static bool
add_blocklist(struct finding *i, const struct event *event)
{
	if (i->detector != DETECTOR_BLOCKLISTED)
		return false;
	return blocklist_add(
		&i->blocklist, event->signature.pattern_id, event->text, event->signature.line_len);
}

static void
raise_to(uint64_t *value, uint64_t least)
{
	if (*value < least)
		*value = least;
}

/* The subject's own line: it did, or suffered, all of it. */
static void
count_self(struct book_entry *entry)
{
	struct finding *i = &entry->finding;
	struct finding_top *const of_type[SUBJECT_TYPE_COUNT] = {[SUBJECT_SOURCE] = i->top_sources,
		[SUBJECT_ACCOUNT] = i->top_accounts,
		[SUBJECT_SERVER] = i->top_targets};
	struct finding_top *top = of_type[i->subject_type];

	for (unsigned n = 0; top != NULL && n < FINDING_TOP; n++)
		if (strcmp(top[n].name, i->subject) == 0)
			top[n].count = i->attempts;
	memset(entry->top_least, 0, sizeof(entry->top_least));
}

void
tracked_refresh(struct engine *engine, struct book_entry *entry)
{
	struct finding *i = &entry->finding;
	const struct track_subject *s = &engine->track.subjects[entry->subject];
	const struct tracked_detector *d = detector_of(i->detector);

	i->sensor_loss = engine->loss;
	i->kind = (uint8_t)(d->kind ? d->kind(s) : s->kind);
	raise_to(&i->sources, entry->top_len[BOOK_SOURCES]);
	raise_to(&i->targets, entry->top_len[BOOK_TARGETS]);
	raise_to(&i->accounts, entry->top_len[BOOK_ACCOUNTS]);
	for (unsigned kind = 0; kind < TRACK_THINGS; kind++) {
		switch (d->things[kind]) {
		case THING_TARGET:
			raise_to(&i->targets, s->run.things[kind]);
			break;
		case THING_ACCOUNT:
			raise_to(&i->accounts, s->run.things[kind]);
			break;
		case THING_SOURCE:
			/* A source is one, whatever else it counts. */
			if (s->type == SUBJECT_SOURCE)
				break;
			raise_to(&i->sources, s->run.things[kind]);
			break;
		case THING_NONE:
		case THING_WORD:
			break;
		}
	}
	count_self(entry);
	book_sort(entry);
}

/* Captures may be given out of their order in time. */
static void
saw_at(struct finding *i, uint64_t time_ns)
{
	if (time_ns < i->first_seen_ns)
		i->first_seen_ns = time_ns;
	raise_to(&i->last_seen_ns, time_ns);
}

static SELDOM void
grow(struct engine *engine, struct track_subject *s, const struct track_note *note,
	const struct event *event)
{
	struct book_entry *entry = book_at(&engine->book, s->finding);
	struct finding *i = &entry->finding;

	bool named;

	if (!note->bad && !note->soft && !note->more)
		return;
	if (!note->more)
		i->attempts += note->times ? note->times : 1;
	saw_at(i, event->head.time_ns);
	i->last_clock_ns = engine->clock_ns;
	named = add_blocklist(i, event);
	if (!note->more)
		add_evidence(engine, entry, note, event);
	/* Another list is worth an alert of its own: the first pattern of a refusal says least. */
	if (named || book_due(&engine->book, entry, engine->clock_ns))
		engine_tell(engine, entry, FINDING_UPDATE, event);
}

/* What was learned of the site may be wrong: less sure than what was configured. */
static void
set_confidence(const struct engine *engine, struct finding *i)
{
	const struct tracked_detector *d = detector_of(i->detector);

	i->confidence = d->confidence;
	if (d->knows == 0)
		return;
	i->local = track_role_says(&engine->track, d->knows) ? LOCAL_CONFIGURED : LOCAL_LEARNED;
	if (i->local == LOCAL_LEARNED)
		i->confidence -= d->doubt;
}

static SELDOM void
open_tracked(struct engine *engine, struct track_subject *s, const struct track_note *note,
	const struct event *event)
{
	struct book_entry *entry;
	struct finding *i, was;
	char name[SUBJECT_NAME_MAX + 1];

	if (!track_can_pin(&engine->track, s)) {
		engine->unpinned++;
		return;
	}
	track_name(&engine->track, s, name);
	entry = adopt_take(engine, s->detector, (enum subject_type)s->type, name, &was);
	bool adopted = entry != NULL;
	if (!adopted)
		entry = engine_book_add(engine, s->detector);
	if (entry == NULL)
		return;
	i = &entry->finding;
	i->detector = s->detector;
	i->subject_type = (enum subject_type)s->type;
	set_confidence(engine, i);
	entry->subject = track_index(&engine->track, s);
	memcpy(i->subject, name, sizeof(name));
	i->attempts = s->run.bad;
	i->first_seen_ns = s->run.first_ns;
	i->first_clock_ns = s->run.first_clock_ns;
	i->last_seen_ns = i->first_seen_ns;
	saw_at(i, event->head.time_ns);
	i->last_clock_ns = engine->clock_ns;
	book_add_sample(i, &s->run.first_flow);
	add_blocklist(i, event);
	add_evidence(engine, entry, note, event);
	s->finding = book_ref(&engine->book, entry);
	s->fired_clock_s = (uint32_t)(engine->clock_ns / NS_PER_S);
	if (adopted)
		adopt_go_on(entry, &was);
	else
		book_watch(&engine->book, entry);
	engine_tell(engine, entry, adopted ? FINDING_UPDATE : FINDING_OPEN, event);
	/* What a rule hides does not end what it says nothing of. */
	if (i->detector == DETECTOR_DISTRIBUTED_PREFIX && i->suppressed_by == 0)
		engine_absorb(engine, i);
}

/* Is its last finding long enough ago? */
static bool
may_again(const struct engine *engine, const struct track_subject *s,
	const struct tracked_detector *d)
{
	return s->fired_clock_s == 0 ||
	       engine->clock_ns - s->fired_clock_s * NS_PER_S >= d->again_ns;
}

static ONE_COPY void
take_note(struct engine *engine, unsigned detector, const struct track_note *note,
	const struct event *event)
{
	const struct tracked_detector *d = detector_of(detector);
	struct track_subject *s = track_add(&engine->track, detector, note, event);
	unsigned evidence;

	if (s == NULL)
		return;
	evidence = d->weigh(s, engine->config);
	if (s->finding != 0 && (!d->fades || evidence >= 50))
		grow(engine, s, note, event);
	else if (s->finding != 0)
		; /* what happens now is usual again */
	else if (evidence >= 100 && (note->bad || note->soft) && may_again(engine, s, d))
		open_tracked(engine, s, note, event);
	track_settle(&engine->track, s, evidence);
}

static bool
reads(const struct tracked_detector *d, unsigned type, unsigned sort)
{
	if (!(d->event_types & 1u << type))
		return false;
	if (type != EVENT_AUTH)
		return sort == 0;
	return (!d->logins_only || (sort & TRACKED_LOGIN)) && (!d->v6_only || (sort & TRACKED_V6));
}

static unsigned
sort_of(const struct event *event)
{
	if (event->head.type != EVENT_AUTH)
		return 0;
	return (event->auth.outcome == OUTCOME_SUCCESS ? TRACKED_LOGIN : 0) |
	       (addr_is_v4(&event->head.flow.client) ? 0 : TRACKED_V6);
}

void
tracked_order(struct tracked_order *order)
{
	memset(order, 0, sizeof(*order));
	for (unsigned d = DETECTOR_TRACKED_FIRST; d < DETECTOR_COUNT; d++)
		for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
			for (unsigned sort = 0; sort < TRACKED_SORTS; sort++)
				if (reads(detector_of(d), type, sort))
					order->of[type][sort][order->len[type][sort]++] =
						(uint8_t)d;
}

void
tracked_event(struct engine *engine, const struct event *event, const struct aggr_view *view)
{
	const struct tracked_input in = {event, view, &engine->track, engine->config};
	unsigned sort = sort_of(event);
	const uint8_t *order = engine->tracked.of[event->head.type][sort];
	unsigned len = engine->tracked.len[event->head.type][sort];

	for (unsigned at = 0; at < len; at++) {
		struct track_note notes[TRACKED_NOTES];
		unsigned d = order[at];
		unsigned n;

		if (engine_bars(engine, d))
			continue;
		n = detector_of(d)->read(&in, notes);
		for (unsigned i = 0; i < n; i++)
			take_note(engine, d, &notes[i], event);
	}
	track_role_learn(&engine->track, event);
}
