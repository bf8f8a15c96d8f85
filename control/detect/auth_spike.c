/*
 * auth_spike: a server's failing AUTHs leave its own baseline.
 *
 * The baseline is the weighted mean and variance of failures in ten minutes
 * (track.c), learned over a day before anything is said. Logins are not
 * counted, only failures, and most attempts must fail: on Monday morning
 * everybody logs in, and few fail. It takes six standard deviations more than
 * usual, and enough to matter.
 */
#include "control/detect/tracked.h"

#define DEVIATIONS 6.0

static unsigned
read_auth(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	out[0].type = SUBJECT_SERVER;
	out[0].addr = in->event->head.flow.server;
	out[0].good = in->event->auth.outcome == OUTCOME_SUCCESS;
	out[0].bad = !out[0].good && in->event->auth.outcome != OUTCOME_UNKNOWN;
	return out[0].good || out[0].bad;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	const struct track_usual *u = &s->usual;
	double over = u->count - u->mean;

	if (u->learned < TRACK_BINS_DAY || over <= 0)
		return 0;
	if (over * over < DEVIATIONS * DEVIATIONS * u->variance)
		return 0;
	if (track_sum(s, WINDOW_10MIN, TRACK_GOOD) * 2 > track_sum(s, WINDOW_10MIN, TRACK_BAD))
		return 0;
	return tracked_percent(u->count, c->auth_spike_failures);
}

const struct tracked_detector tracked_auth_spike = {
	.event_types = TRACKED_ON(AUTH),
	.confidence = 60,
	.read = read_auth,
	.weigh = weigh,
};
