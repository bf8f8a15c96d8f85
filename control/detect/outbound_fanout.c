/*
 * outbound_fanout: a host of ours speaks to many mail servers outside.
 *
 * A desktop that does is a spam bot; a mail server that suddenly speaks to
 * many times more than ever is a cracked one. So a host that never answered as
 * a mail server takes few different servers, and a mail server needs a past
 * (WARM bins) that says what is usual, and five times as many. What is ours is
 * configured or learned (track/role.c).
 */
#include "control/detect/tracked.h"

#define WARM 36u
#define SERVER_FACTOR 5u

static unsigned
read_session(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event_session *s = &in->event->session;
	const struct event_flow *flow = &in->event->head.flow;

	/* Something was said: what only knocks is a scan. */
	if (s->commands < 2 && !(s->flags & SESSION_TLS))
		return 0;
	if (flow->server_port == 587 ||
		!track_role_apart(in->track, &flow->client, &flow->server) ||
		!track_role_ours(in->track, &flow->client))
		return 0;
	out[0].type = SUBJECT_SOURCE;
	out[0].addr = flow->client;
	out[0].bad = true;
	/* Here: it is a mail server itself. */
	out[0].good = track_role_server(in->track, &flow->client);
	out[0].thing[0] = track_hash_addr(in->track, &flow->server);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	unsigned factor = 1;

	if (track_sum(s, WINDOW_DAY, TRACK_GOOD) > 0) {
		if (s->usual.learned < WARM || usual_is(&s->usual, WARM))
			return 0;
		factor = SERVER_FACTOR;
	}
	return tracked_more(
		tracked_percent(track_sum(s, WINDOW_10MIN, TRACK_NEW), c->fanout_servers * factor),
		tracked_percent(
			track_sum(s, WINDOW_HOUR, TRACK_NEW), c->fanout_servers_hour * factor));
}

const struct tracked_detector tracked_outbound_fanout = {
	.event_types = TRACKED_ON(SESSION),
	.confidence = 70,
	.knows = TRACK_ROLE_NETS,
	.doubt = 20,
	.things = {THING_TARGET},
	.read = read_session,
	.weigh = weigh,
};
