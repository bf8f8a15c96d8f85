/*
 * bounce_wave: bounces flood an account, or a server.
 *
 * A bounce has the null sender (RFC 5321 4.5.5) and one recipient. For an
 * account it counts when its header says that it is a DSN, so that senders'
 * addresses that are merely verified (a callout ends before DATA) do not. The
 * recipient is known at RCPT and the header at the end of the message; what
 * waits in between is remembered by session and transaction. For a server,
 * bounces to accounts that do not exist count too: forged senders are often
 * made up: where four servers or more take part, since one that asks for users
 * with the null sender is an enumeration. A list or newsletter that always gets
 * bounces is its own measure; and return paths that name each reader (VERP, with
 * + or =) are one account for each domain, not one for each reader.
 *
 * Backscatter comes from wherever a forger's spam went: many servers. A loop is
 * two ends that answer each other: the same few, over and over.
 */
#include <string.h>

#include "control/detect/tracked.h"

#define WARM 36u
#define LOOP_SERVERS 3u
#define CALLOUT_RCPTS 2u

static uint64_t
account_thing(const struct tracked_input *in, const char *name, size_t len)
{
	const char *domain;
	size_t domain_len = tracked_domain(name, len, &domain);

	if (domain_len == 0)
		return track_hash_name(in->track, name, len);
	if (memchr(name, '+', len - domain_len) || memchr(name, '=', len - domain_len))
		return track_hash_name(in->track, domain, domain_len);
	return track_hash_name(in->track, name, len);
}

static void
note_server(const struct tracked_input *in, struct track_note *out)
{
	*out = (struct track_note){
		.type = SUBJECT_SERVER, .addr = in->event->head.flow.server, .bad = true};
	out->thing[0] = track_hash_addr(in->track, &in->event->head.flow.client);
}

static unsigned
read_rcpt(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	struct track_pending p;

	if (e->rcpt.from_len > 0)
		return 0;
	if (!e->rcpt.accepted) {
		/* Only where the transaction is known to have had the null sender is it told
		   apart from a sender that was not seen. */
		if (e->rcpt.nth > CALLOUT_RCPTS || e->rcpt.reply_code < 500 ||
			!(e->head.flow.flags & EVENT_FLOW_FROM_START) ||
			(e->head.flow.flags & EVENT_FLOW_GAP))
			return 0;
		note_server(in, &out[0]);
		out[0].good = true; /* here: refused */
		out[0].thing[1] = account_thing(in, e->text, e->rcpt.rcpt_len);
		return 1;
	}
	p.transaction_no = e->rcpt.transaction_no;
	p.len = e->rcpt.rcpt_len;
	memcpy(p.name, e->text, p.len);
	track_pending_put(in->track, e->head.flow.flow_id, &p);
	return 0;
}

static unsigned
read_event(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const struct track_pending *p;

	if (e->head.type == EVENT_RCPT)
		return read_rcpt(in, out);
	if (!(e->mail.flags & MAIL_NULL_SENDER) || !(e->mail.flags & MAIL_DSN_HEADER))
		return 0;
	note_server(in, &out[0]);
	p = track_pending_get(in->track, e->head.flow.flow_id);
	if (p == NULL || p->transaction_no != e->mail.transaction_no)
		return 1;
	out[0].thing[1] = account_thing(in, p->name, p->len);
	out[1] = (struct track_note){
		.type = SUBJECT_ACCOUNT, .name = p->name, .name_len = p->len, .bad = true};
	out[1].thing[0] = out[0].thing[0];
	return p->len > 0 ? 2 : 1;
}

/* Of few servers only what was taken, and said by its header to be one, is a bounce. */
static uint32_t
bounces(const struct track_subject *s, enum window_span span)
{
	uint32_t all = track_sum(s, span, TRACK_BAD);

	if (s->type == SUBJECT_SERVER && track_sum(s, WINDOW_HOUR, TRACK_NEW) <= LOOP_SERVERS)
		return all - track_sum(s, span, TRACK_GOOD);
	return all;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	bool server = s->type == SUBJECT_SERVER;
	uint64_t takes = server ? c->bounce_server : c->bounce_account;
	uint64_t takes_hour = server ? c->bounce_server_hour : c->bounce_account_hour;

	if (usual_is(&s->usual, WARM))
		return 0;
	/* Of a server, at many accounts: one account's wave is that account's. */
	if (server && track_sum(s, WINDOW_HOUR, TRACK_OTHER) < c->bounce_server_accounts)
		return 0;
	return tracked_more(tracked_percent(bounces(s, WINDOW_10MIN), takes),
		tracked_percent(bounces(s, WINDOW_HOUR), takes_hour));
}

static enum finding_kind
kind(const struct track_subject *s)
{
	return s->run.things[0] <= LOOP_SERVERS ? KIND_LOOP : KIND_BACKSCATTER;
}

const struct tracked_detector tracked_bounce_wave = {
	.event_types = TRACKED_ON(RCPT) | TRACKED_ON(MAIL),
	.confidence = 85,
	.things = {THING_SOURCE, THING_ACCOUNT},
	.read = read_event,
	.weigh = weigh,
	.kind = kind,
};
