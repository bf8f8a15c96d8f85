/*
 * outbound_fanout: a host of ours speaks to many mail servers outside.
 *
 * A desktop that does is a spam bot; a mail server that suddenly speaks to
 * many times more than ever is a cracked one. So a host that never answered as
 * a mail server takes few different servers. A mail server needs a past of a day
 * (WARM bins), and ten times as many; from a week on five times, since by then
 * lists and newsletters, which go by the week, were seen. What is ours is
 * configured or learned (track/role.c).
 *
 * A host that did at least half as much on a day six days to five weeks ago
 * (track/habit.c) does what it always does: a list server, a newsletter's
 * sender, an outbound relay that nobody delivers to. In its first week such a
 * host without the other side of a mail server looks like a bot, and is told.
 */
#include "control/detect/tracked.h"

#define WARM TRACK_BINS_DAY
#define WEEK (7 * TRACK_BINS_DAY)
#define SERVER_FACTOR 5u
#define YOUNG_FACTOR 10u

static bool
is_habit(const struct tracked_input *in)
{
	const struct event_head *head = &in->event->head;

	return habit_add(&in->track->habits, track_hash_addr(in->track, &head->flow.client),
		head->clock_ns, in->config->fanout_servers)
		.old;
}

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
	if (is_habit(in))
		return 0;
	out[0] = (struct track_note){.type = SUBJECT_SOURCE, .addr = flow->client, .bad = true};
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
		factor = s->usual.learned < WEEK ? YOUNG_FACTOR : SERVER_FACTOR;
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
