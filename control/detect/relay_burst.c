/*
 * relay_burst: an account that logged in sends to many foreign recipients.
 *
 * Foreign is a domain that is not configured as local; where none is, one that
 * is neither the sender's own nor one whose mail the server takes from the
 * world. It takes several messages, so that one letter
 * to a club is no burst, and more than the account always sends: a newsletter
 * that goes out each week, or a scanner that mails all day, is its own
 * measure after TRACK_WARM bins.
 */
#include <string.h>
#include <strings.h>

#include "control/detect/tracked.h"

#define WARM 36u /* bins of ten minutes: six hours */
#define MESSAGES_MIN 5u

static bool
same_domain(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static bool
is_foreign(const struct tracked_input *in, const char **domain, size_t *len)
{
	const struct event *e = in->event;
	const char *from;
	size_t from_len = tracked_domain(e->text + e->rcpt.rcpt_len, e->rcpt.from_len, &from);

	*len = tracked_domain(e->text, e->rcpt.rcpt_len, domain);
	if (*len == 0)
		return false;
	if (!track_role_says(in->track, TRACK_ROLE_DOMAINS) && from_len > 0 &&
		same_domain(*domain, *len, from, from_len))
		return false;
	return !track_role_local_domain(in->track, &e->head.flow.server, *domain, *len);
}

static unsigned
read_event(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const char *domain;
	size_t len;

	out[0].type = SUBJECT_ACCOUNT;
	if (e->head.type == EVENT_MAIL) {
		out[0].name = e->text + e->mail.helo_len + e->mail.from_len;
		out[0].name_len = e->mail.authenticated_len;
		out[0].good = true; /* here: a message */
		return e->mail.authenticated_len > 0 && e->mail.recipients_accepted > 0;
	}
	out[0].name = e->text + e->rcpt.rcpt_len + e->rcpt.from_len;
	out[0].name_len = e->rcpt.authenticated_len;
	if (!e->rcpt.accepted || e->rcpt.authenticated_len == 0 || !is_foreign(in, &domain, &len))
		return 0;
	out[0].bad = true;
	out[0].thing[0] = track_hash_name(in->track, e->text, e->rcpt.rcpt_len);
	out[0].thing[1] = track_hash_name(in->track, domain, len);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	unsigned now = tracked_percent(track_sum(s, WINDOW_10MIN, TRACK_NEW), c->relay_recipients);
	unsigned hour =
		tracked_percent(track_sum(s, WINDOW_HOUR, TRACK_NEW), c->relay_recipients_hour);

	if (usual_is(&s->usual, WARM))
		return 0;
	if (track_sum(s, WINDOW_HOUR, TRACK_GOOD) < MESSAGES_MIN)
		return 0;
	return tracked_more(now, hour);
}

const struct tracked_detector tracked_relay_burst = {
	.event_types = TRACKED_ON(RCPT) | TRACKED_ON(MAIL),
	.confidence = 75,
	.knows = TRACK_ROLE_DOMAINS,
	.doubt = 15,
	.read = read_event,
	.weigh = weigh,
};
