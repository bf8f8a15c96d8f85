/*
 * line: bytes in any cutting become steps of the two machines.
 *
 * Keeps, for each side, the bytes that its machine has not consumed, in one piece of
 * memory that is taken when they appear, as large as they need, and given back, wiped, when
 * they are consumed: a partial line, or what a client said after a command whose reply
 * decides what it means (CLIENT_WAIT).
 *
 * Always holds: a machine sees the held bytes before any new ones, and what it
 * does depends on the bytes and their order alone, never on how they were cut.
 * A step consumes bytes (> 0) or needs more of them (0).
 *
 * Limits: 4 KiB a side. A line cannot overflow it (it is cut at
 * SMTP_LINE_MAX); a waiting client can: see smtp_line_overflow. Work is linear in the
 * bytes: each pass over what is held consumes it or fills it, and each move makes room
 * for half as much again.
 *
 * What an attacker would try: dribble bytes to hold 4 KiB for each of a million sessions.
 * The arena is bounded; when it is full, lines are lost and counted (SMTP_HOLD_FULL), as
 * if they had been missed on the wire, and long ones before short ones and names
 * (base/slabs.c).
 */
#include <string.h>

#include "dataplane/smtp/state.h"

/* The head of a piece of what one side said. */
struct held {
	uint16_t len;  /* never 0 */
	uint16_t room; /* bytes that the piece has for it */
	uint8_t bytes[];
};

#define HELD_MAX (SLABS_MAX_BYTES - sizeof(struct held))

static size_t
step(struct run *r, enum smtp_side side, const uint8_t *data, size_t len)
{
	return side == SMTP_CLIENT ? smtp_client_step(r, data, len)
				   : smtp_server_step(r, data, len);
}

static size_t
step_all(struct run *r, enum smtp_side side, const uint8_t *data, size_t len)
{
	size_t used = 0;

	while (used < len) {
		size_t n = step(r, side, data + used, len - used);
		if (n == 0)
			break;
		used += n;
	}
	return used;
}

static struct held *
held_of(const struct run *r, enum smtp_side side)
{
	uint32_t piece = smtp_queue_held(r, side);

	return piece == SLABS_NONE ? NULL : slabs_at(r->ctx->slabs, piece);
}

struct span
smtp_held(const struct run *r, enum smtp_side side)
{
	const struct held *held = held_of(r, side);

	return held ? (struct span){held->bytes, held->len} : (struct span){NULL, 0};
}

void
smtp_line_discard(struct run *r, enum smtp_side side)
{
	struct held *held = held_of(r, side);

	if (!held)
		return;
	/* It may have been a password. */
	explicit_bzero(held->bytes, held->len);
	slabs_give(r->ctx->slabs, smtp_queue_held(r, side));
	smtp_queue_hold(r, side, SLABS_NONE);
}

/* Move what is held to a piece with room for len bytes. NULL: there is none. */
static struct held *
held_move(struct run *r, enum smtp_side side, size_t len)
{
	uint32_t before = smtp_queue_held(r, side);
	struct held *old = held_of(r, side);
	uint32_t piece = slabs_take(r->ctx->slabs, sizeof(*old) + len);

	if (piece == SLABS_NONE)
		return NULL;
	if (!smtp_queue_hold(r, side, piece)) {
		slabs_give(r->ctx->slabs, piece);
		return NULL;
	}
	struct held *held = slabs_at(r->ctx->slabs, piece);
	held->room = (uint16_t)(slabs_room(sizeof(*held) + len) - sizeof(*held));
	held->len = old ? old->len : 0;
	if (!old)
		return held;
	memcpy(held->bytes, old->bytes, held->len);
	explicit_bzero(old->bytes, old->len);
	slabs_give(r->ctx->slabs, before);
	return held;
}

void
smtp_line_resume(struct run *r, enum smtp_side side)
{
	struct held *held = held_of(r, side);

	if (!held)
		return;
	size_t used = step_all(r, side, held->bytes, held->len);
	if (used == 0)
		return;
	if (used == held->len) {
		smtp_line_discard(r, side);
		return;
	}
	size_t rest = held->len - used;
	memmove(held->bytes, held->bytes + used, rest);
	explicit_bzero(held->bytes + rest, used);
	held->len = (uint16_t)rest;
	if (slabs_room(sizeof(*held) + rest) * 2 <= sizeof(*held) + held->room)
		held_move(r, side, rest);
}

/* Copy what fits; 0 when nothing does. */
static size_t
hold(struct run *r, enum smtp_side side, const uint8_t *data, size_t len)
{
	struct held *held = held_of(r, side);
	size_t all = held ? held->len + len : len;

	if (all > HELD_MAX)
		all = HELD_MAX;
	if (!held || all > held->room) {
		struct held *moved = held_move(r, side, all);
		held = moved ? moved : held;
	}
	if (!held)
		return 0;
	if (len > (size_t)held->room - held->len)
		len = (size_t)held->room - held->len;
	memcpy(held->bytes + held->len, data, len);
	held->len = (uint16_t)(held->len + len);
	return len;
}

/* No memory for a line, or for the rest of it: as if it had been missed, up to its LF. */
static void
smtp_line_missed(struct run *r, enum smtp_side side, const uint8_t *data, size_t len)
{
	struct state *s = r->s;

	if (side == SMTP_SERVER) {
		/* Of what is held already smtp_missed takes what it says. */
		if (held_of(r, side) || !smtp_reply_cut(r, data, len))
			smtp_missed(r, side, 0);
		s->flags |= S_SKIP_SERVER;
		return;
	}
	smtp_missed(r, side, 0);
	s->flags |= s->flags & S_DROP ? 0 : S_SKIP_CLIENT;
}

/*
 * There is no room for what must be held, of which data are the next bytes. Afterwards
 * the machine consumes: either it no longer waits, or the bytes are dropped as if missed.
 */
static void
smtp_line_overflow(struct run *r, enum smtp_side side, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	bool waits = side == SMTP_CLIENT && s->client == CLIENT_WAIT;
	bool none_held = !held_of(r, side);
	bool known = waits && (s->tail == TAIL_TLS || s->tail == TAIL_DATA);
	bool one_sided = waits && !(s->flags & (S_SERVER_SEEN | S_ONE_SIDED));

	/* Whoever need not wait any longer loses nothing. */
	if (!known && !one_sided)
		counter_add(r->ctx->counters, COUNTER_SMTP_HOLD_FULL, 1);
	if (side == SMTP_CLIENT &&
		(s->client == CLIENT_HEADER || s->client == CLIENT_CHUNK_HEADER)) {
		smtp_data_skip(r);
	} else if (waits && s->tail == TAIL_TLS) {
		smtp_tls_enter(r);
	} else if (waits && s->tail == TAIL_DATA) {
		/* So much after DATA is its body; the 354 or the refusal is still to come. */
		smtp_queue_push(r, COMMAND_DATA, NULL, 0);
		s->flags |= S_DATA_ASSUMED;
		smtp_data_begin(r);
	} else if (one_sided) {
		s->flags |= S_ONE_SIDED;
	} else if (none_held || !waits) {
		smtp_line_missed(r, side, data, len);
	} else {
		s->flags |= S_UNSURE | S_DROP;
		s->auth_flags |= A_BLIND;
	}
	smtp_line_resume(r, side);
}

void
smtp_line_input(struct run *r, enum smtp_side side, const uint8_t *data, size_t len)
{
	while (len > 0) {
		if (r->s->more == SLABS_NONE || !held_of(r, side)) {
			size_t used = step_all(r, side, data, len);
			data += used;
			len -= used;
			if (len == 0)
				return;
		}
		size_t n = hold(r, side, data, len);
		if (n == 0) {
			smtp_line_overflow(r, side, data, len);
			continue;
		}
		data += n;
		len -= n;
		smtp_line_resume(r, side);
	}
}
