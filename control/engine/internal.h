/* What the files of engine share. */
#ifndef SMTAP_CONTROL_ENGINE_INTERNAL_H
#define SMTAP_CONTROL_ENGINE_INTERNAL_H

#include "control/aggr/aggr.h"
#include "control/detect/detect.h"
#include "control/detect/tracked.h"
#include "control/engine/engine.h"
#include "control/incident/book.h"
#include "control/track/track.h"

struct engine {
	const struct config *config; /* borrowed */
	struct engine_sink sink;
	struct aggr aggr;
	struct track track;
	struct book book;
	uint64_t clock_ns;
	uint64_t loss;
	uint64_t unpinned; /* incidents not opened: too many subjects are under one already */
	uint64_t events[EVENT_TYPE_COUNT];
	uint64_t outcomes[OUTCOME_COUNT];
};

/* The subject of an incident, as the event showed it. */
struct incident_subject {
	enum subject_type type;
	uint32_t index;
	struct aggr_subject *subject;
	struct aggr_pair *earlier; /* the login that came before its attacker was known; or NULL */
};

/* engine.c: an incident opened, changed or closed; event may be NULL. */
void engine_tell(struct engine *engine, struct book_entry *entry, enum incident_state state,
	const struct event *event);

/* tracked.c: one event to the detectors of track; view: of a counted AUTH event, or NULL. */
void tracked_event(struct engine *engine, const struct event *event, const struct aggr_view *view);

/* Bring an incident of one of these up to date. */
void tracked_refresh(struct engine *engine, struct book_entry *entry);

/* advice_tracked.c: as incident_advice; out_len at least 1. */
size_t tracked_advice(const struct incident *incident, char *out, size_t out_len);

/* grow.c */

/* Fill in a new incident with all that led to it. */
void incident_seed(struct engine *engine, struct book_entry *entry,
	const struct incident_subject *subject, const struct aggr_view *view);

/* Does the event belong to this open incident? */
bool incident_concerns(const struct incident *incident, const struct aggr_view *view);

void incident_grow(struct engine *engine, struct book_entry *entry, const struct aggr_view *view);

/* One more forgotten credential on the same source. */
void incident_merge_stale(struct book_entry *entry, const struct aggr_view *view);

/* Bring what is only computed when looked at up to date. */
void incident_refresh(struct engine *engine, struct book_entry *entry);

#endif
