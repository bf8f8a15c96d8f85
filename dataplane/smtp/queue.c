/*
 * queue: the commands that have no reply yet, first in, first out.
 *
 * Keeps: the kind of each in a byte, SMTP_QUEUE_INLINE of them in the session and
 * SMTP_QUEUE_NOTE more in its note; what MAIL and RCPT said, and how many octets
 * a message had, in the note's ring of texts. Past that only a count.
 *
 * Always holds: the note's kinds are empty unless the inline ones are full, and
 * nothing is added to either while `skipped` is not zero, so the order is the
 * wire's. AUTH, DATA and STARTTLS are never here: whoever sends one is not heard
 * until its reply has come (state.tail), so it is always the last. One text is
 * in the ring for each kind with COMMAND_HAS_TEXT, in the same order.
 *
 * Limits: a client that pipelines more than fits is counted (SMTP_QUEUE_FULL);
 * the replies to its surplus commands are taken, counted and mean nothing,
 * which is better than giving them to the wrong command.
 *
 * What an attacker would try: pipeline thousands of NOOPs so that a later reply
 * is taken for the answer to AUTH. It is not: AUTH is not in the queue.
 */
#include <string.h>

#include "dataplane/smtp/state.h"

/* The note, when it holds kinds. Only then it is looked at: it is seldom in the cache. */
static struct note *
kinds_note(const struct run *r)
{
	return r->s->queue_len < SMTP_QUEUE_INLINE ? NULL : smtp_note_peek(r);
}

static void
texts_write(struct note *note, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t at = (size_t)note->texts_head + note->texts_len;
		note->texts[at % SMTP_QUEUE_TEXT_BYTES] = data[i];
		note->texts_len++;
	}
}

static bool
texts_push(struct run *r, const uint8_t *text, size_t len)
{
	struct note *note = smtp_note(r);
	uint8_t len_byte = (uint8_t)len;

	if (!note || note->texts_len + 1 + len > SMTP_QUEUE_TEXT_BYTES)
		return false;
	texts_write(note, &len_byte, 1);
	texts_write(note, text, len);
	return true;
}

static size_t
texts_pop(struct note *note, uint8_t *text)
{
	size_t len = note->texts[note->texts_head];

	for (size_t i = 0; i < len; i++)
		text[i] = note->texts[(note->texts_head + 1u + i) % SMTP_QUEUE_TEXT_BYTES];
	note->texts_head = (uint16_t)((note->texts_head + 1u + len) % SMTP_QUEUE_TEXT_BYTES);
	note->texts_len = (uint16_t)(note->texts_len - 1u - len);
	return len;
}

static bool
kinds_push(struct run *r, uint8_t entry)
{
	struct state *s = r->s;

	if (s->queue_len < SMTP_QUEUE_INLINE) {
		s->queue[(s->queue_head + s->queue_len) % SMTP_QUEUE_INLINE] = entry;
		s->queue_len++;
		return true;
	}
	struct note *note = smtp_note(r);
	if (!note || note->kinds_len == SMTP_QUEUE_NOTE)
		return false;
	note->kinds[(note->kinds_head + note->kinds_len) % SMTP_QUEUE_NOTE] = entry;
	note->kinds_len++;
	return true;
}

static bool
kinds_full(const struct run *r)
{
	const struct note *note = kinds_note(r);

	return note && note->kinds_len == SMTP_QUEUE_NOTE;
}

void
smtp_queue_push(struct run *r, enum command_kind kind, const uint8_t *text, size_t len)
{
	struct state *s = r->s;
	uint8_t entry = (uint8_t)kind;

	if (s->skipped == 0 && !kinds_full(r)) {
		if (len > SMTP_STRING_MAX)
			len = SMTP_STRING_MAX;
		if (text && texts_push(r, text, len))
			entry |= COMMAND_HAS_TEXT;
		if (kinds_push(r, entry))
			return;
		/* Only without a note, and then no text was pushed either. */
	}
	counter_add(r->ctx->counters, COUNTER_SMTP_QUEUE_FULL, 1);
	if (s->skipped < UINT16_MAX)
		s->skipped++;
	/* Nobody can wait for a server that was never seen. */
	if (!(s->flags & S_SERVER_SEEN))
		s->flags |= S_ONE_SIDED;
}

enum command_kind
smtp_queue_peek(const struct run *r)
{
	const struct state *s = r->s;

	if (s->queue_len > 0)
		return (enum command_kind)(s->queue[s->queue_head] & ~COMMAND_HAS_TEXT);
	return s->skipped > 0 ? COMMAND_OTHER : COMMAND_NONE;
}

void
smtp_queue_pop(struct run *r, struct queued *out)
{
	struct state *s = r->s;
	struct note *note = kinds_note(r);

	out->kind = COMMAND_NONE;
	out->has_text = false;
	out->len = 0;
	if (s->uncertain > 0)
		s->uncertain--;
	if (s->queue_len == 0) {
		if (s->skipped == 0)
			return;
		s->skipped--;
		out->kind = COMMAND_OTHER;
		return;
	}
	uint8_t entry = s->queue[s->queue_head];
	s->queue_head = (uint8_t)((s->queue_head + 1u) % SMTP_QUEUE_INLINE);
	s->queue_len--;
	if (note && note->kinds_len > 0) {
		s->queue[(s->queue_head + s->queue_len) % SMTP_QUEUE_INLINE] =
			note->kinds[note->kinds_head];
		s->queue_len++;
		note->kinds_head = (uint16_t)((note->kinds_head + 1u) % SMTP_QUEUE_NOTE);
		note->kinds_len--;
	}
	out->kind = (enum command_kind)(entry & ~COMMAND_HAS_TEXT);
	note = smtp_note_peek(r);
	if (!(entry & COMMAND_HAS_TEXT) || !note)
		return;
	out->has_text = true;
	out->len = texts_pop(note, out->text);
}

uint32_t
smtp_queue_len(const struct run *r)
{
	const struct note *note = kinds_note(r);

	return (uint32_t)r->s->queue_len + (note ? note->kinds_len : 0) + r->s->skipped;
}

bool
smtp_queue_has(const struct run *r, enum command_kind kind)
{
	const struct state *s = r->s;
	const struct note *note = kinds_note(r);

	for (unsigned i = 0; i < s->queue_len; i++)
		if ((s->queue[(s->queue_head + i) % SMTP_QUEUE_INLINE] & ~COMMAND_HAS_TEXT) == kind)
			return true;
	for (unsigned i = 0; note && i < note->kinds_len; i++)
		if ((note->kinds[(note->kinds_head + i) % SMTP_QUEUE_NOTE] & ~COMMAND_HAS_TEXT) ==
			kind)
			return true;
	return false;
}

void
smtp_queue_assume(struct run *r, uint32_t n)
{
	struct queued command;

	for (; n > 0; n--) {
		smtp_queue_pop(r, &command);
		if (command.kind == COMMAND_NONE)
			return;
		smtp_mail_assume(r, &command);
	}
}
