/*
 * helo_churn: one prefix, many HELO names. A server has one name (RFC 5321
 * 4.1.1.1) and a network of servers has about one each; a bot makes up a new
 * one for each session. Users' programs also say what they like, and many sit
 * behind one address, but they log in or use TLS: such sessions do not count.
 */
#include "control/detect/tracked.h"

#define NAMES_PER_SOURCE 3u

static unsigned
read_session(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const struct event_session *s = &e->session;

	if (s->helo_len == 0 || s->auth_attempts > 0 || e->head.flow.server_port == 587 ||
		(s->flags & (SESSION_STARTTLS | SESSION_TLS)))
		return 0;
	out[0] = (struct track_note){
		.type = SUBJECT_PREFIX, .addr = track_prefix(&e->head.flow.client), .bad = true};
	out[0].thing[0] = track_hash_name(in->track, e->text, s->helo_len);
	out[0].thing[1] = track_hash_addr(in->track, &e->head.flow.client);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	uint32_t names = track_sum(s, WINDOW_HOUR, TRACK_NEW);

	if (names < NAMES_PER_SOURCE * track_sum(s, WINDOW_HOUR, TRACK_OTHER))
		return 0;
	return tracked_percent(names, c->helo_names);
}

const struct tracked_detector tracked_helo_churn = {
	.event_types = TRACKED_ON(SESSION),
	.confidence = 70,
	.things = {THING_WORD, THING_SOURCE},
	.read = read_session,
	.weigh = weigh,
};
