#include "control/detect/detect.h"

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
