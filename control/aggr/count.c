/* One AUTH event, counted wherever it belongs. */
#include <string.h>

#include "control/aggr/internal.h"

#define COPIES_PER_LOGIN 10u /* guesses for each login, at least */
#define HOURS 65535u         /* that timer_h can tell apart */

static void
count_total(struct aggr_subject *s, const struct aggr_view *v)
{
	struct aggr_total *total = &s->total;

	if (total->attempts == 0)
		total->first_ns = v->event->head.time_ns;
	total->last_ns = v->event->head.time_ns;
	total->attempts++;
	total->failures += v->event->auth.outcome == OUTCOME_FAILURE;
	total->successes += v->success;
}

/* A distinct count in a window: last counted at *clock_s, which becomes now. */
static void
count_distinct(const struct window_at *w, const struct aggr_view *v, enum window_field field,
	uint32_t *clock_s)
{
	if (*clock_s == 0)
		window_add(w, field);
	else
		window_move(w, *clock_s, field);
	*clock_s = v->now_s;
}

/* Returns whether the password is new to the subject; true when it is not known. */
static bool
count_password(struct aggr *a, struct aggr_view *v, enum subject_type type, enum aggr_guess guess)
{
	struct aggr_subject *s = v->subject[type];
	const struct event_auth *auth = &v->event->auth;
	bool at_account = guess < AGGR_GUESS_KINDS && v->subject[SUBJECT_ACCOUNT] != NULL;
	bool is_new;

	if (!(auth->flags & AUTH_PASSWORD_KNOWN))
		return true;
	is_new = passwords_see(
		&s->passwords, &a->passwords, auth->password_fp, v->now_min, at_account);
	s->total.passwords += is_new;
	return is_new;
}

/*
 * Does the guess make its account one of those that failed? Not when the reply
 * was not seen: in a capture of one side, honest logins look like this, and a
 * NAT would be a list of stolen pairs.
 */
static bool
counts_account(const struct aggr_view *v, enum aggr_guess guess)
{
	return guess != GUESS_REPEAT && v->subject[SUBJECT_ACCOUNT] != NULL &&
	       v->event->auth.outcome != OUTCOME_UNKNOWN;
}

/*
 * The second try of a pair, at another server than the first: who takes a list
 * to two servers does this, so it does not speak for a machine. Not of a source
 * that logs in: people's programs may go to the next server, too.
 */
static bool
is_copy(const struct aggr_view *v)
{
	const struct window *w = &v->subject[SUBJECT_SOURCE]->window;

	return v->guess == GUESS_REPEAT && v->pair->attempts == 1 && v->pair->successes == 0 &&
	       v->pair->server != v->index[SUBJECT_SERVER] &&
	       window_sum(w, WINDOW_HOUR, WINDOW_SUCCESS) * COPIES_PER_LOGIN <=
		       window_guesses(w, WINDOW_HOUR);
}

static void
source_guess(struct aggr *a, struct aggr_view *v)
{
	struct aggr_subject *source = v->subject[SUBJECT_SOURCE];
	const struct window_at w = subject_window(a, source);

	if (!is_copy(v))
		window_add(&w, v->guess);
	if (counts_account(v, v->guess))
		count_distinct(&w, v, WINDOW_PEERS, &v->pair->guess_clock_s);
	count_password(a, v, SUBJECT_SOURCE, v->guess);
	v->hour_guesses = window_guesses(&source->window, WINDOW_HOUR);
	v->low = v->hour_guesses <= a->config->low_source &&
		 v->pair->repeats < a->config->stale_repeats;
}

/* An IPv6 /64 has one owner, so all that it does is its episode; windows take low sources only. */
static void
prefix_guess(struct aggr *a, struct aggr_view *v)
{
	const struct window_at w = subject_window(a, v->subject[SUBJECT_PREFIX]);
	struct aggr_pair *pair;

	if (!v->low && aggr_is_v4(v->subject[SUBJECT_SOURCE]))
		return;
	pair = view_prefix_pair(a, v, true);
	if (pair == NULL)
		return;
	v->prefix_guess =
		v->on_timer ? GUESS_REPEAT : pair_judge(pair, &v->event->auth, a->config->typos);
	count_password(a, v, SUBJECT_PREFIX, v->prefix_guess);
	pair_guess(pair, v, v->prefix_guess);
	episode_guess(a, v, SUBJECT_PREFIX);
	if (!v->low)
		return;
	window_add(&w, v->prefix_guess);
	count_distinct(&w, v, WINDOW_SOURCES, &v->subject[SUBJECT_SOURCE]->prefix_guess_clock_s);
	if (counts_account(v, v->prefix_guess))
		count_distinct(&w, v, WINDOW_PEERS, &pair->guess_clock_s);
}

static void
account_guess(struct aggr *a, struct aggr_view *v)
{
	struct aggr_subject *account = v->subject[SUBJECT_ACCOUNT];
	struct window_at w;

	if (account == NULL)
		return;
	v->account_guess = v->guess;
	if (!count_password(a, v, SUBJECT_ACCOUNT, v->guess))
		v->account_guess = GUESS_REPEAT;
	if (!v->low)
		return;
	w = subject_window(a, account);
	window_add(&w, v->account_guess);
	if (v->guess != GUESS_REPEAT)
		count_distinct(&w, v, WINDOW_PEERS, &v->pair->account_clock_s);
}

static void
server_guess(struct aggr *a, struct aggr_view *v)
{
	const struct window_at w = subject_window(a, v->subject[SUBJECT_SERVER]);

	window_add(&w, v->guess);
	if (v->guess != GUESS_REPEAT && v->hour_guesses == 1)
		window_add(&w, WINDOW_PEERS);
}

/* Has the owner of the address had no timer at another account within a day? Then he has one now.
 */
static bool
only_timer(struct aggr *a, struct aggr_view *v)
{
	bool v4 = aggr_is_v4(v->subject[SUBJECT_SOURCE]);
	struct aggr_subject *owner = v->subject[v4 ? SUBJECT_SOURCE : SUBJECT_PREFIX];
	struct aggr_pair *pair = v4 ? v->pair : view_prefix_pair(a, v, true);
	uint16_t hour = (uint16_t)(v->now_s / 3600u % HOURS + 1); /* 0: never */

	if (pair == NULL)
		return false;
	if (!(pair->flags & PAIR_TIMER) && owner->timer_h != 0 &&
		(hour + HOURS - owner->timer_h) % HOURS <= 24)
		return false;
	pair->flags |= PAIR_TIMER;
	owner->timer_h = hour;
	return true;
}

/* One that nobody need be told of yet: he fails for one account alone, by a timer. */
static bool
on_timer(struct aggr *a, struct aggr_view *v)
{
	const struct aggr_subject *source = v->subject[SUBJECT_SOURCE];

	return pair_on_timer(v->pair, v) && !aggr_under_attack(source) &&
	       window_sum(&source->window, WINDOW_HOUR, WINDOW_PEERS) <= 1 && only_timer(a, v);
}

/* So many that a login after them would have been led to by guesses. */
static void
excuse(const struct aggr *a, struct aggr_view *v)
{
	struct aggr_pair *pair = v->pair;

	if (v->guess == GUESS_BLIND && pair->repeats + 1 >= a->config->comp_blind &&
		pair->failures + 1 >= a->config->comp_blind)
		pair->flags |= PAIR_EXCUSED;
	v->guess = GUESS_REPEAT;
}

static void
count_guess(struct aggr *a, struct aggr_view *v)
{
	/* A stale pair has a finding of its own; elsewhere it would only be noise. */
	bool stale = v->pair->flags & PAIR_STALE;

	v->guess = pair_judge(v->pair, &v->event->auth, a->config->typos);
	stale = stale && v->guess == GUESS_REPEAT;
	v->on_timer = on_timer(a, v);
	if (v->on_timer)
		excuse(a, v);
	source_guess(a, v);
	pair_guess(v->pair, v, v->guess);
	if (stale) {
		v->low = false;
		return;
	}
	episode_guess(a, v, SUBJECT_SOURCE);
	episode_guess(a, v, SUBJECT_ACCOUNT);
	episode_guess(a, v, SUBJECT_SERVER);
	account_guess(a, v);
	prefix_guess(a, v);
	if (v->low)
		server_guess(a, v);
}

/* The pair's guesses leave the windows of a subject, as if they had not been made. */
static void
take_back(struct aggr *a, struct aggr_subject *s, const struct aggr_pair *pair)
{
	struct window_time when = window_time_s(pair->last_s);
	struct window_at w;

	if (s == NULL)
		return;
	w = subject_window(a, s);
	for (unsigned kind = 0; kind < AGGR_GUESS_KINDS; kind++)
		window_remove(&w, &when, kind, pair->guesses[kind]);
}

static void
take_back_peer(struct aggr *a, struct aggr_subject *s, uint32_t *clock_s)
{
	struct window_time when = window_time_s(*clock_s);
	struct window_at w;

	if (s == NULL || *clock_s == 0)
		return;
	w = subject_window(a, s);
	window_remove(&w, &when, WINDOW_PEERS, 1);
	*clock_s = 0;
}

/* The prefix's pair may hold guesses of other sources: those stay. */
static void
take_back_prefix(struct aggr *a, struct aggr_view *v)
{
	struct aggr_pair *pair = v->prefix_pair;

	take_back(a, v->subject[SUBJECT_PREFIX], v->pair);
	for (unsigned kind = 0; kind < AGGR_GUESS_KINDS; kind++) {
		uint16_t mine = v->pair->guesses[kind];

		pair->guesses[kind] -= pair->guesses[kind] < mine ? pair->guesses[kind] : mine;
	}
	if (aggr_pair_guesses(pair) == 0)
		take_back_peer(a, v->subject[SUBJECT_PREFIX], &pair->guess_clock_s);
}

static void
forget_guesses(struct aggr *a, struct aggr_view *v)
{
	struct aggr_pair *pair = v->pair;

	if (aggr_pair_guesses(pair) == 0)
		return;
	take_back(a, v->subject[SUBJECT_SOURCE], pair);
	take_back_peer(a, v->subject[SUBJECT_SOURCE], &pair->guess_clock_s);
	take_back(a, v->subject[SUBJECT_ACCOUNT], pair);
	take_back_peer(a, v->subject[SUBJECT_ACCOUNT], &pair->account_clock_s);
	take_back(a, v->subject[SUBJECT_SERVER], pair);
	if (v->prefix_pair != NULL)
		take_back_prefix(a, v);
	v->forgiven = aggr_pair_guesses(pair);
	memset(pair->guesses, 0, sizeof(pair->guesses));
}

/* A login by this pair as there were before the present run of guesses began, and no guess led
 * to it. */
static bool
pair_known_good(const struct aggr *a, const struct aggr_view *v, const struct aggr_pair *pair)
{
	static const enum subject_type types[] = {SUBJECT_SOURCE, SUBJECT_ACCOUNT, SUBJECT_PREFIX};
	/* An IPv4 /24 has many owners. */
	unsigned count = pair == v->pair ? 2 : 3;

	if (pair->first_success_s == 0 || aggr_pair_guesses(pair) > 0)
		return false;
	for (unsigned i = 0; i < count; i++) {
		const struct aggr_subject *s = v->subject[types[i]];

		if (s == NULL || !episode_active(a, s, v->clock_ns))
			continue;
		if (pair->first_success_s >= s->episode.first_clock_ns / NS_PER_S)
			return false;
	}
	return true;
}

/* An IPv6 /64 has one owner: his addresses change each day, and his logins speak for all of them.
 */
static bool
one_owner(const struct aggr_view *v)
{
	return v->subject[SUBJECT_ACCOUNT] != NULL && !aggr_is_v4(v->subject[SUBJECT_SOURCE]);
}

static bool
known_good(const struct aggr *a, const struct aggr_view *v)
{
	if (pair_known_good(a, v, v->pair))
		return true;
	return one_owner(v) && aggr_pair_guesses(v->pair) == 0 && v->prefix_pair != NULL &&
	       pair_known_good(a, v, v->prefix_pair);
}

/* A guesser as even as a machine is taken for one, so it is told when he gets in. */
static bool
after_timer(const struct aggr_view *v)
{
	return v->pair->flags & PAIR_EXCUSED && v->pair->successes == 0 &&
	       (v->prefix_pair == NULL || v->prefix_pair->successes == 0);
}

static void
count_success(struct aggr *a, struct aggr_view *v)
{
	v->guess = GUESS_NONE;
	view_prefix_pair(a, v, one_owner(v));
	v->known_good = known_good(a, v);
	v->after_timer = after_timer(v);
	if (!aggr_under_attack(v->subject[SUBJECT_SOURCE]) &&
		!aggr_under_attack(v->subject[SUBJECT_ACCOUNT]) &&
		aggr_pair_guesses(v->pair) <= a->config->typos)
		forget_guesses(a, v);
	pair_success(v->pair, v);
	if (v->prefix_pair != NULL)
		pair_success(v->prefix_pair, v);
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++) {
		struct window_at w;

		if (v->subject[type] == NULL)
			continue;
		w = subject_window(a, v->subject[type]);
		window_add(&w, WINDOW_SUCCESS);
		if (!v->known_good)
			episode_success(a, v, type);
	}
}

bool
aggr_auth(struct aggr *a, const struct event *event, const struct aggr_keys *keys,
	struct aggr_view *view)
{
	/* Merge order never runs back; a forged clock must not make it. */
	if (event->head.clock_ns > a->clock_ns)
		a->clock_ns = event->head.clock_ns;
	*view = (struct aggr_view){
		.event = event,
		.keys = keys,
		.clock_ns = a->clock_ns,
		.now_min = (uint32_t)(a->clock_ns / NS_PER_MIN),
		.now_s = (uint32_t)(a->clock_ns / NS_PER_S),
		.time = window_time(a->clock_ns),
		.success = event->auth.outcome == OUTCOME_SUCCESS,
		.guess = GUESS_NONE,
		.prefix_guess = GUESS_NONE,
		.account_guess = GUESS_NONE,
	};
	if (!view_find(a, view)) {
		aggr_settle(a, view);
		a->untracked++;
		return false;
	}
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++)
		if (view->subject[type] != NULL)
			count_total(view->subject[type], view);
	if (view->success)
		count_success(a, view);
	else
		count_guess(a, view);
	return true;
}

void
aggr_mark_stale(struct aggr *a, struct aggr_view *view)
{
	view_prefix_pair(a, view, false);
	forget_guesses(a, view);
	/* No tool waits a minute: this is a machine whose login is a new password. */
	if (aggr_slow_machine(view->pair, view->now_s))
		view->pair->flags &= (uint8_t)~PAIR_EXCUSED;
	view->pair->flags |= PAIR_STALE;
}

void
aggr_spend_guesses(struct aggr_view *view)
{
	memset(view->pair->guesses, 0, sizeof(view->pair->guesses));
}
