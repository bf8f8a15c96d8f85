#include "control/detect/detect.h"

const detect_fn detectors[DETECTOR_AUTH_COUNT] = {
#define X(id, name) [DETECTOR_##id] = detect_##name,
	DETECTORS(X)
#undef X
};

bool
detect_many_accounts(const struct aggr_subject *subject)
{
	return subject->findings[DETECTOR_SPRAY] != AGGR_NO_REF ||
	       subject->findings[DETECTOR_STUFFING] != AGGR_NO_REF;
}

bool
detect_classified(const struct aggr_subject *subject)
{
	return subject->findings[DETECTOR_BRUTEFORCE] != AGGR_NO_REF ||
	       detect_many_accounts(subject);
}

unsigned
detect_actors(const struct detect_view *view, struct detect_actor out[2])
{
	const struct aggr_view *at = view->at;
	const struct aggr_subject *source = at->subject[SUBJECT_SOURCE];
	const struct aggr_subject *prefix = at->subject[SUBJECT_PREFIX];
	bool v4 = aggr_is_v4(source);
	uint64_t sources_min =
		v4 ? view->config->prefix_sources_v4 : view->config->prefix_sources_v6;
	unsigned n = 0;

	/* So has a /56 or /48 that was found, unless nobody hears of that. */
	if (at->wide_told || at->success)
		return 0;
	/* An IPv6 /64 has one owner: once it is the attacker, its addresses are not others. */
	if (at->guess < AGGR_GUESS_KINDS && !detect_classified(source) &&
		(v4 || !detect_classified(prefix)))
		out[n++] = (struct detect_actor){source, at->pair, ROLE_SOURCE, 1};
	if (at->low && at->prefix_guess < AGGR_GUESS_KINDS && !detect_classified(prefix) &&
		window_sum(&prefix->window, WINDOW_HOUR, WINDOW_SOURCES) >= sources_min)
		out[n++] = (struct detect_actor){prefix, at->prefix_pair, ROLE_PREFIX,
			v4 ? (unsigned)view->config->prefix_factor_v4 : 1};
	return n;
}
