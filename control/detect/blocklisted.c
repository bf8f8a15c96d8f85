/*
 * blocklisted: remote servers refuse one of ours because a blocklist names it.
 *
 * The same words are what our own server tells a spammer, so the client must
 * be known as ours (track/role.c) and the server not; else nothing is said. With
 * site.local_nets that is from the first reply on.
 * One refusal often matches several patterns of 2300 to 2399 (any list of
 * Spamhaus; ZEN; some list, by its words), and each is an event: the refusal is
 * counted with the first, the others only add what they name
 * (incident/blocklist.h). Events of one packet follow each other.
 */
#include "control/detect/tracked.h"

static unsigned
read_signature(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event_signature *s = &in->event->signature;
	const struct event_head *head = &in->event->head;
	const struct event_flow *flow = &head->flow;
	struct track_refusal *last = &in->track->refusal;

	if (s->pattern_id < BLOCKLIST_FIRST || s->pattern_id > BLOCKLIST_LAST || !s->from_server)
		return 0;
	if (!track_role_apart(in->track, &flow->client, &flow->server) ||
		!track_role_ours(in->track, &flow->client) ||
		track_role_ours(in->track, &flow->server))
		return 0;
	out[0] = (struct track_note){.type = SUBJECT_SOURCE, .addr = flow->client};
	out[0].more = last->flow_id == flow->flow_id && last->time_ns == head->time_ns;
	if (out[0].more)
		return 1;
	*last = (struct track_refusal){flow->flow_id, head->time_ns};
	out[0].bad = true;
	out[0].thing[0] = track_hash_addr(in->track, &flow->server);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	return tracked_percent(track_sum(s, WINDOW_HOUR, TRACK_BAD), c->blocklisted_refusals);
}

const struct tracked_detector tracked_blocklisted = {
	.event_types = TRACKED_ON(SIGNATURE),
	.confidence = 85,
	.knows = TRACK_ROLE_NETS,
	.doubt = 15,
	.again_ns = 24 * NS_PER_H,
	.things = {THING_TARGET},
	.read = read_signature,
	.weigh = weigh,
};
