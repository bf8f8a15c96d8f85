/*
 * open_relay: a server takes mail for others from strangers without AUTH, and
 * passes it on.
 *
 * Taking alone proves nothing: a host of many domains takes mail for all of
 * them, and a honeypot for any. What proves it is that the same recipient,
 * taken without AUTH from a client outside the server's own network, is
 * delivered by that server to another one outside it; that the domain is not
 * one which the world brings to this server (a filter before a customer's own
 * server); and that several domains go this way. The recipients that a server
 * took lately are remembered by a hash of server and recipient, each with the
 * session that brought it: the stranger in it is the one to blame, and the relay
 * his target, though the event at hand is the relay's own delivery.
 */
#include "control/detect/tracked.h"

struct passing {
	struct addr server;
	uint64_t recipient;
};

static uint64_t
passing_hash(const struct tracked_input *in, const struct addr *server)
{
	const struct event *e = in->event;
	const struct passing p = {*server, track_hash_name(in->track, e->text, e->rcpt.rcpt_len)};

	return track_hash(in->track, &p, sizeof(p));
}

static unsigned
read_rcpt(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const struct event_flow *flow = &e->head.flow;
	const struct event_flow *brought;
	const char *domain;
	size_t len = tracked_domain(e->text, e->rcpt.rcpt_len, &domain);

	if (len == 0 || e->rcpt.authenticated_len > 0 || !e->rcpt.accepted)
		return 0;
	if (!track_role_apart(in->track, &flow->client, &flow->server))
		return 0;
	brought = taken_by(&in->track->taken, passing_hash(in, &flow->client));
	if (brought != NULL && !track_role_local_domain(in->track, &flow->client, domain, len)) {
		out[0] = (struct track_note){
			.type = SUBJECT_SERVER, .addr = flow->client, .bad = true, .flow = brought};
		out[0].thing[0] = track_hash_name(in->track, domain, len);
		out[0].thing[1] = track_hash_name(in->track, e->text, e->rcpt.rcpt_len);
		return 1;
	}
	taken_put(&in->track->taken, passing_hash(in, &flow->server), flow);
	return 0;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	return tracked_percent(track_sum(s, WINDOW_DAY, TRACK_NEW), c->open_relay_domains);
}

const struct tracked_detector tracked_open_relay = {
	.event_types = TRACKED_ON(RCPT),
	.confidence = 90,
	.knows = TRACK_ROLE_NETS | TRACK_ROLE_DOMAINS,
	.doubt = 15,
	.again_ns = 24 * NS_PER_H,
	.read = read_rcpt,
	.weigh = weigh,
};
