/*
 * The detectors that look at connections, recipients, messages and servers'
 * words. Each is a small file of two pure functions: read says what an event
 * means to it (whose counters, which of them), weigh looks at counters and
 * thresholds and says how much of what it takes is there. No I/O, no clock, no
 * state: that is all in track. doc/detectors.md gives the reasons.
 */
#ifndef SMTAP_CONTROL_DETECT_TRACKED_H
#define SMTAP_CONTROL_DETECT_TRACKED_H

#include "control/detect/detect.h"
#include "control/track/track.h"

#define TRACKED_NOTES 3u /* of one event, for one detector */

struct tracked_input {
	const struct event *event;
	const struct aggr_view *view; /* of an AUTH event that was counted; or NULL */
	struct track *track;
	const struct config *config;
};

/* What a kind of distinct thing is, for the finding's figures. */
enum tracked_thing { THING_NONE, THING_TARGET, THING_ACCOUNT, THING_SOURCE, THING_WORD };

struct tracked_detector {
	uint32_t event_types; /* bits 1 << enum event_type */
	bool logins_only;     /* of AUTH it reads none that did not work */
	bool v6_only;         /* ... or none of IPv4 */
	unsigned confidence;  /* 0..100 */
	unsigned knows;       /* TRACK_ROLE_*: what it has to know of the site */
	unsigned doubt;       /* less confidence when that is learned */
	uint64_t again_ns;    /* least time between two findings of one subject */
	bool fades;           /* its findings grow only while half of the evidence holds */
	enum tracked_thing things[TRACK_THINGS];
	/* What the event means: how many notes were put into out, each of them whole. */
	unsigned (*read)(const struct tracked_input *in, struct track_note out[TRACKED_NOTES]);
	/* Per cent of what it takes; from 100 on it is one. */
	unsigned (*weigh)(const struct track_subject *s, const struct config *config);
	/* Its finding's kind, as of now; NULL: the tracker's. */
	enum finding_kind (*kind)(const struct track_subject *s);
};

/* By detector, from DETECTOR_TRACKED_FIRST on. */
extern const struct tracked_detector
	*const tracked_detectors[DETECTOR_COUNT - DETECTOR_TRACKED_FIRST];

#define X(id, name) extern const struct tracked_detector tracked_##name;
TRACKED_DETECTORS(X)
#undef X

/* For the detectors: */

#define TRACKED_ON(type) (1u << EVENT_##type)

static inline unsigned
tracked_percent(uint64_t have, uint64_t takes)
{
	uint64_t percent = takes > 0 ? have * 100 / takes : 0;

	return percent > 1000 ? 1000 : (unsigned)percent;
}

static inline unsigned
tracked_more(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Is the attempt a guess, of a password that nobody tried for its account before? */
bool tracked_guess(const struct aggr_view *view);

/* Does a finding against its source, prefix or account tell of it already? */
bool tracked_explained(const struct aggr_view *view);

/* The findings (as in tracker.finding) of an IPv6 /48 and /56 that the client is in; how many. */
unsigned tracked_wide_findings(struct track *t, const struct addr *client, uint32_t out[2]);

static inline uint8_t
tracked_undo(uint32_t n)
{
	return n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
}

/* The domain of the first len bytes of text, or none: its length, 0 for none. */
size_t tracked_domain(const char *text, size_t len, const char **domain);

/* Was the connection seen from SYN to end, both sides, with nothing missing? */
bool tracked_whole(const struct event *event);

#endif
