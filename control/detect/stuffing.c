/*
 * stuffing: a stolen list of account and password pairs, each tried about once.
 */
#include "control/detect/accounts.h"

static bool
judge(const struct detect_view *view, const struct detect_actor *actor, enum window_span span,
	uint64_t need)
{
	struct detect_accounts a;

	need *= actor->factor;
	if (!detect_accounts_enough(actor, span, need))
		return false;
	a = detect_accounts(view, actor, span);
	return detect_accounts_weight(actor, &a) >= need &&
	       detect_accounts_hostile(view, actor, span, &a) && a.known * 2 >= a.guesses &&
	       !detect_accounts_few_passwords(&a);
}

bool
detect_stuffing(const struct detect_view *view, struct detect_verdict *out)
{
	const struct config *c = view->config;
	const uint64_t need[WINDOW_SPANS] = {
		c->stuffing_accounts, c->stuffing_accounts_hour, c->stuffing_accounts_day};

	for (unsigned i = 0; i < view->actor_count; i++) {
		const struct detect_actor *actor = &view->actors[i];
		bool many = false;

		if (actor->few)
			continue;
		for (unsigned span = 0; !many && span < WINDOW_SPANS; span++)
			many = judge(view, actor, span, need[span]);
		if (!many)
			continue;
		out->role = actor->role;
		out->confidence = 85;
		return true;
	}
	return false;
}
