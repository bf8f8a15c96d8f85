/*
 * long_session: sessions that hold a server's slots for minutes and say next
 * to nothing: no mail, no AUTH, no TLS, a few commands. RFC 5321 4.5.3.2 lets a
 * server wait five minutes for each command, which is what the holder lives
 * on. One such session is a person with telnet or a client that fell asleep;
 * many of one source are on purpose.
 */
#include "control/detect/tracked.h"

#define SAID_BYTES_MAX 512u

static unsigned
read_session(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const struct event_session *s = &e->session;
	uint64_t end_ns = e->head.time_ns > e->head.clock_ns ? e->head.time_ns : e->head.clock_ns;

	if (s->transactions > 0 || s->auth_attempts > 0 || s->bytes[0] > SAID_BYTES_MAX ||
		(s->flags & (SESSION_SYN_ONLY | SESSION_REFUSED_CONNECT | SESSION_STARTTLS |
				    SESSION_TLS)))
		return 0;
	/* The server spoke, and what was said was seen. */
	if (s->bytes[1] == 0 || !tracked_whole(e) || end_ns < s->start_ns ||
		end_ns - s->start_ns < in->config->long_session_time)
		return 0;
	out[0] = (struct track_note){
		.type = SUBJECT_SOURCE, .addr = e->head.flow.client, .bad = true};
	out[0].thing[0] = track_hash_addr(in->track, &e->head.flow.server);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	return tracked_percent(track_sum(s, WINDOW_HOUR, TRACK_BAD), c->long_session_sessions);
}

const struct tracked_detector tracked_long_session = {
	.event_types = TRACKED_ON(SESSION),
	.confidence = 75,
	.things = {THING_TARGET},
	.read = read_session,
	.weigh = weigh,
};
