/*
 * exposure: a server offers AUTH in clear to the outside. Whoever is on the
 * way reads the passwords. Told once per server per day, not per session. What
 * strangers' servers offer to ours, once it is known which are ours, is theirs.
 */
#include "control/detect/tracked.h"

static unsigned
read_session(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event_flow *flow = &in->event->head.flow;

	if (!(in->event->session.flags & SESSION_AUTH_OFFERED) ||
		!track_role_apart(in->track, &flow->client, &flow->server))
		return 0;
	if (track_role_ours(in->track, &flow->client) && !track_role_ours(in->track, &flow->server))
		return 0;
	out[0].type = SUBJECT_SERVER;
	out[0].addr = flow->server;
	out[0].bad = true;
	out[0].thing[0] = track_hash_addr(in->track, &flow->client);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	(void)c;
	return tracked_percent(s->run.bad, 1);
}

const struct tracked_detector tracked_exposure = {
	.event_types = TRACKED_ON(SESSION),
	.confidence = 90,
	.knows = TRACK_ROLE_NETS,
	.doubt = 10,
	.again_ns = 24 * NS_PER_H,
	.things = {THING_SOURCE},
	.read = read_session,
	.weigh = weigh,
};
