/*
 * bruteforce: many passwords at few accounts.
 *
 * Evidence is the sum of three shares, each in per cent of its threshold:
 * distinct wrong passwords (checked by the server or not: nobody types eight),
 * failures whose password is unknown, and attempts that came to no check at
 * all. Of the last, a client that falls back from a mechanism that the server
 * refuses makes one per login, so logins are taken off. It also takes
 * bruteforce.per_account guesses at the account in hand: this is what a spray
 * over many accounts, or ten users of one NAT who mistype, never reach.
 */
#include "control/detect/detect.h"

struct thresholds {
	enum window_span span;
	uint64_t passwords;
	uint64_t blind;
	uint64_t refused;
};

struct evidence {
	uint64_t passwords;
	uint64_t blind;
	uint64_t refused; /* each in per cent */
};

static struct evidence
gather(const struct aggr_subject *s, const struct thresholds *t)
{
	const struct window_sums sums = window_sums(&s->window, t->span);
	const uint32_t *sum = sums.of;
	uint32_t refused = sum[WINDOW_OTHER];

	refused -= refused < sum[WINDOW_SUCCESS] ? refused : sum[WINDOW_SUCCESS];
	return (struct evidence){
		.passwords = (sum[WINDOW_KNOWN] + sum[WINDOW_SOFT]) * 100ULL / t->passwords,
		.blind = sum[WINDOW_BLIND] * 100ULL / t->blind,
		.refused = refused * 100ULL / t->refused,
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
	struct evidence e = gather(actor->subject, t);

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
	struct detect_actor actors[2];
	unsigned n = detect_actors(view, actors);

	for (unsigned i = 0; i < n; i++) {
		if (!one_owner(view, &actors[i]))
			continue;
		if (aggr_pair_guesses(actors[i].pair) < c->bf_per_account)
			continue;
		if (judge(&actors[i], &spans[0], out) || judge(&actors[i], &spans[1], out))
			return true;
	}
	return false;
}
