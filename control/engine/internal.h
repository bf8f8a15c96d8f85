/* What the files of engine share. */
#ifndef SMTAP_CONTROL_ENGINE_INTERNAL_H
#define SMTAP_CONTROL_ENGINE_INTERNAL_H

#include "base/seldom.h"
#include "control/aggr/aggr.h"
#include "control/chain/chain.h"
#include "control/detect/detect.h"
#include "control/detect/tracked.h"
#include "control/engine/engine.h"
#include "control/incident/book.h"
#include "control/track/track.h"

#define AHEAD_PLACES 4 /* trackers that are asked for ahead */

/* An event that comes soon, and what it is found by. */
struct ahead_event {
	const struct event *event; /* borrowed from whoever announced it */
	struct aggr_keys keys;
	struct track_known known;
	struct track_place place[AHEAD_PLACES]; /* that with the most behind it first */
	unsigned places;
};

struct ahead {
	struct ahead_event of[ENGINE_AHEAD];
	unsigned len;
	unsigned next;
};

/* What tracked_detector.logins_only and v6_only tell apart, as bits; 0 for all but AUTH. */
#define TRACKED_LOGIN 1u
#define TRACKED_V6 2u
#define TRACKED_SORTS 4u

/* The detectors of track by what they read, in their own order. */
struct tracked_order {
	uint8_t of[EVENT_TYPE_COUNT][TRACKED_SORTS][DETECTOR_COUNT - DETECTOR_TRACKED_FIRST];
	uint8_t len[EVENT_TYPE_COUNT][TRACKED_SORTS];
};

struct engine {
	const struct config *config; /* borrowed */
	struct engine_sink sink;
	struct aggr aggr;
	struct track track;
	struct book book;
	struct chain chain;
	struct ahead ahead;
	struct tracked_order tracked;
	struct suppress *rules;
	bool allows;               /* there is a rule that allows */
	uint64_t barred;           /* bits 1 << enum detector: not to see the event in hand */
	const struct event *event; /* in hand; NULL at the end */
	uint64_t clock_ns;
	uint64_t loss;
	uint32_t adopted;     /* open findings of earlier runs whose subject was not found again */
	struct lookup unseen; /* these, by their subject */
	uint64_t refused;     /* findings not opened: the book is full of open ones */
	uint64_t cut;         /* findings closed early, for more severe ones */
	uint64_t unpinned;    /* findings not opened: too many subjects are under one already */
	uint64_t events[EVENT_TYPE_COUNT];
	uint64_t outcomes[OUTCOME_COUNT];
};

static inline bool
engine_bars(const struct engine *engine, unsigned detector)
{
	return engine->barred >> detector & 1;
}

/* The subject of a finding, as the event showed it. */
struct finding_subject {
	enum subject_type type;
	uint32_t index;
	struct aggr_subject *subject;
	struct aggr_pair *earlier; /* the login that came before its attacker was known; or NULL */
};

/* engine.c: it is over, and told so. */
SELDOM void engine_close_finding(struct engine *engine, struct book_entry *entry);

/* adopt.c */

/* 0, or -ENOMEM. */
int adopt_open(struct engine *engine);

/* The book was loaded: what is adopted in it. */
void adopt_look(struct engine *engine);

/* Its subject is that of an earlier run, and was not seen since: there is nothing in the tables. */
#define SUBJECT_UNSEEN UINT32_MAX

/*
 * The finding of an earlier run that one about to open goes on as, or NULL. What it was comes in
 * *was; its entry is to be filled in as that of a new one, and given to adopt_go_on.
 */
struct book_entry *adopt_take(struct engine *engine, unsigned detector, enum subject_type type,
	const char *subject, struct finding *was);
void adopt_go_on(struct book_entry *entry, const struct finding *was);

/* An adopted finding is over, and never went on. */
void adopt_end(struct engine *engine, const struct book_entry *entry);

/* tell.c */

/* 0 or -errno. */
int tell_open(struct engine *engine);

/*
 * As book_add; whatever the entry was before is no longer part of an incident. In a book whose
 * findings are all open, one that is less severe than the detector's is closed for it.
 */
struct book_entry *engine_book_add(struct engine *engine, unsigned detector);

/* A finding opened, changed or closed; event may be NULL. What a rule hides is kept back. */
SELDOM void engine_tell(struct engine *engine, struct book_entry *entry, enum finding_state state,
	const struct event *event);

/* ahead.c: what this event, announced or not, is found by; valid until the next is announced. */
const struct ahead_event *ahead_take(struct engine *engine, const struct event *event);

/* soon.c: the event after the one in hand: ask memory for what its subjects point to. */
void soon_ask(const struct engine *engine, const struct ahead_event *of);

/* engine.c: a wider prefix was found: findings of what it holds are over. */
SELDOM void engine_absorb(struct engine *engine, const struct finding *wide);

/* tracked.c */
void tracked_order(struct tracked_order *order);

/* One event to the detectors of track; view: of a counted AUTH event, or NULL. */
void tracked_event(struct engine *engine, const struct event *event, const struct aggr_view *view);

/* Bring a finding of one of these up to date. */
SELDOM void tracked_refresh(struct engine *engine, struct book_entry *entry);

/* advice_stage.c: are both in one IPv4 /24 or IPv6 /64, as a webmail and its server are? */
bool advice_beside(const char *source, const char *server);

/* advice_tracked.c: as finding_advice; out_len at least 1. */
size_t tracked_advice(const struct finding *finding, char *out, size_t out_len);

/* grow.c */

/* Fill in a new finding with all that led to it. */
SELDOM void finding_seed(struct engine *engine, struct book_entry *entry,
	const struct finding_subject *subject, const struct aggr_view *view);

/* Does the event belong to this open finding? */
bool finding_concerns(const struct finding *finding, const struct aggr_view *view);

void finding_grow(struct engine *engine, struct book_entry *entry, const struct aggr_view *view);

/* One more forgotten credential on the same source. */
void finding_merge_stale(struct book_entry *entry, const struct aggr_view *view);

/* Bring what is only computed when looked at up to date. */
SELDOM void finding_refresh(struct engine *engine, struct book_entry *entry);

#endif
