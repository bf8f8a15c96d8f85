/*
 * note: what a session must remember for its later events and that does not decide how
 * bytes are read: who it says it is, what it has done.
 *
 * Keeps: one piece of memory, from the first thing to be noted on: its head; the deeds, once
 * there are any; then strings, each [kind][length][bytes], in the order in which they came.
 * It grows from one size of pieces to the next, and moves to a smaller one when it would fill no
 * more than half of that which it has. The greeting, the client's name, the account and who sends
 * are names (names.c) as long as there is room for them: a typical session has no note before AUTH
 * or MAIL, and none between a login and the first MAIL; then it has 64 bytes.
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

uint32_t
smtp_attempts(const struct run *r)
{
	return r->s->attempts + smtp_deeds_peek(r)->attempts;
}

const struct deeds *
smtp_deeds_peek(const struct run *r)
{
	const struct note *note = note_of(r);

	return (const struct deeds *)(const void *)(note && note->has_deeds ? note->bytes
									    : r->ctx->nothing);
}

/* The name that the session has of this kind; NAME_NONE for what is not shared. */
static uint32_t
name_of(const struct run *r, enum note_kind kind)
{
	const struct state *s = r->s;

	if (kind == NOTE_BANNER)
		return s->banner;
	if (kind == NOTE_HELO)
		return s->helo;
	if (kind == NOTE_AUTHENTICATED)
		return s->account;
	uint32_t from = kind == NOTE_FROM ? smtp_deeds_peek(r)->from : 0;
	return from != 0 ? from - 1 : NAME_NONE;
}

/* Have this name of the kind, or NAME_NONE; the one before is given back. */
static void
name_set(struct run *r, enum note_kind kind, uint32_t name)
{
	uint32_t before = name_of(r, kind);

	if (before != NAME_NONE)
		smtp_name_give(r->ctx, before);
	if (kind == NOTE_BANNER)
		r->s->banner = name & NAME_NONE;
	else if (kind == NOTE_HELO)
		r->s->helo = name & NAME_NONE;
	else if (kind == NOTE_AUTHENTICATED)
		r->s->account = name & NAME_NONE;
	else if (kind == NOTE_FROM)
		smtp_deeds(r)->from = name != NAME_NONE ? name + 1 : 0;
}

/* May it be a name? Who sends only where there are deeds to keep that in. */
static bool
kind_is_shared(const struct run *r, enum note_kind kind)
{
	const struct note *note = note_of(r);

	if (kind == NOTE_FROM)
		return note && note->has_deeds;
	return kind == NOTE_BANNER || kind == NOTE_HELO || kind == NOTE_AUTHENTICATED;
}

struct span
smtp_note_get(const struct run *r, enum note_kind kind)
{
	uint32_t name = name_of(r, kind);

	if (name != NAME_NONE)
		return smtp_name_text(r->ctx, name);
	struct note *note = note_of(r);
	const uint8_t *at = note ? note_find(note, kind) : NULL;

	return at ? (struct span){at + 2, at[1]} : (struct span){NULL, 0};
}

static void
note_give(struct run *r)
{
	struct note *note = note_of(r);

	if (!note)
		return;
	explicit_bzero(note, note->used);
	slabs_give(r->ctx->slabs, r->s->note);
	r->s->note = SLABS_NONE;
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
	if (kind_is_shared(r, kind)) {
		name_set(r, kind, len > 0 ? smtp_name_take(r->ctx, data, len) : NAME_NONE);
		if (name_of(r, kind) != NAME_NONE)
			return true;
	}
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
	if (name_of(r, kind) != NAME_NONE)
		name_set(r, kind, NAME_NONE);
	note_cut(note, kind);
	if (slabs_room(note->used) * 2 <= note->units * SLABS_UNIT_BYTES)
		note_move(r, note->used);
}

void
smtp_note_rename(struct run *r, enum note_kind from, enum note_kind to)
{
	uint8_t text[SMTP_STRING_MAX];
	struct span noted = smtp_note_get(r, from);

	if (noted.len > 0)
		memcpy(text, noted.data, noted.len);
	smtp_note_put(r, to, text, noted.len);
	explicit_bzero(text, noted.len);
	smtp_note_drop(r, from);
}

/* Do the deeds tell of attempts alone? */
static bool
deeds_are_attempts(const struct run *r, const struct deeds *deeds)
{
	static const struct deeds none;
	struct deeds others = *deeds;

	others.attempts = 0;
	if (r->s->flags & S_SERVER_SEEN) /* nobody waits for one that was never seen */
		others.wait_since_s = 0;
	return memcmp(&others, &none, sizeof(none)) == 0;
}

void
smtp_note_settle(struct run *r)
{
	struct note *note = note_of(r);
	uint32_t attempts = smtp_attempts(r);

	if (!note || !note->has_deeds || attempts > UINT8_MAX ||
		!deeds_are_attempts(r, smtp_deeds_peek(r)))
		return;
	r->s->attempts = attempts & UINT8_MAX;
	note->used = (uint16_t)(note->used - sizeof(struct deeds));
	note->has_deeds = 0;
	memmove(note->bytes, note->bytes + sizeof(struct deeds), note->used - sizeof(*note));
	explicit_bzero((uint8_t *)note + note->used, sizeof(struct deeds));
	if (note->used == sizeof(*note))
		note_give(r);
	else
		note_move(r, note->used);
}

void
smtp_note_close(struct run *r)
{
	smtp_note_drop(r, NOTE_FROM);
	note_give(r);
	name_set(r, NOTE_BANNER, NAME_NONE);
	name_set(r, NOTE_HELO, NAME_NONE);
	name_set(r, NOTE_AUTHENTICATED, NAME_NONE);
}

void
smtp_note_gaps(const struct run *r, uint32_t bytes[2])
{
	struct span noted = smtp_note_get(r, NOTE_GAPS);

	bytes[0] = bytes[1] = 0;
	if (noted.len > 0)
		memcpy(bytes, noted.data, noted.len);
}

void
smtp_note_gap(struct run *r, enum smtp_side side, uint64_t len)
{
	uint32_t bytes[2];

	smtp_note_gaps(r, bytes);
	bytes[side] += (uint32_t)len;
	smtp_note_put(r, NOTE_GAPS, bytes, sizeof(bytes));
}

uint8_t
smtp_note_text(const struct run *r, struct event *event, size_t *used, enum note_kind kind)
{
	struct span text = smtp_note_get(r, kind);

	return text.len > 0 ? smtp_text_put(event, used, text.data, text.len, NULL) : 0;
}

void
smtp_note_signatures(const struct run *r, uint32_t out[4])
{
	struct span ids = smtp_note_get(r, NOTE_SIGNATURES);

	if (ids.len > 0)
		memcpy(out, ids.data, ids.len < 16 ? ids.len : 16);
}
