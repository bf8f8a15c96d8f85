/*
 * session: what a tap makes of one SMTP connection.
 *
 * Theory of operation. Two machines read the two sides. The server's is simple:
 * reply lines, or TLS. The client's has modes (enum client_mode), since what its
 * bytes mean depends on what was said before. They are joined by the commands
 * that have no reply yet:
 *
 *   queue (queue.c)   commands whose reply changes nothing for what follows
 *   tail              the one command, always the last, whose reply does: AUTH,
 *                     DATA, STARTTLS. While it is unanswered the client's mode is
 *                     CLIENT_WAIT and its bytes are held (line.c), not
 *                     interpreted: after a 334 a line is a response whatever it
 *                     says, after a 535 the same bytes are commands.
 *
 * So each reply has one command to go to: the queue's head, then the tail, then
 * the data that pass. Some codes can only answer one command (334 and 235 AUTH,
 * 354 DATA, 221 QUIT), and put the two machines in step again when bytes were
 * missed.
 *
 * What always holds: tail is set if and only if the mode is WAIT or RESPONSE; one
 * AUTH command leaves one event, when its final reply comes or when nothing can
 * tell any more; nothing the client says during an AUTH exchange reaches a
 * pattern or an event but its username and domain; what is held is wiped.
 *
 * When something is missing:
 *   S_UNSURE      the client's commands may not all have been seen (the start, a
 *                 gap): a 334, a 235 or a 535 that nothing explains is then an
 *                 attempt of its own. In a session seen whole it is not.
 *   S_ONE_SIDED   the server was never seen, and the client has said more than
 *                 could be held, or waited for longer than any server takes, or
 *                 left: its lines are then told apart by what they look like.
 *   S_TAIL_UNSURE the same for one reply that may lie in a gap, and
 *   uncertain     for the entries at the queue's head.
 *   CLIENT_LOST   the client's bytes may be the middle of a message: nothing is
 *                 believed until a reply, or the lone dot that ends it.
 *
 * Limits: 56 bytes; a piece of memory for what later events tell (note.c), as large as that, and
 * what many sessions say once for all of them (names.c);
 * one for unanswered commands that said something (queue.c), and one for each side (line.c), which
 * that one names, only while they hold something. Each bound has a counter and a defined behaviour:
 * without memory facts are lost, not the reading.
 *
 * What an attacker would try: anything that makes the tap read other commands than
 * the server does: a BDAT that the server refuses, a DATA that it refuses, a
 * ClientHello in clear text, a line that never ends, a dialogue inside a
 * message. Where two readings are possible the server's replies decide.
 */
#include <string.h>

#include "base/duration.h"
#include "dataplane/smtp/state.h"

static const char *const client_mode_names[] = {
#define X(id, name) name,
	CLIENT_MODES(X)
#undef X
};

_Static_assert(sizeof(client_mode_names) / sizeof(client_mode_names[0]) == CLIENT_MODE_COUNT,
	"each mode has its name");

const char *
smtp_client_mode_name(enum client_mode mode)
{
	return (unsigned)mode < CLIENT_MODE_COUNT ? client_mode_names[mode] : "?";
}

static struct state *
state_of(struct smtp_session *session)
{
	return (struct state *)session->state;
}

void
smtp_client_enter(struct run *r, enum client_mode mode)
{
	if (mode != CLIENT_WAIT && mode != CLIENT_RESPONSE)
		r->s->tail = TAIL_NONE;
	r->s->flags &= ~S_TAIL_UNSURE;
	r->s->client = mode & 0xf;
}

void
smtp_client_wait(struct run *r, enum tail tail)
{
	smtp_client_enter(r, CLIENT_WAIT);
	r->s->tail = tail & 0x7;
	if (!(r->s->flags & S_SERVER_SEEN))
		smtp_deeds(r)->wait_since_s = (uint16_t)(r->time_ns / NS_PER_S);
}

void
smtp_tls_enter(struct run *r)
{
	smtp_client_enter(r, CLIENT_TLS);
	r->s->flags |= S_SERVER_TLS;
	if (!(r->s->flags & S_STARTTLS))
		r->s->flags |= S_TLS;
}

bool
smtp_client_in_data(const struct state *s)
{
	return s->client == CLIENT_HEADER || s->client == CLIENT_BODY ||
	       s->client == CLIENT_CHUNK_HEADER || s->client == CLIENT_CHUNK;
}

bool
smtp_unsure(const struct state *s)
{
	return (s->flags & S_UNSURE) || !(s->flags & S_CLIENT_SEEN);
}

void
smtp_open(struct smtp_ctx *ctx, struct smtp_session *session, bool from_start)
{
	struct state *s = state_of(session);

	memset(session, 0, sizeof(*session));
	s->note = s->more = SLABS_NONE;
	s->banner = s->helo = s->account = NAME_NONE;
	s->flags = from_start ? S_GREETING : S_UNSURE | S_MIDSTREAM;
	s->client = from_start && ctx->proxy_protocol ? CLIENT_PROXY : CLIENT_COMMAND;
}

void
smtp_prefetch(const struct smtp_ctx *ctx, const struct smtp_session *session)
{
	const struct state *s = (const struct state *)session->state;

	if (s->client == CLIENT_TLS)
		return;
	if (s->more != SLABS_NONE)
		__builtin_prefetch(slabs_at(ctx->slabs, s->more), 1);
	if (s->note == SLABS_NONE)
		return;
	/* The deeds, and most of what is longer. */
	const uint8_t *note = slabs_at(ctx->slabs, s->note);
	__builtin_prefetch(note, 1);
	__builtin_prefetch(note + 64, 1);
}

bool
smtp_body_passes(const struct smtp_session *session)
{
	const struct state *s = (const struct state *)session->state;

	return s->client == CLIENT_BODY || s->client == CLIENT_CHUNK;
}

static inline bool
begins_tls(uint8_t first)
{
	return first >= 20 && first <= 24;
}

static bool
looks_tls(const uint8_t *data)
{
	/* RFC 8446 5.1: type 20..24, legacy version 3.0 to 3.4. */
	return begins_tls(data[0]) && data[1] == 3 && data[2] <= 4;
}

/* After the 220 to STARTTLS: a record, or a client that goes on in clear. */
static size_t
starttls_step(struct run *r, const uint8_t *data, size_t len)
{
	/* SSLv2 framing of a ClientHello (RFC 5246 E.2): high bit, length, type 1. */
	bool may_be_v2 = data[0] & 0x80;

	if ((may_be_v2 || begins_tls(data[0])) && len < 3)
		return 0;
	if ((len >= 3 && looks_tls(data)) || (may_be_v2 && data[2] == 1)) {
		r->s->flags |= S_STARTTLS;
		smtp_tls_enter(r);
	} else {
		smtp_client_enter(r, CLIENT_COMMAND);
	}
	return smtp_client_step(r, data, len);
}

/* Whole lines of commands, one after the other. */
static size_t
plain_commands(struct run *r, const uint8_t *data, size_t len)
{
	const struct state *s = r->s;
	struct line line;
	size_t at = 0;

	while (at < len && s->client == CLIENT_COMMAND && !begins_tls(data[at]) &&
		!(s->flags & (S_DROP | S_SKIP_CLIENT))) {
		size_t used = smtp_line_find(data + at, len - at, &line);
		if (used == 0 || line.cut)
			break;
		smtp_command_line(r, &line);
		at += used;
	}
	return at;
}

static size_t
command_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	struct line line;

	if (s->client == CLIENT_COMMAND && begins_tls(data[0]) && !(s->flags & S_NOT_TLS)) {
		if (len < 3)
			return 0;
		if (looks_tls(data)) {
			smtp_client_wait(r, TAIL_TLS); /* the server will tell */
			return smtp_client_step(r, data, len);
		}
	}
	size_t used = smtp_line_find(data, len, &line);
	if (used == 0)
		return 0;
	if (line.cut) {
		s->flags |= S_SKIP_CLIENT;
		counter_add(r->ctx->counters, COUNTER_SMTP_LONG_LINE, 1);
	}
	if (s->client == CLIENT_RESPONSE)
		smtp_auth_response(r, &line);
	else if (s->client == CLIENT_COMMAND)
		smtp_command_line(r, &line);
	else if (line.len == 1 && line.data[0] == '.')
		smtp_client_enter(r, CLIENT_COMMAND); /* CLIENT_LOST: a message ended here */
	return used;
}

/* The reply that would tell cannot be waited for: the line itself must. */
static size_t
wait_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	struct line line;

	if (!(s->flags & (S_ONE_SIDED | S_TAIL_UNSURE)))
		return 0;
	if (s->tail == TAIL_TLS) {
		smtp_tls_enter(r);
		return smtp_client_step(r, data, len);
	}
	if (s->tail == TAIL_STARTTLS) {
		smtp_client_enter(r, CLIENT_STARTTLS);
		return smtp_client_step(r, data, len);
	}
	if (smtp_line_find(data, len, &line) == 0)
		return 0;
	bool command = smtp_command_looks(&line);
	if (s->tail == TAIL_DATA && !command) {
		smtp_data_begin(r);
	} else if (s->tail == TAIL_DATA) {
		smtp_client_enter(r, CLIENT_COMMAND);
	} else if (command || !smtp_response_looks(&line) || smtp_auth_complete(s)) {
		smtp_auth_abandon(r);
	} else {
		smtp_client_enter(r, CLIENT_RESPONSE);
	}
	return smtp_client_step(r, data, len);
}

size_t
smtp_client_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	size_t plain = plain_commands(r, data, len);

	if (plain > 0)
		return plain;
	if (s->flags & S_DROP)
		return len;
	if (s->flags & S_SKIP_CLIENT) {
		const uint8_t *lf = memchr(data, '\n', len);
		if (!lf)
			return len;
		s->flags &= ~S_SKIP_CLIENT;
		return (size_t)(lf - data) + 1;
	}
	switch ((enum client_mode)s->client) {
	case CLIENT_PROXY:
		return smtp_proxy_step(r, data, len);
	case CLIENT_COMMAND:
	case CLIENT_LOST:
	case CLIENT_RESPONSE:
		return command_step(r, data, len);
	case CLIENT_WAIT:
		return wait_step(r, data, len);
	case CLIENT_HEADER:
	case CLIENT_BODY:
	case CLIENT_CHUNK_HEADER:
	case CLIENT_CHUNK:
		return smtp_data_step(r, data, len);
	case CLIENT_STARTTLS:
		return starttls_step(r, data, len);
	case CLIENT_TLS:
		counter_add(r->ctx->counters, COUNTER_SMTP_TLS_BYTES, len);
		return len;
	case CLIENT_MODE_COUNT:
		break;
	}
	return len;
}

/* Go on without a server that was never seen. */
static void
one_sided_enter(struct run *r)
{
	r->s->flags |= S_ONE_SIDED;
	r->s->flags &= ~S_DROP;
	smtp_line_resume(r, SMTP_CLIENT);
}

static void
server_seen(struct run *r)
{
	struct state *s = r->s;

	if ((s->flags & S_ONE_SIDED) || !(s->flags & S_SERVER_SEEN)) {
		/* What was said before may have been answered unseen, unless all was seen. */
		if (s->flags & S_ONE_SIDED)
			s->uncertain = (uint16_t)smtp_queue_len(r);
		s->flags &= ~S_ONE_SIDED;
	}
	s->flags |= S_SERVER_SEEN;
}

static bool
waited_long(const struct run *r)
{
	uint16_t now_s = (uint16_t)(r->time_ns / NS_PER_S);
	uint16_t waited_s = (uint16_t)(now_s - smtp_deeds_peek(r)->wait_since_s);

	return waited_s >= SMTP_ONE_SIDED_S && waited_s < UINT16_MAX / 2;
}

/* What is forgotten after each call. */
static void
nothing_forget(struct smtp_ctx *ctx)
{
	if (!ctx->nothing_used)
		return;
	memset(ctx->nothing, 0, sizeof(ctx->nothing));
	ctx->nothing_used = false;
}

/* Is what comes of the client plainly more of a body? Nothing else then asks for it. */
static inline bool
body_goes_on(const struct smtp_ctx *ctx, const struct state *s)
{
	return s->client == CLIENT_BODY && !ctx->skim && s->more == SLABS_NONE &&
	       (s->flags & (S_CLIENT_SEEN | S_DROP | S_SKIP_CLIENT | S_REPLY_GAP)) == S_CLIENT_SEEN;
}

void
smtp_input(struct smtp_ctx *ctx, struct smtp_session *session, enum smtp_side side,
	const uint8_t *data, size_t len, uint64_t time_ns)
{
	struct run r = {ctx, state_of(session), time_ns};
	struct state *s = r.s;

	if (len == 0)
		return;
	if (side == SMTP_CLIENT && body_goes_on(ctx, s)) {
		counter_add(ctx->counters, COUNTER_SMTP_BYTES, len);
		size_t used = smtp_data_body(&r, data, len);
		if (used < len)
			smtp_line_input(&r, side, data + used, len - used);
		nothing_forget(ctx);
		return;
	}
	if (side == SMTP_SERVER) {
		if ((s->flags & (S_SERVER_SEEN | S_ONE_SIDED)) != S_SERVER_SEEN)
			server_seen(&r);
	} else {
		if (s->client == CLIENT_WAIT && !(s->flags & (S_SERVER_SEEN | S_ONE_SIDED)) &&
			waited_long(&r))
			one_sided_enter(&r);
		if (s->flags & S_REPLY_GAP)
			smtp_reply_end(&r); /* the client has read it to its end */
		s->flags |= S_CLIENT_SEEN;
	}
	size_t passed = 0, read = 0;
	if (ctx->skim && side == SMTP_CLIENT)
		passed = smtp_data_skim(&r, data, len, &read);
	counter_add(ctx->counters, COUNTER_SMTP_BYTES, len - passed + read);
	smtp_line_input(&r, side, data + passed, len - passed);
	nothing_forget(ctx);
}

static void
client_gap(struct run *r, uint64_t len)
{
	struct state *s = r->s;
	bool partial;

	s->flags |= S_UNSURE | S_CLIENT_SEEN;
	if (!(s->flags & S_SERVER_SEEN) && s->client == CLIENT_WAIT)
		one_sided_enter(r);
	switch ((enum client_mode)s->client) {
	case CLIENT_PROXY:
		smtp_client_enter(r, CLIENT_COMMAND);
		/* fall through */
	case CLIENT_COMMAND:
	case CLIENT_LOST:
		partial = smtp_held(r, SMTP_CLIENT).len > 0;
		if (s->client == CLIENT_COMMAND && smtp_command_part(r))
			return;
		smtp_line_discard(r, SMTP_CLIENT);
		s->flags |= S_AFTER_GAP | (partial ? S_SKIP_CLIENT : 0);
		if (smtp_queue_len(r) > 0 && !smtp_queue_has(r, COMMAND_LOST)) {
			smtp_queue_push(r, COMMAND_LOST, NULL, 0);
			s->flags &= ~S_LOST_ANSWERED;
		}
		return;
	case CLIENT_WAIT:
	case CLIENT_RESPONSE:
		if (s->tail == TAIL_AUTH)
			smtp_auth_gap(r);
		else if (s->tail == TAIL_DATA)
			s->flags |= S_BODY_GAP;
		smtp_line_discard(r, SMTP_CLIENT);
		/* What follows is of no use before a reply, if one can come. */
		s->flags |= s->flags & S_ONE_SIDED ? S_AFTER_GAP : S_DROP;
		return;
	case CLIENT_HEADER:
	case CLIENT_BODY:
	case CLIENT_CHUNK_HEADER:
	case CLIENT_CHUNK:
		smtp_data_gap(r, len);
		return;
	case CLIENT_STARTTLS:
		smtp_tls_enter(r);
		smtp_line_discard(r, SMTP_CLIENT);
		return;
	case CLIENT_TLS:
	case CLIENT_MODE_COUNT:
		return;
	}
}

static void
server_gap(struct run *r)
{
	struct state *s = r->s;

	server_seen(r);
	struct span cut = smtp_held(r, SMTP_SERVER);
	if (cut.len > 0)
		smtp_reply_cut(r, cut.data, cut.len);
	smtp_line_discard(r, SMTP_SERVER);
	s->flags &= ~(S_GREETING | S_SKIP_SERVER);
	s->flags |= s->reply_code ? S_REPLY_GAP : 0;
	uint32_t queued = smtp_queue_len(r);
	s->uncertain = queued < UINT16_MAX ? (uint16_t)queued : UINT16_MAX;
	s->flags |= s->client == CLIENT_WAIT ? S_TAIL_UNSURE : 0;
	/* While a prompt has no answer, no other was sent: the rest of this one was missed. */
	if (s->tail == TAIL_AUTH && s->client == CLIENT_WAIT)
		smtp_auth_server_gap(r);
}

void
smtp_missed(struct run *r, enum smtp_side side, uint64_t len)
{
	if (side == SMTP_CLIENT)
		client_gap(r, len);
	else
		server_gap(r);
}

void
smtp_gap(struct smtp_ctx *ctx, struct smtp_session *session, enum smtp_side side, uint64_t len,
	uint64_t time_ns)
{
	struct run r = {ctx, state_of(session), time_ns};

	smtp_note_gap(&r, side, len);
	smtp_missed(&r, side, len);
	nothing_forget(ctx);
}

void
smtp_shutdown(
	struct smtp_ctx *ctx, struct smtp_session *session, enum smtp_side side, uint64_t time_ns)
{
	struct run r = {ctx, state_of(session), time_ns};

	/* A line without its end is no line: no server acts on it. What is whole may
	   still be answered (client's FIN) or told at smtp_close (server's). */
	if (side == SMTP_SERVER)
		smtp_line_discard(&r, SMTP_SERVER);
}

/* Attempts and the transaction, as far as they can be told without more bytes. */
static void
settle(struct run *r)
{
	struct state *s = r->s;

	if (s->client == CLIENT_WAIT && smtp_held(r, SMTP_CLIENT).len > 0)
		one_sided_enter(r);
	if (s->tail == TAIL_AUTH)
		smtp_auth_abandon(r);
	smtp_line_discard(r, SMTP_CLIENT);
	smtp_line_discard(r, SMTP_SERVER);
	smtp_mail_close(r);
}

static uint16_t
session_flags(uint32_t flags)
{
	bool masked = (flags & S_STARTTLS_MASKED) && !(flags & S_STARTTLS_OFFERED);
	bool mangled = masked || (flags & S_STARTTLS_REFUSED);

	return (uint16_t)((flags & S_BANNER_SEEN ? SESSION_BANNER_SEEN : 0) |
			  (flags & S_EHLO ? SESSION_EHLO_SEEN : 0) |
			  (flags & S_STARTTLS ? SESSION_STARTTLS : 0) |
			  (flags & S_AUTH_OFFERED ? SESSION_AUTH_OFFERED : 0) |
			  (flags & S_TLS ? SESSION_TLS : 0) |
			  (mangled ? SESSION_STARTTLS_MANGLED : 0));
}

void
smtp_close(struct smtp_ctx *ctx, struct smtp_session *session, uint64_t time_ns,
	struct event *session_event)
{
	struct run r = {ctx, state_of(session), time_ns};
	struct state *s = r.s;
	struct event_session *out = &session_event->session;
	size_t used = 0;

	settle(&r);
	const struct deeds *deeds = smtp_deeds_peek(&r);
	out->commands = s->commands;
	out->replies = s->replies;
	out->auth_attempts = smtp_attempts(&r);
	smtp_note_gaps(&r, out->gap_bytes);
	out->transactions = deeds->transactions;
	out->probes = deeds->probes;
	out->probed = deeds->probed;
	out->last_reply = s->last_reply;
	out->flags |= session_flags(s->flags);
	out->helo_len = smtp_note_text(&r, session_event, &used, NOTE_HELO);
	out->banner_len = smtp_note_text(&r, session_event, &used, NOTE_BANNER);
	smtp_note_signatures(&r, out->signatures);
	if (s->flags & S_PROXIED)
		smtp_proxy_apply(&r);
	smtp_note_close(&r);
	nothing_forget(ctx);
}
