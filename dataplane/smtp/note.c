/*
 * note: what a session must remember for its later events and that does not decide how
 * bytes are read: who it says it is, what it has done.
 *
 * Keeps: one piece of memory, from the first thing to be noted on: its head; the deeds, once
 * there are any; then strings, each [kind][length][bytes], in the order in which they came.
 * It grows from one size of pieces to the next, and moves to a smaller one when it would fill no
 * more than half of that which it has. A typical session has 64 to 96 bytes from the banner on and
 * 128 to 160 from AUTH or MAIL on.
 *
 * Always holds: a kind is there at most once; no string is empty; what was moved or dropped is
 * wiped, since a username may turn out to be a password (auth.c).
 *
 * Limits: all strings at their longest, 1,7 KiB. Without memory facts are lost and counted
 * (SMTP_HOLD_FULL), never the reading of the session.
 */
#include <string.h>

#include "dataplane/smtp/state.h"

struct note {
	uint16_t used;     /* bytes, these among them */
	uint8_t units;     /* of the piece, each of SLABS_UNIT_BYTES */
	uint8_t has_deeds; /* before the strings */
	uint8_t bytes[];
};

_Static_assert(sizeof(struct deeds) <= sizeof(((struct smtp_ctx *)0)->nothing), "room for it");
_Static_assert(sizeof(struct note) + sizeof(struct deeds) + 8 * (2 + SMTP_STRING_MAX) + 2 +
			       4 * SMTP_SIGNATURES_MAX <=
		       SLABS_MAX_BYTES,
	"all of a note fits a piece");

static struct note *
note_of(const struct run *r)
{
	return r->s->note == SLABS_NONE ? NULL : slabs_at(r->ctx->slabs, r->s->note);
}

static uint8_t *
note_strings(struct note *note)
{
	return note->bytes + (note->has_deeds ? sizeof(struct deeds) : 0);
}

/* Move what is noted to a piece of at least len bytes. NULL: there is none. */
static struct note *
note_move(struct run *r, size_t len)
{
	struct slabs *slabs = r->ctx->slabs;
	struct note *old = note_of(r);
	uint32_t piece = slabs_take(slabs, len);

	if (piece == SLABS_NONE)
		return NULL;
	struct note *note = slabs_at(slabs, piece);
	if (old) {
		size_t used = old->used;
		memcpy(note, old, used);
		explicit_bzero(old, used);
		slabs_give(slabs, r->s->note);
	} else {
		*note = (struct note){.used = sizeof(*note)};
	}
	note->units = (uint8_t)(slabs_room(len) / SLABS_UNIT_BYTES);
	r->s->note = piece;
	return note;
}

/* The note, with room for more bytes. NULL when it cannot be had (counted). */
static struct note *
note_room(struct run *r, size_t more)
{
	struct note *note = note_of(r);

	if (note && note->used + more <= note->units * SLABS_UNIT_BYTES)
		return note;
	note = note_move(r, (note ? note->used : sizeof(*note)) + more);
	if (!note)
		counter_add(r->ctx->counters, COUNTER_SMTP_HOLD_FULL, 1);
	return note;
}

static uint8_t *
note_find(struct note *note, enum note_kind kind)
{
	uint8_t *end = (uint8_t *)note + note->used;

	for (uint8_t *at = note_strings(note); at < end; at += 2u + at[1])
		if (at[0] == kind)
			return at;
	return NULL;
}

struct deeds *
smtp_deeds(struct run *r)
{
	struct note *note = note_of(r);

	if (!note || !note->has_deeds) {
		note = note_room(r, sizeof(struct deeds));
		if (!note) {
			r->ctx->nothing_used = true;
			return (struct deeds *)(void *)r->ctx->nothing;
		}
		memmove(note->bytes + sizeof(struct deeds), note->bytes,
			note->used - sizeof(*note));
		memset(note->bytes, 0, sizeof(struct deeds));
		note->used = (uint16_t)(note->used + sizeof(struct deeds));
		note->has_deeds = 1;
	}
	return (struct deeds *)(void *)note->bytes;
}

const struct deeds *
smtp_deeds_peek(const struct run *r)
{
	const struct note *note = note_of(r);

	return (const struct deeds *)(const void *)(note && note->has_deeds ? note->bytes
									    : r->ctx->nothing);
}

struct span
smtp_note_get(const struct run *r, enum note_kind kind)
{
	struct note *note = note_of(r);
	const uint8_t *at = note ? note_find(note, kind) : NULL;

	return at ? (struct span){at + 2, at[1]} : (struct span){NULL, 0};
}

/* Take it out and leave the piece as it is. */
static void
note_cut(struct note *note, enum note_kind kind)
{
	uint8_t *at = note_find(note, kind);

	if (!at)
		return;
	size_t len = 2u + at[1];
	uint8_t *end = (uint8_t *)note + note->used;
	memmove(at, at + len, (size_t)(end - at) - len);
	explicit_bzero(end - len, len);
	note->used = (uint16_t)(note->used - len);
}

bool
smtp_note_put(struct run *r, enum note_kind kind, const void *data, size_t len)
{
	struct note *note = note_of(r);

	if (note)
		note_cut(note, kind);
	if (len == 0)
		return true;
	note = note_room(r, 2 + len);
	if (!note)
		return false;
	uint8_t *at = (uint8_t *)note + note->used;
	at[0] = (uint8_t)kind;
	at[1] = (uint8_t)len;
	memcpy(at + 2, data, len);
	note->used = (uint16_t)(note->used + 2 + len);
	return true;
}

void
smtp_note_drop(struct run *r, enum note_kind kind)
{
	struct note *note = note_of(r);

	if (!note)
		return;
	note_cut(note, kind);
	if (slabs_room(note->used) * 2 <= note->units * SLABS_UNIT_BYTES)
		note_move(r, note->used);
}

void
smtp_note_rename(struct run *r, enum note_kind from, enum note_kind to)
{
	struct note *note = note_of(r);

	if (!note)
		return;
	note_cut(note, to);
	uint8_t *at = note_find(note, from);
	if (at)
		at[0] = (uint8_t)to;
}

void
smtp_note_close(struct run *r)
{
	struct note *note = note_of(r);

	if (!note)
		return;
	explicit_bzero(note, note->used);
	slabs_give(r->ctx->slabs, r->s->note);
	r->s->note = SLABS_NONE;
}
