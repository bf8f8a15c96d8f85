/*
 * enumeration: one source asks which users exist, by recipients that are
 * refused for what they are (RFC 5321 3.5, 3.6: 550, 551, 553), or by VRFY and
 * EXPN. Refused for relaying or for who sends (5.7.x, 5.1.7, 5.1.8, or in words
 * alone), for now (4xx) or as a crowd (452) is something else. Who delivers more
 * than he is refused is a sender with a bad list. The null sender is backscatter
 * and callouts, made of addresses that others forged: it takes five times as
 * many. But a bounce has one recipient and a callout two at most; a third is
 * asked for.
 *
 * Of VRFY and EXPN only how many they were in a session is known, and which the
 * last was. All of three and more count; of less, what was not asked for before:
 * a monitor asks for the same user each minute all day.
 */
#include "control/detect/tracked.h"

#define ENHANCED_POLICY 7  /* RFC 3463 3.8 */
#define ENHANCED_ADDRESS 1 /* RFC 3463 3.2: of it 7 and 8 are about the sender */
#define NULL_FACTOR 5u
#define CALLOUT_RCPTS 2u
#define PROBES_MANY 3u

static bool
refused_user(const struct event_rcpt *r)
{
	if (r->reply_code != 550 && r->reply_code != 551 && r->reply_code != 553)
		return false;
	if (r->enhanced[0] == 0)
		return !r->refused_policy;
	if (r->enhanced[1] == ENHANCED_ADDRESS)
		return r->enhanced[2] != 7 && r->enhanced[2] != 8;
	return r->enhanced[1] != ENHANCED_POLICY;
}

static unsigned
read_event(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const struct track_note of_client = {.type = SUBJECT_SOURCE, .addr = e->head.flow.client};
	bool null_sender;

	if (e->head.type == EVENT_SESSION) {
		if (e->session.probes == 0)
			return 0;
		out[0] = of_client;
		if (e->session.probed != 0 && e->session.probes < PROBES_MANY) {
			out[0].bad = true;
			out[0].thing[0] = track_hash(
				in->track, &e->session.probed, sizeof(e->session.probed));
			return 1;
		}
		out[0].soft = true;
		out[0].times = e->session.probes;
		return 1;
	}
	if (e->rcpt.authenticated_len > 0 || (!e->rcpt.accepted && !refused_user(&e->rcpt)))
		return 0;
	out[0] = of_client;
	out[0].good = e->rcpt.accepted;
	if (!e->rcpt.accepted) {
		null_sender = e->rcpt.from_len == 0 && e->rcpt.nth <= CALLOUT_RCPTS;
		out[0].bad = true;
		out[0].thing[null_sender] = track_hash_name(in->track, e->text, e->rcpt.rcpt_len);
	}
	return 1;
}

static unsigned
span_weigh(const struct track_subject *s, enum window_span span, uint64_t takes)
{
	uint32_t probes = track_sum(s, span, TRACK_SOFT);
	uint32_t names = track_sum(s, span, TRACK_NEW);
	uint32_t null_names = track_sum(s, span, TRACK_OTHER);

	if (track_sum(s, span, TRACK_GOOD) > track_sum(s, span, TRACK_BAD) + probes)
		return 0;
	return tracked_percent(names + probes, takes) +
	       tracked_percent(null_names, takes * NULL_FACTOR);
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
