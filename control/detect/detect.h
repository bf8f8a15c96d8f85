/*
 * detect: one small file per detector, one interface. A detector is a pure
 * function of what an event touched (aggr_view) and the thresholds: no I/O, no
 * clock, no state. doc/detectors.md gives each threshold's reasons.
 *
 * A source (or prefix) is at most one of bruteforce, spray and stuffing at a
 * time: whichever its evidence fits first.
 */
#ifndef SMTAP_CONTROL_DETECT_DETECT_H
#define SMTAP_CONTROL_DETECT_DETECT_H

#include <stdbool.h>

#include "config/config.h"
#include "config/detectors.h"
#include "control/aggr/aggr.h"

enum detector {
#define X(id, name) DETECTOR_##id,
	DETECTORS(X)
#undef X
		DETECTOR_AUTH_COUNT,
	DETECTOR_TRACKED_FIRST = DETECTOR_AUTH_COUNT,
	DETECTOR_BEFORE_TRACKED = DETECTOR_TRACKED_FIRST - 1,
#define X(id, name) DETECTOR_##id,
	TRACKED_DETECTORS(X)
#undef X
		DETECTOR_COUNT
};

_Static_assert(DETECTOR_AUTH_COUNT <= AGGR_REFS, "a subject has room for an incident of each");
_Static_assert(AGGR_NO_REF == 0, "no finding is open where all bits are 0");
_Static_assert((int)DETECTOR_STALE_CREDENTIAL == AGGR_HARMLESS, "aggr knows the harmless one");

/* The subjects of the view; or the account that logged in before its attacker was known. */
enum detect_role {
	ROLE_SOURCE = SUBJECT_SOURCE,
	ROLE_PREFIX = SUBJECT_PREFIX,
	ROLE_ACCOUNT = SUBJECT_ACCOUNT,
	ROLE_SERVER = SUBJECT_SERVER,
	ROLE_EARLIER_ACCOUNT
};

#define DETECT_LIST_ACCOUNTS_MIN 4u /* of a short list of passwords, tried at each */

/* A source, or a prefix whose sources are each below their thresholds: what to judge. */
struct detect_actor {
	const struct aggr_subject *subject;
	const struct aggr_pair *pair; /* with the event's account */
	enum detect_role role;
	unsigned factor;                 /* times the thresholds of a source */
	uint32_t accounts[WINDOW_SPANS]; /* distinct ones that failed */
	bool few;                        /* of these, in all spans: no list of accounts is tried */
};

struct detect_view {
	const struct aggr *aggr;
	const struct aggr_view *at;
	const struct config *config;
	struct detect_actor actors[2];
	unsigned actor_count;
};

struct detect_verdict {
	enum detect_role role;
	unsigned confidence; /* 0..100 */
};

/*
 * Fill in the actors to judge by this event: the source, then the prefix; those
 * that are classified already, or have too few sources to be more than one of
 * them, are left out. Again whenever a finding opened meanwhile.
 */
void detect_actors(struct detect_view *view);

/* Each: whether the subject named in out is under attack, or attacks, as of this event. */
#define X(id, name) bool detect_##name(const struct detect_view *view, struct detect_verdict *out);
DETECTORS(X)
#undef X

/* For the detectors: */

static inline const struct aggr_subject *
detect_subject(const struct detect_view *view, enum subject_type type)
{
	return view->at->subject[type];
}

/* Is the subject called spray or stuffing already? */
static inline bool
detect_many_accounts(const struct aggr_subject *subject)
{
	return (subject->findings[DETECTOR_SPRAY] | subject->findings[DETECTOR_STUFFING]) !=
	       AGGR_NO_REF;
}

/* Or bruteforce? */
static inline bool
detect_classified(const struct aggr_subject *subject)
{
	return subject->findings[DETECTOR_BRUTEFORCE] != AGGR_NO_REF ||
	       detect_many_accounts(subject);
}

#endif
