#include "control/detect/tracked.h"

#include <string.h>

const struct tracked_detector *const tracked_detectors[DETECTOR_COUNT - DETECTOR_TRACKED_FIRST] = {
#define X(id, name) [DETECTOR_##id - DETECTOR_TRACKED_FIRST] = &tracked_##name,
	TRACKED_DETECTORS(X)
#undef X
};

size_t
tracked_domain(const char *text, size_t len, const char **domain)
{
	const char *at = memrchr(text, '@', len);

	if (at == NULL)
		return 0;
	*domain = at + 1;
	return (size_t)(text + len - *domain);
}

bool
tracked_whole(const struct event *event)
{
	const struct event_session *s = &event->session;

	return (event->head.flow.flags & EVENT_FLOW_FROM_START) &&
	       !(event->head.flow.flags & (EVENT_FLOW_GAP | EVENT_FLOW_SIDES_GUESSED)) &&
	       s->gap_bytes[0] == 0 && s->gap_bytes[1] == 0;
}

bool
tracked_guess(const struct aggr_view *view)
{
	if (view->guess != GUESS_KNOWN && view->guess != GUESS_SOFT && view->guess != GUESS_BLIND)
		return false;
	return view->account_guess != GUESS_REPEAT;
}

bool
tracked_explained(const struct aggr_view *view)
{
	const struct aggr_subject *account = view->subject[SUBJECT_ACCOUNT];

	return view->wide || detect_classified(view->subject[SUBJECT_SOURCE]) ||
	       detect_classified(view->subject[SUBJECT_PREFIX]) ||
	       (account != NULL && account->findings[DETECTOR_DISTRIBUTED] != AGGR_NO_REF);
}
