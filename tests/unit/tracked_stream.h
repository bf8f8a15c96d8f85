/* Synthetic connections, recipients, messages and servers' words, on top of detect_stream.h. */
#ifndef SMTAP_TESTS_TRACKED_STREAM_H
#define SMTAP_TESTS_TRACKED_STREAM_H

#include "tests/unit/detect_stream.h"

#define MX "203.0.113.25"
#define EMPTY 0u

static inline struct event
base_event(enum event_type type, const char *client, const char *server)
{
	struct event e = {0};

	s->order++;
	e.head.type = (uint16_t)type;
	e.head.version = EVENT_VERSION;
	e.head.clock_ns = e.head.time_ns = s->now_ns;
	e.head.order = s->order;
	e.head.flow.flow_id = s->order;
	e.head.flow.flags = EVENT_FLOW_FROM_START | EVENT_FLOW_CLIENT_SEEN | EVENT_FLOW_SERVER_SEEN;
	e.head.flow.client = stream_addr(client);
	e.head.flow.server = stream_addr(server);
	e.head.flow.client_port = 40000;
	e.head.flow.server_port = 25;
	return e;
}

static inline uint8_t
put(struct event *e, size_t *used, const char *text)
{
	size_t len = strlen(text);

	memcpy(e->text + *used, text, len);
	*used += len;
	return (uint8_t)len;
}

/* A connection of that many commands. */
static inline struct event
session(const char *client, const char *server, unsigned commands)
{
	struct event e = base_event(EVENT_SESSION, client, server);

	e.session.start_ns = s->now_ns - NS_PER_S;
	e.session.commands = commands;
	e.session.replies = commands + 1;
	e.session.bytes[0] = 10ULL * commands;
	e.session.bytes[1] = 40;
	e.session.flags = SESSION_BANNER_SEEN;
	e.session.end = SESSION_END_FIN;
	return e;
}

static inline void
feed(const struct event *e)
{
	assert_true(event_valid(e));
	engine_event(s->engine, e);
}

struct mail {
	const char *client;
	const char *server;
	const char *from;
	const char *to;
	const char *account; /* NULL: no AUTH */
	unsigned code;       /* of RCPT; 250 accepts */
	bool bounce;         /* its header says so */
};

/* One recipient, and the message when accepted. */
static inline void
send_mail(const struct mail *m)
{
	struct event r = base_event(EVENT_RCPT, m->client, m->server);
	struct event e = r;
	size_t used = 0;

	r.rcpt.transaction_no = 1;
	r.rcpt.reply_code = (uint16_t)m->code;
	r.rcpt.accepted = m->code == 250;
	r.rcpt.rcpt_len = put(&r, &used, m->to);
	r.rcpt.from_len = put(&r, &used, m->from);
	r.rcpt.authenticated_len = m->account ? put(&r, &used, m->account) : 0;
	feed(&r);
	used = 0;
	e.head.type = EVENT_MAIL;
	e.mail.transaction_no = 1;
	e.mail.recipients_accepted = r.rcpt.accepted;
	e.mail.recipients_refused = !r.rcpt.accepted;
	e.mail.reply_code = 250;
	e.mail.flags = (uint8_t)((m->from[0] == '\0' ? MAIL_NULL_SENDER : 0) |
				 (m->bounce && r.rcpt.accepted ? MAIL_DSN_HEADER : 0) |
				 (r.rcpt.accepted ? MAIL_COMPLETE : 0));
	e.mail.from_len = put(&e, &used, m->from);
	e.mail.authenticated_len = m->account ? put(&e, &used, m->account) : 0;
	feed(&e);
}

static inline const char *
at_domain(const char *user, unsigned n, const char *domain, unsigned d)
{
	static char text[8][96];
	static unsigned next;
	char *out = text[next++ % 8];

	snprintf(out, sizeof(text[0]), "%s%u@%s%u.example", user, n, domain, d);
	return out;
}

/* What begins from here on was not there before smtap looked. */
static inline void
look_for_a_while(void)
{
	struct event e = session("198.18.200.1", "198.18.200.2", 4);

	e.session.transactions = 1;
	feed(&e);
	stream_wait(s, 5 * NS_PER_MIN);
}

static inline bool
has(enum detector detector, const char *subject)
{
	return stream_find(s, detector, subject) != NULL;
}

#endif
