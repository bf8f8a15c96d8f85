/*
 * slow: guessing below every short window, for hours.
 *
 * Of one source: a CUSUM (Page 1954). Each guess adds one to a level that leaks
 * slow.leak an hour, so what is usual for people drains away and what is
 * steady adds up; and a count over the day for what is slower still. A guess
 * is what aggr calls one: a password that is new for the account, so a stale
 * phone adds nothing. Where passwords are unknown, one account over and over
 * may be such a phone, and so may some accounts behind a NAT whose people log
 * in: there only the first guess at each account counts. A crowd is silent: as
 * many accounts log in as are guessed at, more often than that, and few
 * guesses are made at each; or most attempts are repetitions.
 *
 * Of a server: the CUSUM that Javed and Paxson 2013 found slow distributed
 * guessing of SSH with. Its statistic is not a source's: how many of each
 * slow.server_attempts attempts at the server fail, of sources that are below
 * all thresholds of their own. In attempts, not in time, so that a busy Monday
 * has more bins, not fuller ones. A login takes back the guesses that led to
 * it and one more: people who fail and get in explain as many who do not yet.
 */
#include "control/detect/tracked.h"

#define BLIND_ACCOUNTS 3u
#define CROWD_GUESSES 5u /* for each account, at most: people give up, or get in */

/* As many devices with old passwords as guesses: each is a guess once, then a repetition. */
static bool
devices(const struct window *w, uint32_t guesses)
{
	return window_sum(w, WINDOW_DAY, WINDOW_REPEAT) >= guesses &&
	       guesses <= 2 * window_sum(w, WINDOW_DAY, WINDOW_PEERS);
}

/* guesses: of the source in a day. */
static bool
counts_for_source(const struct aggr_view *v, uint32_t guesses)
{
	const struct window *w = &v->subject[SUBJECT_SOURCE]->window;

	if (v->guess == GUESS_KNOWN || v->guess == GUESS_SOFT)
		return !devices(w, guesses);
	if (v->guess != GUESS_BLIND || window_sum(w, WINDOW_DAY, WINDOW_PEERS) < BLIND_ACCOUNTS)
		return false;
	return window_sum(w, WINDOW_DAY, WINDOW_SUCCESS) == 0 || v->pair->guesses[GUESS_BLIND] == 1;
}

static uint64_t
account_thing(const struct tracked_input *in)
{
	const struct event *e = in->event;

	if (in->view->subject[SUBJECT_ACCOUNT] == NULL)
		return 0;
	return track_hash_name(in->track, e->text, e->auth.username_len);
}

static bool
read_source(const struct tracked_input *in, struct track_note *out)
{
	const struct aggr_view *v = in->view;
	uint32_t guesses;

	/* Who is known as a guesser already is not slow. */
	if (v->wide_told || detect_classified(v->subject[SUBJECT_SOURCE]) ||
		detect_classified(v->subject[SUBJECT_PREFIX]))
		return false;
	guesses = window_guesses(&v->subject[SUBJECT_SOURCE]->window, WINDOW_DAY);
	if (!v->success && !counts_for_source(v, guesses))
		return false;
	*out = (struct track_note){.type = SUBJECT_SOURCE,
		.addr = in->event->head.flow.client,
		.good = v->success,
		.bad = !v->success};
	/* A login that nothing came before needs no tracker. */
	if (out->good && track_get(in->track, DETECTOR_SLOW, out, false) == NULL)
		return false;
	/* What a login took back is no guess any more. */
	out->level_max = guesses;
	out->undo = tracked_undo(v->forgiven);
	out->thing[out->good] = account_thing(in);
	out->leak = (float)in->config->slow_leak;
	return true;
}

static bool
slow_already(const struct tracked_input *in)
{
	const struct track_note who = {.type = SUBJECT_SOURCE, .addr = in->event->head.flow.client};
	const struct track_subject *s = track_get(in->track, DETECTOR_SLOW, &who, false);

	return s != NULL && s->finding != 0;
}

static bool
read_server(const struct tracked_input *in, struct track_note *out)
{
	const struct aggr_view *v = in->view;
	bool bad = v->low && tracked_guess(v) && !tracked_explained(v) && !slow_already(in);

	if (!v->success && !bad && v->forgiven == 0)
		return false;
	*out = (struct track_note){.type = SUBJECT_SERVER,
		.addr = in->event->head.flow.server,
		.per = (uint32_t)in->config->slow_server_attempts,
		.good = v->success,
		.bad = bad,
		.undo = tracked_undo(v->forgiven + (v->success && v->forgiven > 0))};
	out->unsummed = 1u << 0;
	if (bad) {
		out->thing[0] = account_thing(in);
		out->thing[1] = track_hash_addr(in->track, &in->event->head.flow.client);
	}
	return true;
}

static unsigned
read_auth(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	unsigned n = 0;

	if (in->view == NULL)
		return 0;
	n += read_source(in, &out[n]);
	n += read_server(in, &out[n]);
	return n;
}

/* People behind one address, some of whom gave up. */
static bool
crowd(const struct track_subject *s)
{
	uint32_t bad = track_sum(s, WINDOW_DAY, TRACK_BAD);
	uint32_t accounts = track_sum(s, WINDOW_DAY, TRACK_NEW);

	return track_sum(s, WINDOW_DAY, TRACK_GOOD) > bad &&
	       track_sum(s, WINDOW_DAY, TRACK_OTHER) >= accounts && bad <= CROWD_GUESSES * accounts;
}

static unsigned
weigh_server(const struct track_subject *s, const struct config *c)
{
	if (!track_cusum_warm(s) || track_sum(s, WINDOW_DAY, TRACK_OTHER) < c->slow_server_sources)
		return 0;
	return tracked_percent(
		(uint64_t)s->level, (uint64_t)(TRACK_CUSUM_HIGH * usual_deviation(&s->usual)));
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	unsigned percent;

	if (s->type == SUBJECT_SERVER)
		return weigh_server(s, c);
	if (crowd(s))
		return 0;
	percent = tracked_more(tracked_percent((uint64_t)s->level, c->slow_level),
		tracked_percent(track_sum(s, WINDOW_DAY, TRACK_BAD), c->slow_day));
	/* On its way, and to be kept, but no verdict before it lasted. */
	if (percent >= 100 && s->run.last_clock_ns - s->run.first_clock_ns < c->slow_span)
		return 99;
	return percent;
}

const struct tracked_detector tracked_slow = {
	.event_types = TRACKED_ON(AUTH),
	.confidence = 75,
	.fades = true,
	.things = {THING_ACCOUNT, THING_SOURCE},
	.read = read_auth,
	.weigh = weigh,
};
