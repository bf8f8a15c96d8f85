#include "control/detect/detect.h"

/* Less than any threshold of spray and of stuffing, as of nearly all; and than a short list. */
static bool
are_few(const struct detect_actor *actor, const struct config *c)
{
	const uint64_t least[] = {DETECT_LIST_ACCOUNTS_MIN, c->spray_shared, c->spray_accounts,
		c->spray_accounts_hour, c->spray_accounts_day, c->stuffing_accounts,
		c->stuffing_accounts_hour, c->stuffing_accounts_day};
	uint64_t most = 0;
	bool few = true;

	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		most = actor->accounts[span] > most ? actor->accounts[span] : most;
	for (unsigned i = 0; i < sizeof(least) / sizeof(least[0]); i++)
		few &= most < least[i];
	return few;
}

static void
add(struct detect_view *view, enum detect_role role, const struct aggr_pair *pair, unsigned factor)
{
	const struct aggr_subject *s = view->at->subject[role];
	struct detect_actor *actor = &view->actors[view->actor_count++];

	actor->subject = s;
	actor->pair = pair;
	actor->role = role;
	actor->factor = factor;
	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		actor->accounts[span] = window_sum(&s->window, span, WINDOW_PEERS);
	actor->few = are_few(actor, view->config);
}

void
detect_actors(struct detect_view *view)
{
	const struct aggr_view *at = view->at;
	const struct aggr_subject *source = at->subject[SUBJECT_SOURCE];
	const struct aggr_subject *prefix = at->subject[SUBJECT_PREFIX];
	bool v4 = aggr_is_v4(source);
	uint64_t sources_min =
		v4 ? view->config->prefix_sources_v4 : view->config->prefix_sources_v6;

	view->actor_count = 0;
	/* So has a /56 or /48 that was found, unless nobody hears of that. */
	if (at->wide_told || at->success)
		return;
	/* An IPv6 /64 has one owner: once it is the attacker, its addresses are not others. */
	if (at->guess < AGGR_GUESS_KINDS && !detect_classified(source) &&
		(v4 || !detect_classified(prefix)))
		add(view, ROLE_SOURCE, at->pair, 1);
	if (at->low && at->prefix_guess < AGGR_GUESS_KINDS && !detect_classified(prefix) &&
		window_sum(&prefix->window, WINDOW_HOUR, WINDOW_SOURCES) >= sources_min)
		add(view, ROLE_PREFIX, at->prefix_pair,
			v4 ? (unsigned)view->config->prefix_factor_v4 : 1);
}
