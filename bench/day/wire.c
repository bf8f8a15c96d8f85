#include "bench/day/wire.h"

#include <string.h>

static void
tell(struct world *w, struct event *e)
{
	e->head.order = ++w->order;
	w->events++;
	w->invalid += !event_valid(e);
	w->sink(w->arg, e, w->acting != NULL ? w->acting->instance : 0);
}

static struct event
make(const struct world *w, const struct wire *wire, enum event_type type)
{
	struct event e = {0};

	e.head.type = (uint16_t)type;
	e.head.version = EVENT_VERSION;
	e.head.clock_ns = e.head.time_ns = w->now_ns;
	e.head.flow.flow_id = wire->flow_id;
	e.head.flow.flags = EVENT_FLOW_FROM_START | EVENT_FLOW_CLIENT_SEEN | EVENT_FLOW_SERVER_SEEN;
	e.head.flow.client = wire->client;
	e.head.flow.server = wire->server;
	e.head.flow.client_port = (uint16_t)(20000 + wire->flow_id % 40000);
	e.head.flow.server_port = wire->port;
	return e;
}

static uint8_t
put(struct event *e, size_t *used, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	memcpy(e->text + *used, text != NULL ? text : "", len);
	*used += len;
	return (uint8_t)len;
}

struct wire
wire_open(struct world *w, const struct addr *client, const struct addr *server, uint16_t port)
{
	return (struct wire){.client = *client,
		.server = *server,
		.port = port,
		.flow_id = ++w->flows,
		.lasted_ns = NS_PER_S,
		.helo = "client.example",
		.commands = 2, /* EHLO and QUIT */
		.flags = SESSION_BANNER_SEEN | SESSION_EHLO_SEEN};
}

void
wire_auth(struct world *w, struct wire *wire, const char *account, uint64_t password,
	enum event_outcome outcome)
{
	struct event e = make(w, wire, EVENT_AUTH);
	size_t used = 0;

	wire->auths++;
	wire->commands++;
	e.auth.attempt_no = wire->auths;
	e.auth.outcome = (uint8_t)outcome;
	e.auth.reply_code = outcome == OUTCOME_SUCCESS   ? 235
			    : outcome == OUTCOME_FAILURE ? 535
							 : 454;
	e.auth.confidence = 100;
	e.auth.flags = AUTH_COMMAND_SEEN | AUTH_USERNAME_KNOWN;
	strcpy(e.auth.mechanism, password != 0 ? "PLAIN" : "CRAM-MD5");
	if (password != 0) {
		e.auth.flags |= AUTH_PASSWORD_KNOWN;
		e.auth.password_fp = password;
	}
	e.auth.username_len = put(&e, &used, account);
	tell(w, &e);
}

void
wire_mail(struct world *w, struct wire *wire, const struct letter *l)
{
	struct event r = make(w, wire, EVENT_RCPT);
	struct event e = make(w, wire, EVENT_MAIL);
	bool accepted = l->code == 250;
	size_t used = 0;

	wire->transactions++;
	wire->commands += accepted ? 3 : 2;
	r.rcpt.transaction_no = e.mail.transaction_no = wire->transactions;
	r.rcpt.reply_code = (uint16_t)l->code;
	if (l->code == 550) {
		r.rcpt.enhanced[0] = 5;
		r.rcpt.enhanced[1] = r.rcpt.enhanced[2] = 1;
	}
	r.rcpt.accepted = accepted;
	r.rcpt.rcpt_len = put(&r, &used, l->to);
	r.rcpt.from_len = put(&r, &used, l->from);
	r.rcpt.authenticated_len = put(&r, &used, l->account);
	tell(w, &r);
	used = 0;
	e.mail.recipients_accepted = accepted;
	e.mail.recipients_refused = !accepted;
	e.mail.reply_code = accepted ? 250 : (uint16_t)l->code;
	e.mail.body_bytes = accepted ? 4000 : 0;
	e.mail.flags = (uint8_t)((l->from[0] == '\0' ? MAIL_NULL_SENDER : 0) |
				 (l->bounce && accepted ? MAIL_DSN_HEADER : 0) |
				 (accepted ? MAIL_COMPLETE : MAIL_REFUSED));
	e.mail.from_len = put(&e, &used, l->from);
	e.mail.authenticated_len = put(&e, &used, l->account);
	tell(w, &e);
}

void
wire_words(struct world *w, const struct wire *wire, uint32_t pattern)
{
	struct event e = make(w, wire, EVENT_SIGNATURE);
	size_t used = 0;

	e.signature.pattern_id = pattern;
	e.signature.context = CONTEXT_REPLY;
	e.signature.from_server = 1;
	e.signature.line_len =
		put(&e, &used, "554 5.7.1 Service unavailable; client host blocked by a list");
	tell(w, &e);
}

void
wire_close(struct world *w, struct wire *wire)
{
	struct event e = make(w, wire, EVENT_SESSION);
	size_t used = 0;

	e.session.start_ns = w->now_ns - wire->lasted_ns;
	e.session.packets[0] = wire->commands + 3;
	e.session.packets[1] = wire->silent ? 0 : wire->commands + 3;
	e.session.commands = wire->silent ? 0 : wire->commands;
	e.session.replies = wire->silent ? 0 : wire->commands + 1;
	e.session.bytes[0] =
		wire->silent ? 0 : 20ULL * wire->commands + 4000ULL * wire->transactions;
	e.session.bytes[1] = wire->silent ? 0 : 40ULL * (wire->commands + 1);
	e.session.auth_attempts = wire->auths;
	e.session.transactions = wire->transactions;
	e.session.flags = wire->silent ? SESSION_SYN_ONLY : wire->flags;
	e.session.end = wire->silent ? SESSION_END_IDLE : SESSION_END_FIN;
	e.session.probes = wire->probes;
	if (!wire->silent)
		e.session.helo_len = put(&e, &used, wire->helo);
	tell(w, &e);
}

uint64_t
wire_password(uint64_t who, uint64_t n)
{
	return rng_mix(rng_mix(who) + n) | 1;
}

uint64_t
wire_right(const struct world *w, unsigned user)
{
	return wire_password(0x7000000000ULL + user, w->users[user].version);
}
