/*
 * A mail session as a script, for the tests of dataplane/smtp. One step a line:
 *
 *   C: text   the client says text CRLF          C> text   the same, no CRLF
 *   S: text   the server says text CRLF          S> text   the same, no CRLF
 *   C! n      n bytes of the client are missed    S! n      the same, server
 *   T+ n      n seconds pass
 *
 * In text, {...} stands for its base64; \r \n \t \0 \\ and \xHH are escapes, in
 * and outside the braces.
 *
 * Each script is run whole (what one side says at a stretch is one input), byte by
 * byte, and cut at every offset; the events must be the same to the byte. Input
 * ends at an unmapped page. What comes out is compared as text:
 *
 *   auth MECHANISM outcome code enhanced user=... [dom=...] [pw] [flags]
 *   rcpt T code ok|no recipient from=... [as=...]
 *   mail T code [flags] from=... ok=N no=N bytes=N [as=...]
 *   sign id context [line]
 */
#ifndef SMTAP_TESTS_SMTP_DIALOGUE_H
#define SMTAP_TESTS_SMTP_DIALOGUE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "dataplane/smtp/smtp.h"

#define DIALOGUE_STEPS_MAX 4096
#define DIALOGUE_EVENTS_MAX 2048
#define DIALOGUE_GUARD_BYTES 131072u

enum step_kind { STEP_DATA, STEP_GAP, STEP_TIME };

struct step {
	enum step_kind kind;
	enum smtp_side side;
	size_t at; /* in bytes */
	uint64_t len;
};

struct dialogue {
	struct step steps[DIALOGUE_STEPS_MAX];
	size_t step_count;
	uint8_t *bytes;
	size_t bytes_len;
	size_t bytes_cap;
};

struct options {
	bool midstream;
	bool proxy;
	uint32_t pages;      /* of memory; 0: enough */
	const char *secret;  /* must be nowhere in the events */
	bool quick;          /* long input: fewer cuts */
	struct match *match; /* for the test that brings its own match_line() */
};

struct outcome {
	struct event events[DIALOGUE_EVENTS_MAX];
	size_t count;
	struct counters counters;
};

static inline int
hex_value(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static inline void
dialogue_byte(struct dialogue *d, uint8_t c)
{
	if (d->bytes_len == d->bytes_cap) {
		d->bytes_cap = d->bytes_cap ? d->bytes_cap * 2 : 65536;
		d->bytes = realloc(d->bytes, d->bytes_cap);
		assert_non_null(d->bytes);
	}
	d->bytes[d->bytes_len++] = c;
}

static inline void
dialogue_base64(struct dialogue *d, const uint8_t *in, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;
		v |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
		v |= i + 2 < len ? in[i + 2] : 0;
		dialogue_byte(d, (uint8_t)alphabet[v >> 18]);
		dialogue_byte(d, (uint8_t)alphabet[v >> 12 & 63]);
		dialogue_byte(d, i + 1 < len ? (uint8_t)alphabet[v >> 6 & 63] : '=');
		dialogue_byte(d, i + 2 < len ? (uint8_t)alphabet[v & 63] : '=');
	}
}

static inline const char *
dialogue_unescape(const char *p, uint8_t *out)
{
	if (*p != '\\') {
		*out = (uint8_t)*p;
		return p + 1;
	}
	switch (p[1]) {
	case 'r':
		*out = '\r';
		return p + 2;
	case 'n':
		*out = '\n';
		return p + 2;
	case 't':
		*out = '\t';
		return p + 2;
	case '0':
		*out = 0;
		return p + 2;
	case 'x':
		*out = (uint8_t)(hex_value(p[2]) << 4 | hex_value(p[3]));
		return p + 4;
	default:
		*out = (uint8_t)p[1];
		return p + 2;
	}
}

static inline void
dialogue_text(struct dialogue *d, const char *p, const char *end)
{
	uint8_t inner[4096];

	while (p < end) {
		uint8_t c;
		if (*p != '{') {
			p = dialogue_unescape(p, &c);
			dialogue_byte(d, c);
			continue;
		}
		size_t n = 0;
		for (p++; p < end && *p != '}';)
			p = dialogue_unescape(p, &inner[n++]);
		p++;
		dialogue_base64(d, inner, n);
	}
}

static inline void
dialogue_step(struct dialogue *d, const char *line, const char *end)
{
	enum smtp_side side = line[0] == 'C' ? SMTP_CLIENT : SMTP_SERVER;
	size_t at = d->bytes_len;

	assert_true(d->step_count < DIALOGUE_STEPS_MAX);
	if (line[1] == '!' || line[1] == '+') {
		d->steps[d->step_count++] = (struct step){line[1] == '!' ? STEP_GAP : STEP_TIME,
			side, at, strtoull(line + 3, NULL, 10)};
		return;
	}
	dialogue_text(d, line + 3 < end ? line + 3 : end, end);
	if (line[1] == ':') {
		dialogue_byte(d, '\r');
		dialogue_byte(d, '\n');
	}
	struct step *last = d->step_count ? &d->steps[d->step_count - 1] : NULL;
	if (last && last->kind == STEP_DATA && last->side == side)
		last->len += d->bytes_len - at;
	else
		d->steps[d->step_count++] = (struct step){STEP_DATA, side, at, d->bytes_len - at};
}

static inline void
dialogue_parse(struct dialogue *d, const char *script)
{
	memset(d, 0, sizeof(*d));
	for (const char *p = script; *p;) {
		const char *end = strchr(p, '\n');
		end = end ? end : p + strlen(p);
		if (end > p)
			dialogue_step(d, p, end);
		p = *end ? end + 1 : end;
	}
}

/* d without the bytes that `lost` (a flag for each byte) says: gaps in their place. */
static inline void
dialogue_lose(const struct dialogue *d, const bool *lost, struct dialogue *out)
{
	*out = *d;
	out->step_count = 0;
	for (size_t i = 0; i < d->step_count; i++) {
		const struct step *s = &d->steps[i];
		for (size_t at = s->at, end = at; at < s->at + s->len; at = end) {
			while (end < s->at + s->len && lost[end] == lost[at])
				end++;
			assert_true(out->step_count < DIALOGUE_STEPS_MAX);
			out->steps[out->step_count++] = (struct step){
				lost[at] ? STEP_GAP : STEP_DATA, s->side, at, end - at};
		}
	}
}

/* A buffer whose end is the end of what may be read. */
static inline const uint8_t *
guarded(const uint8_t *data, size_t len)
{
	static uint8_t *map;

	if (!map) {
		map = mmap(NULL, DIALOGUE_GUARD_BYTES + 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		assert_int_equal(mprotect(map + DIALOGUE_GUARD_BYTES, 4096, PROT_NONE), 0);
	}
	assert_true(len <= DIALOGUE_GUARD_BYTES);
	memcpy(map + DIALOGUE_GUARD_BYTES - len, data, len);
	return map + DIALOGUE_GUARD_BYTES - len;
}

#define CUT_NONE SIZE_MAX
#define CUT_ALL (SIZE_MAX - 1)

/* Run with one cut at byte `cut` of all that is said, or at every byte, or none. */
static inline void
dialogue_run(const struct dialogue *d, const struct options *o, size_t cut, struct outcome *out)
{
	static struct emit emit;
	static uint8_t *pool_memory;
	static struct smtp_session session;
	static struct event closing;
	struct slabs pool;
	uint32_t capacity = o->pages ? o->pages : 16;
	uint64_t now = 1700000000ULL * 1000000000ULL;

	if (!pool_memory)
		pool_memory = aligned_alloc(64, slabs_footprint(64));
	assert_non_null(pool_memory);
	slabs_init(&pool, pool_memory, capacity);
	memset(out->events, 0, sizeof(out->events[0]) * (out->count + 2));
	memset(&out->counters, 0, sizeof(out->counters));
	memset(&emit, 0, sizeof(emit));
	emit.array = out->events;
	emit.array_cap = DIALOGUE_EVENTS_MAX;
	emit.counters = &out->counters;
	struct event_flow flow = {.flow_id = 1, .client_port = 40000, .server_port = 25};
	struct smtp_ctx ctx = {.emit = &emit,
		.slabs = &pool,
		.counters = &out->counters,
		.password_key = {{1, 2}},
		.proxy_protocol = o->proxy,
		.match = o->match,
		.flow = &flow};

	/* Shared names and names in the note must say the same. */
	uint32_t chains[2] = {0};
	if (cut & 1)
		smtp_names_init(&ctx.names, chains, 2, &ctx.password_key);
	smtp_open(&ctx, &session, !o->midstream);
	for (size_t i = 0; i < d->step_count; i++) {
		const struct step *s = &d->steps[i];
		if (s->kind == STEP_TIME) {
			now += s->len * 1000000000ULL;
		} else if (s->kind == STEP_GAP) {
			smtp_gap(&ctx, &session, s->side, s->len, now);
		} else if (cut == CUT_ALL) {
			for (size_t k = 0; k < s->len; k++)
				smtp_input(&ctx, &session, s->side,
					guarded(d->bytes + s->at + k, 1), 1, now);
		} else {
			size_t first = cut > s->at && cut < s->at + s->len ? cut - s->at : s->len;
			smtp_input(&ctx, &session, s->side, guarded(d->bytes + s->at, first), first,
				now);
			if (first < s->len)
				smtp_input(&ctx, &session, s->side,
					guarded(d->bytes + s->at + first, s->len - first),
					s->len - first, now);
		}
	}
	memset(&closing, 0, sizeof(closing));
	closing.head.type = EVENT_SESSION;
	smtp_close(&ctx, &session, now, &closing);
	assert_int_equal(pool.bytes_in_use, 0);
	assert_int_equal(pool.pages_in_use, 0);
	out->count = emit.array_len;
	assert_true(out->count + 1 < DIALOGUE_EVENTS_MAX);
	out->events[out->count++] = closing;
}

static inline int
render_auth(char *out, size_t room, const struct event *e)
{
	const struct event_auth *a = &e->auth;
	const char *text = e->text;

	int n = snprintf(out, room, "auth %s %s %u %u.%u.%u", a->mechanism,
		event_outcome_name(a->outcome), a->reply_code, a->enhanced[0], a->enhanced[1],
		a->enhanced[2]);
	if (a->flags & AUTH_USERNAME_KNOWN)
		n += snprintf(out + n, room - (size_t)n, " user=%.*s", a->username_len, text);
	if (a->domain_len)
		n += snprintf(out + n, room - (size_t)n, " dom=%.*s", a->domain_len,
			text + a->username_len);
	n += snprintf(out + n, room - (size_t)n, "%s%s%s%s%s\n",
		a->flags & AUTH_PASSWORD_KNOWN ? " pw" : "",
		a->flags & AUTH_NO_CHECK ? " nocheck" : "",
		a->flags & AUTH_COMMAND_SEEN ? "" : " unseen",
		a->flags & AUTH_USERNAME_ESCAPED ? " escaped" : "",
		a->flags & AUTH_USERNAME_TRUNCATED ? " truncated" : "");
	return n;
}

static inline int
render_rcpt(char *out, size_t room, const struct event *e)
{
	const struct event_rcpt *m = &e->rcpt;
	const char *from = e->text + m->rcpt_len;

	int n = snprintf(out, room, "rcpt %u %u %s %.*s from=%.*s", m->transaction_no,
		m->reply_code, m->accepted ? "ok" : "no", m->rcpt_len, e->text, m->from_len, from);
	if (m->authenticated_len)
		n += snprintf(out + n, room - (size_t)n, " as=%.*s", m->authenticated_len,
			from + m->from_len);
	return n + snprintf(out + n, room - (size_t)n, "\n");
}

static inline int
render_mail(char *out, size_t room, const struct event *e)
{
	const struct event_mail *m = &e->mail;
	const char *from = e->text + m->helo_len;

	int n = snprintf(out, room, "mail %u %u%s%s%s%s from=%.*s ok=%u no=%u bytes=%llu",
		m->transaction_no, m->reply_code, m->flags & MAIL_COMPLETE ? " complete" : "",
		m->flags & MAIL_REFUSED ? " refused" : "",
		m->flags & MAIL_NULL_SENDER ? " null" : "",
		m->flags & MAIL_DSN_HEADER ? " dsn" : "", m->from_len, from, m->recipients_accepted,
		m->recipients_refused, (unsigned long long)m->body_bytes);
	if (m->authenticated_len)
		n += snprintf(out + n, room - (size_t)n, " as=%.*s", m->authenticated_len,
			from + m->from_len);
	return n + snprintf(out + n, room - (size_t)n, "\n");
}

static inline int
render_signature(char *out, size_t room, const struct event *e)
{
	return snprintf(out, room, "sign %u %s%s%.*s\n", e->signature.pattern_id,
		event_context_name(e->signature.context), e->signature.line_len ? " " : "",
		e->signature.line_len, e->text);
}

/* All but the session's own event. */
static inline const char *
render(const struct outcome *o)
{
	static char out[1 << 18];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i + 1 < o->count && n + 2048 < sizeof(out); i++) {
		const struct event *e = &o->events[i];
		if (e->head.type == EVENT_AUTH)
			n += (size_t)render_auth(out + n, sizeof(out) - n, e);
		else if (e->head.type == EVENT_RCPT)
			n += (size_t)render_rcpt(out + n, sizeof(out) - n, e);
		else if (e->head.type == EVENT_MAIL)
			n += (size_t)render_mail(out + n, sizeof(out) - n, e);
		else if (e->head.type == EVENT_SIGNATURE)
			n += (size_t)render_signature(out + n, sizeof(out) - n, e);
	}
	return out;
}

static inline void
assert_same(const struct outcome *a, const struct outcome *b, size_t cut)
{
	if (a->count == b->count &&
		memcmp(a->events, b->events, a->count * sizeof(a->events[0])) == 0)
		return;
	char first[8192];
	snprintf(first, sizeof(first), "%s", render(a));
	fail_msg("cut at %zd changes the events; whole:\n%s\nthen:\n%s", (ssize_t)cut, first,
		render(b));
}

static inline void
assert_no_secret(const struct outcome *o, const char *secret)
{
	struct dialogue b64 = {0};

	dialogue_base64(&b64, (const uint8_t *)secret, strlen(secret));
	size_t stem = strlen(secret) / 3 * 4; /* without what padding changes */
	assert_null(memmem(o->events, o->count * sizeof(o->events[0]), secret, strlen(secret)));
	assert_null(memmem(o->events, o->count * sizeof(o->events[0]), b64.bytes, stem));
	free(b64.bytes);
}

/* Returns the outcome of the whole run, for further questions. */
static inline const struct outcome *
expect_with(const struct options *o, const char *script, const char *want)
{
	static struct outcome whole, other;
	static struct dialogue d;

	dialogue_parse(&d, script);
	dialogue_run(&d, o, CUT_NONE, &whole);
	assert_string_equal(render(&whole), want);
	for (size_t i = 0; i + 1 < whole.count; i++)
		assert_true(event_valid(&whole.events[i]));
	if (o->secret)
		assert_no_secret(&whole, o->secret);
	dialogue_run(&d, o, CUT_ALL, &other);
	assert_same(&whole, &other, CUT_ALL);
	size_t stride = o->quick ? d.bytes_len / 97 + 1 : 1;
	for (size_t cut = 1; cut < d.bytes_len; cut += stride) {
		dialogue_run(&d, o, cut, &other);
		assert_same(&whole, &other, cut);
	}
	free(d.bytes);
	return &whole;
}

static inline const struct outcome *
expect(const char *script, const char *want)
{
	return expect_with(&(struct options){.secret = "s3cret!word"}, script, want);
}

#endif
