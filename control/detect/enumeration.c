/*
 * enumeration: one source asks which users exist, by recipients that are
 * refused for what they are (RFC 5321 3.5, 3.6: 550, 551, 553), or by VRFY and
 * EXPN. Refused for relaying (5.7.x), for now (4xx) or as a crowd (452) is
 * something else. Who delivers more than he is refused is a sender with a bad
 * list. The null sender is backscatter and callouts, made of addresses that
 * others forged: it takes five times as many.
 */
#include "control/detect/tracked.h"

#define ENHANCED_POLICY 7 /* RFC 3463 3.8 */
#define NULL_FACTOR 5u

static bool
refused_user(const struct event_rcpt *r)
{
	if (r->reply_code != 550 && r->reply_code != 551 && r->reply_code != 553)
		return false;
	return r->enhanced[0] == 0 || r->enhanced[1] != ENHANCED_POLICY;
}

static unsigned
read_event(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;

	out[0].type = SUBJECT_SOURCE;
	out[0].addr = e->head.flow.client;
	if (e->head.type == EVENT_SESSION) {
		out[0].bad = true;
		out[0].times = e->session.probes;
		return e->session.probes > 0;
	}
	if (e->rcpt.authenticated_len > 0)
		return 0;
	out[0].good = e->rcpt.accepted;
	if (!e->rcpt.accepted) {
		if (!refused_user(&e->rcpt))
			return 0;
		out[0].soft = e->rcpt.from_len == 0;
		out[0].bad = !out[0].soft;
		out[0].thing[out[0].soft] = track_hash_name(in->track, e->text, e->rcpt.rcpt_len);
	}
	return 1;
}

static unsigned
span_weigh(const struct track_subject *s, enum window_span span, uint64_t takes)
{
	uint32_t bad = track_sum(s, span, TRACK_BAD);
	uint32_t names = track_sum(s, span, TRACK_NEW);
	uint32_t soft = track_sum(s, span, TRACK_OTHER);

	if (track_sum(s, span, TRACK_GOOD) > bad + track_sum(s, span, TRACK_SOFT))
		return 0;
	return tracked_percent(tracked_more(names, bad / 2), takes) +
	       tracked_percent(soft, takes * NULL_FACTOR);
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	unsigned most = span_weigh(s, WINDOW_10MIN, c->enum_users);

	most = tracked_more(most, span_weigh(s, WINDOW_HOUR, c->enum_users_hour));
	return tracked_more(most, span_weigh(s, WINDOW_DAY, c->enum_users_day));
}

const struct tracked_detector tracked_enumeration = {
	.event_types = TRACKED_ON(RCPT) | TRACKED_ON(SESSION),
	.confidence = 85,
	.things = {THING_ACCOUNT, THING_ACCOUNT},
	.read = read_event,
	.weigh = weigh,
};
