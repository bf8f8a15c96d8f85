/*
 * exposure: what a server shows to the outside and should not. Told once per
 * server and kind per day, not per session. What strangers' servers offer to
 * ours, once it is known which are ours, is theirs.
 *
 *   clear AUTH    AUTH offered before TLS: whoever is on the way reads the
 *                 passwords
 *   old version   the greeting names one that nobody maintains any more:
 *                 patterns 1200 to 1299, which hold the cutoffs and their reasons
 *   mangled TLS   STARTTLS is overwritten in the reply to EHLO, or offered and
 *                 then unknown: something on the way takes it out
 */
#include "control/detect/tracked.h"

#define OLD_FIRST 1200u
#define OLD_LAST 1299u

static unsigned
add(const struct tracked_input *in, struct track_note *out, enum finding_kind kind)
{
	const struct event_flow *flow = &in->event->head.flow;

	*out = (struct track_note){
		.type = SUBJECT_SERVER, .addr = flow->server, .kind = (uint8_t)kind, .bad = true};
	out->unsummed = 1u << 0;
	out->thing[0] = track_hash_addr(in->track, &flow->client);
	return 1;
}

static unsigned
read_event(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const struct event_flow *flow = &e->head.flow;
	unsigned n = 0;

	if (!track_role_apart(in->track, &flow->client, &flow->server))
		return 0;
	if (track_role_ours(in->track, &flow->client) && !track_role_ours(in->track, &flow->server))
		return 0;
	if (e->head.type == EVENT_SIGNATURE) {
		uint32_t id = e->signature.pattern_id;

		return id >= OLD_FIRST && id <= OLD_LAST ? add(in, &out[0], KIND_OLD_VERSION) : 0;
	}
	if (e->session.flags & SESSION_AUTH_OFFERED)
		n += add(in, &out[n], KIND_CLEAR_AUTH);
	if (e->session.flags & SESSION_STARTTLS_MANGLED)
		n += add(in, &out[n], KIND_MANGLED_TLS);
	return n;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	(void)c;
	return tracked_percent(s->run.bad, 1);
}

const struct tracked_detector tracked_exposure = {
	.event_types = TRACKED_ON(SESSION) | TRACKED_ON(SIGNATURE),
	.confidence = 90,
	.knows = TRACK_ROLE_NETS,
	.doubt = 10,
	.again_ns = 24 * NS_PER_H,
	.things = {THING_SOURCE},
	.read = read_event,
	.weigh = weigh,
};
