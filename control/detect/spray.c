/*
 * spray: few passwords over many accounts.
 *
 * The strongest evidence is one password that fails for many accounts: it is
 * enough at spray.shared accounts within a day, however slowly; or some, which
 * were tried for twice as many accounts besides their first. Else, where
 * most passwords are known and are few, or where they are unknown, it takes
 * more accounts in less time, since people behind a NAT fail for many
 * accounts, too.
 */
#include "control/detect/accounts.h"

static bool
shared_password(const struct detect_view *view, const struct detect_actor *actor)
{
	uint64_t need = view->config->spray_shared * actor->factor;
	uint32_t day_ago = view->at->now_min - 24 * 60;
	struct detect_accounts a;

	if (actor->accounts[WINDOW_DAY] < need)
		return false;
	a = detect_accounts(view, actor, WINDOW_DAY);
	if (!detect_accounts_few_passwords(&a))
		return false;
	if (a.checked == 0)
		need *= 2;
	return passwords_shared(&actor->subject->passwords, &view->aggr->passwords, day_ago) >=
	       need;
}

/* Some passwords, each for some accounts: a short list, tried user by user. */
static bool
shared_list(const struct detect_view *view, const struct detect_actor *actor)
{
	uint64_t need = 2 * view->config->spray_shared * actor->factor;
	uint32_t day_ago = view->at->now_min - 24 * 60;
	struct detect_accounts a;

	if (actor->accounts[WINDOW_DAY] < DETECT_LIST_ACCOUNTS_MIN)
		return false;
	a = detect_accounts(view, actor, WINDOW_DAY);
	if (a.checked == 0)
		need *= 2;
	if (a.known < need || !detect_accounts_hostile(view, actor, WINDOW_DAY, &a))
		return false;
	return passwords_shared_sum(&actor->subject->passwords, &view->aggr->passwords, day_ago) >=
	       need;
}

static bool
many_accounts(const struct detect_view *view, const struct detect_actor *actor,
	enum window_span span, uint64_t need)
{
	struct detect_accounts a;

	if (!detect_accounts_enough(actor, span, need))
		return false;
	a = detect_accounts(view, actor, span);
	if (detect_accounts_weight(actor, &a) < need ||
		!detect_accounts_hostile(view, actor, span, &a))
		return false;
	/* Passwords unknown: nothing tells spray from stuffing; it is called spray. */
	return a.known * 2 < a.guesses || detect_accounts_few_passwords(&a);
}

bool
detect_spray(const struct detect_view *view, struct detect_verdict *out)
{
	const struct config *c = view->config;
	const uint64_t need[WINDOW_SPANS] = {
		c->spray_accounts, c->spray_accounts_hour, c->spray_accounts_day};

	for (unsigned i = 0; i < view->actor_count; i++) {
		const struct detect_actor *actor = &view->actors[i];
		bool many = false;
		bool shared;

		if (actor->few)
			continue;
		shared = shared_password(view, actor) || shared_list(view, actor);
		for (unsigned span = 0; !shared && !many && span < WINDOW_SPANS; span++)
			many = many_accounts(view, actor, span, need[span] * actor->factor);
		if (!shared && !many)
			continue;
		out->role = actor->role;
		out->confidence = shared ? 95 : 75;
		return true;
	}
	return false;
}
