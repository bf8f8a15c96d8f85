/*
 * smtp_scan: one source looks at many servers and wants nothing of them.
 *
 * A connection is empty when it was refused, never got beyond the handshake,
 * or ended without mail, AUTH or TLS after at most a handful of commands (nmap
 * says EHLO, HELP and QUIT). What is counted is the number of different
 * servers that saw an empty one. A mail server that finds many others down
 * makes empty connections too, but also full ones: these speak for it.
 */
#include "control/detect/tracked.h"

#define EMPTY_LINES_MAX 5u /* commands, or replies: the same if only one side was seen */

static bool
is_full(const struct event_session *s)
{
	return s->transactions > 0 || s->auth_attempts > 0 ||
	       (s->flags & (SESSION_STARTTLS | SESSION_TLS)) || s->commands > EMPTY_LINES_MAX ||
	       s->replies > EMPTY_LINES_MAX + 1;
}

static unsigned
read_session(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event_session *s = &in->event->session;
	const struct event_flow *flow = &in->event->head.flow;
	bool full;

	if (!(flow->flags & EVENT_FLOW_FROM_START))
		return 0;
	full = is_full(s);
	/* One that still goes on, or lost bytes, may be full. */
	if (!full && (s->end == SESSION_END_CAPTURE || s->end == SESSION_END_EVICTED ||
			     !tracked_whole(in->event)))
		return 0;
	out[0] = (struct track_note){
		.type = SUBJECT_SOURCE, .addr = flow->client, .good = full, .bad = !full};
	if (!full)
		out[0].thing[0] = track_hash_addr(in->track, &flow->server);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	const uint64_t takes[WINDOW_SPANS] = {
		c->scan_servers, c->scan_servers_hour, c->scan_servers_day};
	unsigned most = 0;

	if (track_sum(s, WINDOW_HOUR, TRACK_GOOD) * 4 > track_sum(s, WINDOW_HOUR, TRACK_BAD) ||
		track_sum(s, WINDOW_DAY, TRACK_GOOD) * 4 > track_sum(s, WINDOW_DAY, TRACK_BAD))
		return 0;
	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		most = tracked_more(
			most, tracked_percent(track_sum(s, span, TRACK_NEW), takes[span]));
	return most;
}

const struct tracked_detector tracked_smtp_scan = {
	.event_types = TRACKED_ON(SESSION),
	.confidence = 90,
	.things = {THING_TARGET},
	.read = read_session,
	.weigh = weigh,
};
