/*
 * reply: the server's lines become replies (RFC 5321 4.2), and each reply goes
 * to the command that caused it.
 *
 * Keeps: the code, the enhanced code (RFC 2034) and the wording of the reply under
 * way, over all its lines. A reply ends with the line whose code is not followed
 * by a hyphen; its code is that line's, as mail clients read it.
 *
 * Patterns see the greeting, and the lines of refusals (4xx and 5xx): what
 * the others say is told by their code, and they are nearly all the lines.
 */
#include <string.h>

#include "dataplane/smtp/state.h"

/* 10 bits each for subject and detail: RFC 3463 2 gives both up to three digits. */
static uint32_t
enhanced_pack(unsigned class, unsigned subject, unsigned detail)
{
	return class << 20 | subject << 10 | detail;
}

void
smtp_enhanced_unpack(uint32_t packed, uint16_t out[3])
{
	out[0] = (uint16_t)(packed >> 20);
	out[1] = (uint16_t)(packed >> 10 & 0x3ff);
	out[2] = (uint16_t)(packed & 0x3ff);
}

/* One to three digits at *at; false when there are none. */
static bool
number(const uint8_t *text, size_t len, size_t *at, unsigned *out)
{
	size_t start = *at;

	*out = 0;
	while (*at < len && *at - start < 3 && text[*at] >= '0' && text[*at] <= '9')
		*out = *out * 10 + (unsigned)(text[(*at)++] - '0');
	return *at > start;
}

/* RFC 3463 2: class "." subject "." detail, first in the text; 0 when there is none. */
static uint32_t
enhanced_parse(const uint8_t *text, size_t len)
{
	unsigned class, subject, detail;
	size_t at = 0;

	if (at < len && text[at] == '#') /* qmail's "535 ... (#5.7.0)" puts it elsewhere */
		at++;
	if (!number(text, len, &at, &class) || (class != 2 && class != 4 && class != 5))
		return 0;
	if (at >= len || text[at++] != '.' || !number(text, len, &at, &subject))
		return 0;
	if (at >= len || text[at++] != '.' || !number(text, len, &at, &detail))
		return 0;
	if (at < len && text[at] != ' ' && text[at] != '\t' && text[at] != ':')
		return 0;
	return enhanced_pack(class, subject, detail);
}

/* The same; nearly all that have one have it as "2.1.0 Ok", and what begins otherwise has none: a
   class is one digit (RFC 3463 2). */
static inline uint32_t
enhanced_of(struct span text)
{
	const uint8_t *d = text.data;

	if (text.len == 0 || (d[0] != '#' && (uint8_t)(d[0] - '2') > 3))
		return 0;
	if (text.len < 6 || d[1] != '.' || d[3] != '.' || d[5] != ' ' || d[0] < '2' ||
		(uint8_t)(d[2] - '0') > 9 || (uint8_t)(d[4] - '0') > 9)
		return enhanced_parse(d, text.len);
	return d[0] == '3' ? 0 : enhanced_pack(d[0] - '0', d[2] - '0', d[4] - '0');
}

/* May the text of a reply be shown? Not in an AUTH exchange; and a 500 may quote what the
   client said, which may be a password that came too late. */
static bool
text_ok(const struct run *r)
{
	enum command_kind head = smtp_queue_peek(r);

	if (r->s->tail == TAIL_AUTH || smtp_unsure(r->s))
		return false;
	if (head == COMMAND_NONE)
		return r->s->tail == TAIL_DATA || smtp_client_in_data(r->s);
	return head != COMMAND_OTHER && head != COMMAND_EMPTY;
}

static void
greeting(struct run *r, const struct line *line)
{
	struct line shown = *line;

	shown.data += line->len > 4 ? 4 : line->len;
	shown.len -= line->len > 4 ? 4 : line->len;
	if (shown.len > 0 && smtp_note_get(r, NOTE_BANNER).len == 0)
		smtp_note_put(r, NOTE_BANNER, shown.data,
			shown.len < SMTP_STRING_MAX ? shown.len : SMTP_STRING_MAX);
	r->s->flags |= S_BANNER_SEEN;
	smtp_match(r, CONTEXT_BANNER, line, true);
}

/* 334: only AUTH is answered so (RFC 4954 4). */
static void
challenge(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;

	if (s->tail == TAIL_AUTH) {
		smtp_queue_assume(r, smtp_queue_len(r));
		smtp_auth_challenge(r, reply);
		return;
	}
	/* In the middle of a message: the server reads it as commands. */
	if (smtp_client_in_data(s))
		s->flags |= S_UNSURE;
	if (smtp_unsure(s))
		smtp_auth_implied_challenge(r, reply);
	else
		counter_add(r->ctx->counters, COUNTER_SMTP_UNMATCHED, 1);
}

/* 354: only DATA is answered so. */
static void
go_ahead(struct run *r)
{
	struct state *s = r->s;
	struct queued command;

	if (s->tail == TAIL_DATA) {
		smtp_queue_assume(r, smtp_queue_len(r));
		smtp_data_begin(r);
		return;
	}
	if (smtp_queue_has(r, COMMAND_DATA)) {
		do {
			smtp_queue_pop(r, &command);
			smtp_mail_assume(r, &command);
		} while (command.kind != COMMAND_DATA);
		s->flags &= ~S_DATA_ASSUMED;
		return;
	}
	if (smtp_unsure(s) && (s->client == CLIENT_COMMAND || s->client == CLIENT_LOST)) {
		smtp_queue_assume(r, smtp_queue_len(r));
		smtp_data_begin(r); /* the DATA command fell into a gap */
		s->flags |= S_BODY_GAP;
		return;
	}
	counter_add(r->ctx->counters, COUNTER_SMTP_UNMATCHED, 1);
}

/* The tail's final reply. */
static void
tail_reply(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	bool plus = reply->code < 300;

	switch ((enum tail)s->tail) {
	case TAIL_AUTH:
		/* After a gap a 250 is somebody else's. Other 3xx answer nothing here. */
		if ((plus && reply->code != 235 && smtp_unsure(s)) ||
			(reply->code >= 300 && reply->code < 400))
			counter_add(r->ctx->counters, COUNTER_SMTP_UNMATCHED, 1);
		else
			smtp_auth_reply(r, reply);
		return;
	case TAIL_DATA:
		smtp_mail_data_refused(r, reply);
		smtp_client_enter(r, CLIENT_COMMAND);
		return;
	case TAIL_STARTTLS:
		s->flags |= plus ? S_STARTTLS : 0;
		/* What the server offered, its command did not reach it. */
		if ((reply->code == 500 || reply->code == 502) && (s->flags & S_STARTTLS_OFFERED))
			s->flags |= S_STARTTLS_REFUSED;
		s->flags |= plus && smtp_held(r, SMTP_CLIENT).len > 0 ? S_EARLY : 0;
		smtp_client_enter(r, plus ? CLIENT_STARTTLS : CLIENT_COMMAND);
		return;
	case TAIL_TLS:
	case TAIL_NONE:
		return;
	}
}

/* Nothing is unanswered: what a reply means all the same. */
static void
unmatched(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;

	s->flags |= S_LOST_ANSWERED;
	if (smtp_unsure(s) && smtp_auth_implied_reply(r, reply))
		return;
	counter_add(r->ctx->counters, COUNTER_SMTP_UNMATCHED, 1);
}

/* An empty line: answered with a complaint, or not at all. */
static bool
answers_empty(uint16_t code)
{
	return (code >= 500 && code <= 503) || code == 421 || code == 554;
}

static void
in_order(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	struct queued command;

	while (smtp_queue_peek(r) == COMMAND_EMPTY && !answers_empty(reply->code))
		smtp_queue_pop(r, &command);
	if (smtp_queue_peek(r) == COMMAND_LOST) {
		unmatched(r, reply);
		return;
	}
	smtp_queue_pop(r, &command);
	if (command.kind != COMMAND_NONE) {
		smtp_mail_reply(r, &command, reply);
		return;
	}
	if (s->tail != TAIL_NONE) {
		tail_reply(r, reply);
		return;
	}
	if (smtp_client_in_data(s) && smtp_data_reply(r, reply))
		return;
	unmatched(r, reply);
}

static void
assign(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;

	switch (reply->code) {
	case 334:
		challenge(r, reply);
		return;
	case 354:
		go_ahead(r);
		return;
	case 235: /* only AUTH is answered so */
		if (s->tail == TAIL_AUTH) {
			smtp_queue_assume(r, smtp_queue_len(r));
			tail_reply(r, reply);
		} else if (smtp_unsure(s)) {
			unmatched(r, reply);
		} else {
			in_order(r, reply);
		}
		return;
	case 220: /* STARTTLS, XCLIENT */
		if (s->tail == TAIL_STARTTLS)
			smtp_queue_assume(r, smtp_queue_len(r));
		in_order(r, reply);
		return;
	case 221: /* only QUIT; or, unasked, goodbye */
		if (!smtp_queue_has(r, COMMAND_QUIT) && s->tail != TAIL_AUTH) {
			unmatched(r, reply);
			return;
		}
		while (smtp_queue_has(r, COMMAND_QUIT) && smtp_queue_peek(r) != COMMAND_QUIT)
			smtp_queue_assume(r, 1);
		in_order(r, reply);
		return;
	default:
		in_order(r, reply);
		return;
	}
}

static bool
is_greeting(const struct state *s, uint16_t code)
{
	if (s->flags & S_GREETING)
		return true;
	/* Joined in the middle, or after a gap: a 220 before anything of the client's. */
	return code == 220 && !(s->flags & (S_CLIENT_SEEN | S_BANNER_SEEN)) && s->replies == 0;
}

/* What the client's bytes are is plain, now that the server has spoken text. */
static void
settle_client(struct run *r)
{
	struct state *s = r->s;

	/* The rest of a line that a gap cut has been answered, if it was one. */
	if (s->flags & S_AFTER_GAP)
		s->flags &= ~S_SKIP_CLIENT;
	s->flags &= ~(S_DROP | S_TAIL_UNSURE | S_AFTER_GAP | S_EARLY);
	if (s->client == CLIENT_LOST || s->client == CLIENT_STARTTLS)
		smtp_client_enter(r, CLIENT_COMMAND);
	if (s->tail != TAIL_TLS)
		return;
	/* It was no TLS after all: what is held were lines. */
	s->flags |= S_NOT_TLS;
	smtp_client_enter(r, CLIENT_COMMAND);
	smtp_line_resume(r, SMTP_CLIENT);
}

static void
done(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	bool greeted = s->flags & S_BANNER;

	counter_add(r->ctx->counters, COUNTER_SMTP_REPLIES, 1);
	s->replies += s->replies < STATE_COUNT_MAX;
	s->last_reply = reply->code & 0x3ff;
	s->reply_code = 0;
	s->flags &= ~(S_REPLY_GAP | S_BANNER);
	if (greeted) {
		s->flags &= ~S_GREETING;
	} else {
		settle_client(r);
		assign(r, reply);
	}
	if (s->more != SLABS_NONE)
		smtp_line_resume(r, SMTP_CLIENT);
}

/*
 * A line of the reply to EHLO (RFC 5321 4.1.1.1). A Cisco PIX or ASA that
 * "inspects" overwrites what it does not like with as many X, the last of them
 * a letter that counts: STARTTLS becomes XXXXXXXA.
 */
static void
capability(struct run *r, struct span text)
{
	struct state *s = r->s;
	const uint8_t *d = text.data;

	if (text.len > 4 && smtp_folded4(d) == SMTP_FOLDED4("auth") && (d[4] == ' ' || d[4] == '='))
		s->flags |= S_AUTH_OFFERED;
	if (text.len < 8 || (text.len > 8 && d[8] != ' '))
		return;
	if (smtp_folded8(d) == SMTP_FOLDED8("starttls"))
		s->flags |= S_STARTTLS_OFFERED;
	else if (memcmp(d, "XXXXXXX", 7) == 0 && d[7] >= 'A' && d[7] <= 'Z' &&
		 smtp_queue_peek(r) == COMMAND_HELO)
		s->flags |= S_STARTTLS_MASKED;
}

/* What one line adds to the reply under way. */
static void
collect(struct run *r, const struct line *line, struct reply *reply)
{
	struct state *s = r->s;
	struct span text = {reply->text, reply->text_len};

	if (s->reply_code == 0 && is_greeting(s, reply->code))
		s->flags |= S_BANNER;
	if (reply->enhanced == 0)
		reply->enhanced = enhanced_of(text) & 0xffffff;
	if (s->flags & S_BANNER) {
		greeting(r, line);
		return;
	}
	if (reply->code >= 400) {
		if (s->tail == TAIL_AUTH || smtp_unsure(s))
			reply->words |= (uint8_t)smtp_words(text.data, text.len);
		if (reply->code >= 550 && reply->enhanced == 0 &&
			smtp_queue_peek(r) == COMMAND_RCPT)
			reply->words |= (uint8_t)smtp_words_policy(text.data, text.len);
		smtp_match(r, CONTEXT_REPLY, line, text_ok(r));
	} else if (reply->code == 250) {
		capability(r, text);
	}
}

/* The rest of the reply under way is not to be had. */
static void
done_cut(struct run *r)
{
	const struct state *s = r->s;
	const struct reply reply = {(uint16_t)s->reply_code, (uint16_t)s->reply_words,
		s->reply_enhanced, NULL, 0, true};

	done(r, &reply);
}

static bool
digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

static void
reply_line(struct run *r, const struct line *line)
{
	struct state *s = r->s;
	const uint8_t *d = line->data;
	bool code_ok = line->len >= 3 && d[0] >= '2' && d[0] <= '5' && digit(d[1]) && digit(d[2]);
	bool bare = line->len == 3;

	if (!code_ok || (!bare && d[3] != ' ' && d[3] != '-' && d[3] != '\t')) {
		counter_add(r->ctx->counters, COUNTER_SMTP_MALFORMED, 1);
		return;
	}
	struct reply reply = {.code = (uint16_t)(d[0] * 100 + d[1] * 10 + d[2] - '0' * 111),
		.text = d + (bare ? 3 : 4),
		.text_len = line->len - (bare ? 3 : 4),
		.cut = line->cut};
	/* The last line of the reply before fell into a gap. */
	if (s->reply_code != 0 && s->reply_code != reply.code && (s->flags & S_REPLY_GAP))
		done_cut(r);
	if (s->reply_code != 0) {
		reply.words = (uint16_t)s->reply_words;
		reply.enhanced = s->reply_enhanced;
	}
	collect(r, line, &reply);
	if (bare || d[3] != '-') {
		done(r, &reply);
		return;
	}
	s->reply_code = reply.code & 0x3ff;
	s->reply_words = reply.words & 0xff;
	s->reply_enhanced = reply.enhanced & 0xffffff;
}

bool
smtp_reply_cut(struct run *r, const uint8_t *data, size_t len)
{
	struct line line = {data, len, true};

	/* The code and what follows it must be there, else it says nothing. */
	if (len <= 4 || (r->s->flags & S_SERVER_TLS))
		return false;
	reply_line(r, &line);
	return true;
}

void
smtp_reply_end(struct run *r)
{
	done_cut(r);
}

/* A line, not its last, of a reply to EHLO under way. */
static inline bool
capability_goes_on(const struct state *s, const struct line *line)
{
	static const uint8_t start[4] = "250-";

	return s->reply_code == 250 && !(s->flags & S_BANNER) && line->len >= sizeof(start) &&
	       load_le32(line->data) == load_le32(start);
}

static inline void
capability_line(struct run *r, const struct line *line)
{
	struct span text = {line->data + 4, line->len - 4};

	if (r->s->reply_enhanced == 0)
		r->s->reply_enhanced = enhanced_of(text) & 0xffffff;
	capability(r, text);
}

/* Whole lines of replies, one after the other: what nearly all segments of a server are. */
static size_t
plain_lines(struct run *r, const uint8_t *data, size_t len)
{
	const struct state *s = r->s;
	struct line line;
	size_t at = 0;

	while (at < len && (uint8_t)(data[at] - '2') < 4 &&
		!(s->flags & (S_SKIP_SERVER | S_SERVER_TLS))) {
		size_t used = smtp_line_find(data + at, len - at, &line);
		if (used == 0 || line.cut)
			break;
		if (capability_goes_on(s, &line))
			capability_line(r, &line);
		else
			reply_line(r, &line);
		at += used;
	}
	return at;
}

size_t
smtp_server_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	struct line line;
	size_t plain = plain_lines(r, data, len);

	if (plain > 0)
		return plain;
	if (s->flags & S_SKIP_SERVER) {
		const uint8_t *lf = memchr(data, '\n', len);
		if (!lf)
			return len;
		s->flags &= ~S_SKIP_SERVER;
		return (size_t)(lf - data) + 1;
	}
	/* RFC 8446 5.1: a record; no reply begins like that. */
	if (!(s->flags & S_SERVER_TLS) && data[0] >= 20 && data[0] <= 24) {
		if (len < 3)
			return 0;
		if (data[1] == 3 && data[2] <= 4) {
			/* RFC 3207 4.2, RFC 7457 2.2: what came in clear before TLS is discarded */
			if (s->flags & S_EARLY)
				smtp_auth_drop(r);
			smtp_auth_abandon(r);
			smtp_tls_enter(r);
			smtp_line_resume(r, SMTP_CLIENT);
		}
	}
	if (s->flags & S_SERVER_TLS) {
		counter_add(r->ctx->counters, COUNTER_SMTP_TLS_BYTES, len);
		return len;
	}
	size_t used = smtp_line_find(data, len, &line);
	if (used == 0)
		return 0;
	if (line.cut) {
		s->flags |= S_SKIP_SERVER;
		counter_add(r->ctx->counters, COUNTER_SMTP_LONG_LINE, 1);
	}
	reply_line(r, &line);
	return used;
}
