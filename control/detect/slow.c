/*
 * slow: a source below every short window that fails steadily for hours.
 *
 * A CUSUM (Page 1954; Javed and Paxson 2013 found SSH guessers with it): each
 * guess adds one to a level that leaks slow.leak an hour, so what is usual for
 * people drains away and what is steady adds up. A guess is what aggr calls
 * one: a password that is new for the account, so a stale phone adds nothing.
 * Guesses whose password is unknown count only once the source has tried
 * several accounts: one account, over and over, may be such a phone. The level
 * is never above what aggr still counts in the day, and aggr takes back the
 * mistakes of who gets in; where logins outnumber guesses it is a NAT of many
 * people, some of whom gave up. (Who logs in to an account of his own as often
 * as he guesses hides from slow; from distributed he does not.)
 */
#include "control/detect/tracked.h"

#define BLIND_ACCOUNTS 3u

static unsigned
read_auth(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct aggr_subject *source;
	enum aggr_guess guess;

	if (in->view == NULL)
		return 0;
	source = in->view->subject[SUBJECT_SOURCE];
	guess = in->view->guess;
	if (in->view->success) {
		out[0].good = true;
	} else if (guess == GUESS_BLIND) {
		if (window_sum(&source->window, WINDOW_DAY, WINDOW_PEERS) < BLIND_ACCOUNTS)
			return 0;
	} else if (guess != GUESS_KNOWN && guess != GUESS_SOFT) {
		return 0;
	}
	/* Who is known as a guesser already is not slow. */
	if (detect_classified(source) || detect_classified(in->view->subject[SUBJECT_PREFIX]))
		return 0;
	out[0].type = SUBJECT_SOURCE;
	out[0].addr = in->event->head.flow.client;
	/* A login that nothing came before needs no tracker. */
	if (out[0].good && track_get(in->track, DETECTOR_SLOW, &out[0], false) == NULL)
		return 0;
	/* What a login took back is no guess any more. */
	out[0].level_max = window_guesses(&source->window, WINDOW_DAY);
	out[0].bad = !out[0].good;
	out[0].leak = (float)in->config->slow_leak;
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	if (s->run.last_clock_ns - s->run.first_clock_ns < c->slow_span)
		return 0;
	if (track_sum(s, WINDOW_DAY, TRACK_GOOD) > track_sum(s, WINDOW_DAY, TRACK_BAD))
		return 0;
	return tracked_percent((uint64_t)s->level, c->slow_level);
}

const struct tracked_detector tracked_slow = {
	.event_types = TRACKED_ON(AUTH),
	.confidence = 75,
	.read = read_auth,
	.weigh = weigh,
};
