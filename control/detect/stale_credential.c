/*
 * stale_credential: one client repeats one wrong password for one account. A
 * forgotten printer, not a guesser. Informational.
 *
 * Where the password is unknown (CRAM-MD5, TLS, the server's side alone), a
 * machine shows by its timer: most gaps between attempts are alike, and they
 * are of a minute or more; or they are nearly equal (aggr/pair.c), and of
 * 14 seconds or more, for an account that is seen. Failures that name nobody, of a source with half
 * as many logins, are a program that tries NTLM or GSSAPI before the password.
 */
#include "control/detect/detect.h"

static bool
on_a_timer(const struct aggr_pair *pair, uint32_t now_s, uint64_t regular_percent)
{
	if (pair->repeats < 3)
		return false;
	if (!aggr_slow_machine(pair, now_s))
		return pair->account != TABLE_NONE &&
		       pair->steady * 100ULL >= (pair->repeats - 2) * AGGR_STEADY_PERCENT;
	/* The first two attempts make no gap that could be like one before. */
	return pair->regular * 100ULL >= (pair->repeats - 2) * regular_percent;
}

/* Does a login follow most of what names nobody? */
static bool
before_logins(const struct aggr_view *at)
{
	const struct window *w = &at->subject[SUBJECT_SOURCE]->window;

	return at->pair->account == TABLE_NONE &&
	       2 * window_sum(w, WINDOW_HOUR, WINDOW_SUCCESS) >=
		       window_sum(w, WINDOW_HOUR, WINDOW_BLIND) +
			       window_sum(w, WINDOW_HOUR, WINDOW_REPEAT);
}

bool
detect_stale_credential(const struct detect_view *view, struct detect_verdict *out)
{
	const struct aggr_view *at = view->at;
	const struct config *c = view->config;
	const struct aggr_subject *source = at->subject[SUBJECT_SOURCE];
	const struct aggr_pair *pair = at->pair;
	uint32_t span_s = (uint32_t)(at->clock_ns / NS_PER_S) - pair->repeats_start_s;
	bool known = pair->distinct > 0;

	/* A password that no check refused may be the right one (454, 421). */
	if (at->event->auth.outcome != OUTCOME_FAILURE || pair->failures < c->stale_repeats)
		return false;
	if (detect_classified(source))
		return false;
	if ((pair->flags & PAIR_STALE) &&
		source->findings[DETECTOR_STALE_CREDENTIAL] != AGGR_NO_REF)
		return false;
	if (pair->repeats < c->stale_repeats || span_s < c->stale_span / NS_PER_S)
		return false;
	if (!known && (before_logins(at) || !on_a_timer(pair, at->now_s, c->stale_regular)))
		return false;
	out->role = ROLE_SOURCE;
	out->confidence = known ? 90 : 60;
	return true;
}
