/*
 * queue: the commands that have no reply yet, first in, first out.
 *
 * Keeps: the kind of each in five bits, SMTP_QUEUE_INLINE of them in one word of the session,
 * whose upper bits say how many, the head lowest. SMTP_QUEUE_MORE more, and what MAIL and RCPT
 * said and how many octets a message had, are in two pieces of memory, each taken when there is
 * something for it and given back when it is empty: the session names that of the
 * texts, which names that of the kinds, and the bytes that line.c holds. So a session
 * that waits for nothing spends eight bytes on all of this.
 *
 * Always holds: there are no more kinds unless the inline ones are full, and
 * nothing is added to either while `skipped` is not zero, so the order is the
 * wire's. AUTH, DATA and STARTTLS are never here: whoever sends one is not heard
 * until its reply has come (state.tail), so it is always the last. One text is
 * there for each kind with ENTRY_TEXT, in the same order.
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

#define ENTRY_BITS 5u
#define ENTRY_MASK 0x1fu
#define ENTRY_TEXT 0x10u /* it has a text */
#define LEN_SHIFT 28u

_Static_assert(SMTP_QUEUE_INLINE *ENTRY_BITS <= LEN_SHIFT && SMTP_QUEUE_INLINE < 16,
	"kinds and their number share a word");
_Static_assert(COMMAND_KIND_COUNT <= ENTRY_TEXT, "a kind takes four bits");

/* Bytes first in, first out: [head, end) of room. */
struct fifo {
	uint32_t other;   /* of the texts: the piece of the kinds, or SLABS_NONE */
	uint32_t held[2]; /* of the texts: by side, line.c's piece, or SLABS_NONE */
	uint16_t head;
	uint16_t end;
	uint16_t room;
	uint16_t reserved;
	uint8_t bytes[];
};

static struct fifo *
fifo_at(const struct run *r, uint32_t piece)
{
	return piece == SLABS_NONE ? NULL : slabs_at(r->ctx->slabs, piece);
}

static size_t
fifo_len(const struct fifo *f)
{
	return f ? (size_t)f->end - f->head : 0;
}

/* Move it to a new piece with room for len bytes; the old one may be none. */
static struct fifo *
fifo_grow(struct run *r, uint32_t *piece, size_t len)
{
	struct slabs *slabs = r->ctx->slabs;
	struct fifo *old = fifo_at(r, *piece);
	uint32_t next = slabs_take(slabs, sizeof(struct fifo) + len);

	if (next == SLABS_NONE)
		return NULL;
	struct fifo *f = slabs_at(slabs, next);
	*f = (struct fifo){.other = old ? old->other : SLABS_NONE,
		.held = {old ? old->held[0] : SLABS_NONE, old ? old->held[1] : SLABS_NONE},
		.end = (uint16_t)fifo_len(old),
		.room = (uint16_t)(slabs_room(sizeof(*f) + len) - sizeof(*f))};
	if (old) {
		memcpy(f->bytes, old->bytes + old->head, f->end);
		slabs_give(slabs, *piece);
	}
	*piece = next;
	return f;
}

/* The fifo, with room for len bytes at its end, of max in all; NULL: no room. */
static struct fifo *
fifo_room(struct run *r, uint32_t *piece, size_t len, size_t max)
{
	struct fifo *f = fifo_at(r, *piece);
	size_t used = fifo_len(f);

	if (used + len > max)
		return NULL;
	if (f && f->end + len <= f->room)
		return f;
	/* Moving costs what was popped since, unless it is full: then it grows. */
	if (f && used + len <= f->room && (f->head >= f->room / 2u || f->room >= max)) {
		memmove(f->bytes, f->bytes + f->head, used);
		f->head = 0;
		f->end = (uint16_t)used;
		return f;
	}
	size_t want = f && used + len <= f->room ? f->room + 1u : used + len;
	return fifo_grow(r, piece, want < max ? want : max);
}

static void
fifo_write(struct fifo *f, const uint8_t *data, size_t len)
{
	memcpy(f->bytes + f->end, data, len);
	f->end = (uint16_t)(f->end + len);
}

/* Give back what is empty. */
static void
more_shrink(struct run *r)
{
	struct fifo *texts = fifo_at(r, r->s->more);

	if (!texts)
		return;
	if (texts->other != SLABS_NONE && fifo_len(fifo_at(r, texts->other)) == 0) {
		slabs_give(r->ctx->slabs, texts->other);
		texts->other = SLABS_NONE;
	}
	if (fifo_len(texts) > 0 || texts->other != SLABS_NONE || texts->held[0] != SLABS_NONE ||
		texts->held[1] != SLABS_NONE)
		return;
	slabs_give(r->ctx->slabs, r->s->more);
	r->s->more = SLABS_NONE;
}

static unsigned
inline_len(const struct state *s)
{
	return s->queue >> LEN_SHIFT;
}

static unsigned
inline_entry(const struct state *s, unsigned i)
{
	return s->queue >> i * ENTRY_BITS & ENTRY_MASK;
}

static void
inline_push(struct state *s, unsigned entry)
{
	s->queue |= entry << inline_len(s) * ENTRY_BITS;
	s->queue += 1u << LEN_SHIFT;
}

static unsigned
inline_pop(struct state *s)
{
	uint32_t len = inline_len(s) - 1u;
	unsigned entry = inline_entry(s, 0);

	s->queue = (s->queue & ((1u << LEN_SHIFT) - 1)) >> ENTRY_BITS | len << LEN_SHIFT;
	return entry;
}

/* The kinds that are not inline. Looked at only when there can be any. */
static struct fifo *
kinds_more(const struct run *r)
{
	if (inline_len(r->s) < SMTP_QUEUE_INLINE || r->s->more == SLABS_NONE)
		return NULL;
	return fifo_at(r, fifo_at(r, r->s->more)->other);
}

static bool
texts_push(struct run *r, const uint8_t *text, size_t len)
{
	uint8_t len_byte = (uint8_t)len;
	struct fifo *f = fifo_room(r, &r->s->more, 1 + len, SMTP_QUEUE_TEXT_BYTES);

	if (!f)
		return false;
	fifo_write(f, &len_byte, 1);
	fifo_write(f, text, len);
	return true;
}

/* Take back the text that was pushed last. */
static void
texts_unpush(struct run *r, size_t len)
{
	struct fifo *f = fifo_at(r, r->s->more);

	f->end = (uint16_t)(f->end - 1u - len);
}

static bool
kinds_push(struct run *r, unsigned entry)
{
	struct state *s = r->s;
	uint8_t byte = (uint8_t)entry;

	if (inline_len(s) < SMTP_QUEUE_INLINE) {
		inline_push(s, entry);
		return true;
	}
	struct fifo *texts = fifo_at(r, s->more);
	if (!texts)
		texts = fifo_grow(r, &s->more, 1);
	struct fifo *f = texts ? fifo_room(r, &texts->other, 1, SMTP_QUEUE_MORE) : NULL;
	if (!f)
		return false;
	fifo_write(f, &byte, 1);
	return true;
}

void
smtp_queue_push(struct run *r, enum command_kind kind, const uint8_t *text, size_t len)
{
	struct state *s = r->s;
	unsigned entry = kind;

	if (s->skipped == 0 && fifo_len(kinds_more(r)) < SMTP_QUEUE_MORE) {
		if (len > SMTP_STRING_MAX)
			len = SMTP_STRING_MAX;
		if (text && texts_push(r, text, len))
			entry |= ENTRY_TEXT;
		if (kinds_push(r, entry))
			return;
		if (entry & ENTRY_TEXT)
			texts_unpush(r, len);
		more_shrink(r);
	}
	counter_add(r->ctx->counters, COUNTER_SMTP_QUEUE_FULL, 1);
	if (s->skipped < UINT16_MAX)
		s->skipped++;
	/* Nobody can wait for a server that was never seen. */
	if (!(s->flags & S_SERVER_SEEN))
		s->flags |= S_ONE_SIDED;
}

uint32_t
smtp_queue_held(const struct run *r, enum smtp_side side)
{
	const struct fifo *texts = fifo_at(r, r->s->more);

	return texts ? texts->held[side] : SLABS_NONE;
}

bool
smtp_queue_hold(struct run *r, enum smtp_side side, uint32_t piece)
{
	struct fifo *texts = fifo_at(r, r->s->more);

	if (!texts && piece != SLABS_NONE)
		texts = fifo_grow(r, &r->s->more, 1);
	if (!texts)
		return piece == SLABS_NONE;
	texts->held[side] = piece;
	if (piece == SLABS_NONE)
		more_shrink(r);
	return true;
}

enum command_kind
smtp_queue_peek(const struct run *r)
{
	const struct state *s = r->s;

	if (inline_len(s) > 0)
		return (enum command_kind)(inline_entry(s, 0) & ~ENTRY_TEXT);
	return s->skipped > 0 ? COMMAND_OTHER : COMMAND_NONE;
}

static void
texts_pop(struct run *r, struct queued *out)
{
	struct fifo *f = fifo_at(r, r->s->more);
	const uint8_t *at = f->bytes + f->head;

	out->has_text = true;
	out->len = at[0];
	memcpy(out->text, at + 1, out->len);
	f->head = (uint16_t)(f->head + 1u + out->len);
}

void
smtp_queue_pop(struct run *r, struct queued *out)
{
	struct state *s = r->s;
	struct fifo *more = kinds_more(r);

	out->kind = COMMAND_NONE;
	out->has_text = false;
	out->len = 0;
	if (s->uncertain > 0)
		s->uncertain--;
	if (inline_len(s) == 0) {
		if (s->skipped == 0)
			return;
		s->skipped--;
		out->kind = COMMAND_OTHER;
		return;
	}
	unsigned entry = inline_pop(s);
	out->kind = (enum command_kind)(entry & ~ENTRY_TEXT);
	if (entry & ENTRY_TEXT)
		texts_pop(r, out);
	if (fifo_len(more) > 0)
		inline_push(s, more->bytes[more->head++]);
	if ((entry & ENTRY_TEXT) || more)
		more_shrink(r);
}

uint32_t
smtp_queue_len(const struct run *r)
{
	return inline_len(r->s) + (uint32_t)fifo_len(kinds_more(r)) + r->s->skipped;
}

bool
smtp_queue_has(const struct run *r, enum command_kind kind)
{
	const struct fifo *more = kinds_more(r);

	for (unsigned i = 0; i < inline_len(r->s); i++)
		if ((inline_entry(r->s, i) & ~ENTRY_TEXT) == kind)
			return true;
	for (unsigned i = 0; i < fifo_len(more); i++)
		if ((more->bytes[more->head + i] & ~ENTRY_TEXT) == kind)
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
