/*
 * bruteforce: many passwords at few accounts.
 *
 * Evidence is the sum of three shares, each in per cent of its threshold:
 * distinct wrong passwords (checked by the server or not: nobody types eight),
 * failures whose password is unknown, and attempts that came to no check at
 * all. Of the last, a client that falls back from a mechanism that the server
 * refuses makes one per login, so logins are taken off; and so they are from failures that name
 * nobody (GSSAPI without a ticket, before the password), which no login at an account takes back.
 * It also takes bruteforce.per_account guesses at the account in hand: this is what a spray over
 * many accounts, or ten users of one NAT who mistype, never reach.
 */
#include "control/detect/detect.h"

struct thresholds {
	enum window_span span;
	uint64_t passwords;
	uint64_t blind;
	uint64_t refused;
};

struct evidence {
	uint32_t passwords;
	uint32_t blind;
	uint32_t refused; /* each in per cent */
};

/* 32 bits hold a hundred times what the buckets of two rows do. */
static uint32_t
percent(uint32_t have, uint64_t takes)
{
	return have > 0 ? have * 100 / (uint32_t)takes : 0;
}

static struct evidence
gather(const struct detect_actor *actor, const struct thresholds *t)
{
	const struct window *w = &actor->subject->window;
	bool nameless = actor->pair->account == TABLE_NONE;
	uint32_t passwords =
		window_sum(w, t->span, WINDOW_KNOWN) + window_sum(w, t->span, WINDOW_SOFT);
	uint32_t logins = window_sum(w, t->span, WINDOW_SUCCESS);
	uint32_t refused = window_sum(w, t->span, WINDOW_OTHER);
	uint32_t blind = window_sum(w, t->span, WINDOW_BLIND);

	refused -= refused < logins ? refused : logins;
	if (nameless)
		blind -= blind < logins ? blind : logins;
	return (struct evidence){
		.passwords = percent(passwords, t->passwords),
		.blind = percent(blind, t->blind),
		.refused = percent(refused, t->refused),
	};
}

static unsigned
confidence(const struct evidence *e)
{
	if (e->passwords >= e->blind && e->passwords >= e->refused)
		return 95;
	return e->blind >= e->refused ? 80 : 50;
}

static bool
judge(const struct detect_actor *actor, const struct thresholds *t, struct detect_verdict *out)
{
	struct evidence e = gather(actor, t);

	if (e.passwords + e.blind + e.refused < 100)
		return false;
	out->role = actor->role;
	out->confidence = confidence(&e);
	return true;
}

/*
 * A prefix attacks an account when several of its sources try it. (One account
 * tried from all over an IPv4 /24 is `distributed`.) In a network of people
 * each fails for his own, from his own address.
 */
static bool
one_owner(const struct detect_view *view, const struct detect_actor *actor)
{
	const struct aggr_subject *account = detect_subject(view, SUBJECT_ACCOUNT);

	if (actor->role != ROLE_PREFIX)
		return true;
	if (aggr_is_v4(actor->subject))
		return false;
	return account == NULL || window_sum(&account->window, WINDOW_HOUR, WINDOW_PEERS) >=
					  view->config->prefix_sources_v6;
}

bool
detect_bruteforce(const struct detect_view *view, struct detect_verdict *out)
{
	const struct config *c = view->config;
	const struct thresholds spans[] = {
		{WINDOW_10MIN, c->bf_passwords, c->bf_blind, c->bf_refused},
		{WINDOW_HOUR, c->bf_passwords_hour, c->bf_blind_hour, c->bf_refused_hour},
	};

	for (unsigned i = 0; i < view->actor_count; i++) {
		const struct detect_actor *actor = &view->actors[i];

		if (!one_owner(view, actor))
			continue;
		if (aggr_pair_guesses(actor->pair) < c->bf_per_account)
			continue;
		if (judge(actor, &spans[0], out) || judge(actor, &spans[1], out))
			return true;
	}
	return false;
}
