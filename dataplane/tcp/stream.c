/*
 * Theory of operation
 *
 * A tap sees the segments of a connection in an order that no peer saw: shuffled a
 * little, some twice, some not at all, and the two directions skewed against each
 * other. The owner must get what the peers acted on, in the order in which they did:
 * each side's bytes in sequence, and never a reply before the command that it answers.
 * Sequence numbers give the first; acknowledgement numbers give the second: who sends
 * ACK = A had received all bytes before A when it wrote this segment. So:
 *
 *   A segment is due when every byte before it was delivered (seq <= next_seq of its
 *   side) and every byte that it acknowledges was (ack <= next_seq of the other side).
 *
 * What is due goes out as a pointer into the segment. What is not is copied into the
 * arena (held.c) until it is. Where both sides have something due, neither depends on the
 * other; the older goes first. A FIN is one more sequence number; a RST is a mark between
 * two of them. That is all while nothing is lost.
 *
 * What is kept for each side: next_seq; the held list; acked_seq, the furthest that
 * the other side said to have received; shown_seq, the furthest that this side was seen
 * to have sent (a pure ACK's sequence number says it too). For each held segment: when it
 * came, in packet time and in segments of either side; what it waits for is late or lost
 * since then.
 *
 * Always: held segments are in sequence order, do not overlap, and end after next_seq;
 * when tcp_next has returned false no head is due and the hand is empty.
 *
 * When nothing is due, stall.c decides whether to go on waiting. next_seq only ever jumps
 * on evidence that the other peer has the bytes too, or when that peer is not visible:
 *
 *   the head   | and                                  | then
 *   -----------+--------------------------------------+----------------------------------
 *   is beyond  | the peer acknowledged past the hole  | lost at the tap, no retransmission
 *   a hole     |                                      | comes: GAP after REORDER
 *              | the peer is not visible              | GAP after RETRANSMIT
 *              | the peer itself stands there         | wait hold_ns_max; then the held
 *              |                                      | bytes were never accepted: drop them
 *   waits for  | the peer showed that it sent them    | lost at the tap: GAP in the peer's
 *   the peer's |                                      | stream after REORDER
 *   bytes      | the peer is silent                   | wait RETRANSMIT, then for it no more
 *              | the peer speaks and never showed it  | a false ACK, which RFC 9293 3.10.7.4
 *              |                                      | makes the peer drop: drop it
 *              | the peer waits for this side too     | crossed retransmissions: older first
 *   is in      | the peer acknowledged all of it      | REORDER, then believe it; but drop what
 *   doubt      |                                      | is contested
 *   (input.c)  | the peer acknowledged a part of it   | REORDER, then drop it
 *              | the peer is not visible              | RETRANSMIT, then drop it
 *              | else                                 | wait hold_ns_max, then drop it
 *   has no     | no SYN was seen                      | START: it may not be the first that
 *   place yet  |                                      | was sent
 *   is first   | the peer was not seen at all yet     | START: then it is a one-sided capture
 *
 * REORDER is 16 segments and 300 ms of packet time; START 12 segments and 300 ms (two taps
 * with a delay between them), or five seconds; RETRANSMIT 16 segments and three seconds. A
 * one-percent loss at the tap thus costs a dialogue a few turns of delay and no order. At a limit
 * of memory what may be skipped is skipped at once; where nothing may be, the furthest held bytes
 * are dropped (TCP_HOLD_FULL), which becomes a GAP when the peer turns out to have had them.
 *
 * A capture of one side never sees the other: nothing waits for a side that is absent,
 * and its next_seq follows the acknowledgements, so that it has a place if it shows up.
 *
 * What an attacker would try
 * - Segments that his peer drops and we accept, to make us read another dialogue. A bad
 *   checksum (input.c: ignored as soon as this side's others verify), a false or missing
 *   ACK (above), numbers outside the window, bytes after his FIN: ignored, as the peer does.
 *   A second copy with other bytes: the first wins and the conflict is counted. (A copy
 *   that waits for its false ACK does not count as first: a copy that is due passes it by.)
 * - A hole, so that we jump ahead of the peer and take the real bytes as old. We do not
 *   jump before the peer does. If the peer is blind to us (one-sided) we must.
 * - A false RST or SYN, so that we forget: open.c.
 * - Junk far ahead, or one byte a block, to eat the arena: held.c.
 * - Segments that end between tap and peer, or that the peer has no key for: input.c, doubts.
 * What remains: such segments of a peer more than five hops behind the tap. A peer fewer hops
 * behind it takes what is in doubt here; who sends it such lines, and after each a copy that is
 * beyond doubt, has the copy heard, and the conflict counted. Decoys with an old timestamp, or
 * without one where others have it, which some systems take and some do not: the first copy is
 * heard, and the conflict counted. Urgent data, which is not looked at. More than 2 GiB missed in a
 * row of one side lose that side until the session ends.
 *
 * Work: a segment costs a walk of at most hold_pkts_max held blocks for each
 * HELD_BYTES of its length; each chunk frees, skips or drops something.
 */
#include <string.h>

#include "base/bytes.h"
#include "dataplane/tcp/private.h"

/* Of a long segment its first and last HASH_EDGE bytes are hashed. */
#define HASH_EDGE 64u

void
tcp_ctx_defaults(struct tcp_ctx *ctx)
{
	ctx->hold_pkts_max = 256;
	ctx->hold_bytes_max = 512 * 1024;
	ctx->hold_ns_max = 30ull * 1000000000;
	ctx->hand = (struct tcp_hand){0};
	ctx->now_ns = 0;
	ctx->lent = 0;
}

/* Each word times its own odd number, so that the products do not wait for one another. */
static uint64_t
hash_words(uint64_t h, const uint8_t *data, uint32_t len)
{
	uint64_t factor = 0x9e3779b97f4a7c15;

	for (uint32_t at = 0; at + 8 <= len; at += 8, factor += 0x3c6ef372fe94f82a)
		h += (load_le64(data + at) ^ 0xa0761d6478bd642f) * factor;
	return h;
}

/* Only to notice that two copies differ: whoever makes them agree has said nothing new. */
uint16_t
stream_hash(const uint8_t *data, uint32_t len)
{
	uint64_t last = 0;
	uint64_t h;

	if (len < 8) {
		memcpy(&last, data, len);
		h = hash_words(len, (const uint8_t *)&last, 8);
	} else if (len <= 2 * HASH_EDGE) {
		last = load_le64(data + len - 8);
		h = hash_words(len, data, len) ^ last * 0xe7037ed1a0b428db;
	} else {
		h = hash_words(len, data, HASH_EDGE) * 0xe7037ed1a0b428db;
		h = hash_words(h, data + len - HASH_EDGE, HASH_EDGE);
	}
	return (uint16_t)((h ^ h >> 32) * 0x9e3779b97f4a7c15 >> 48);
}

void
stream_conflict(struct tcp_ctx *ctx, struct tcp_stream *s)
{
	s->flags |= STREAM_CONFLICT;
	counter_add(ctx->counters, COUNTER_TCP_CONFLICT, 1);
}

void
stream_place(struct tcp_stream *s, uint32_t seq)
{
	s->base_seq = seq;
	s->next_seq = seq;
	s->flags |= STREAM_PLACED;
	if (!stream_is(s, STREAM_SHOWN) || !seq_near(s->shown_seq, seq) ||
		seq_past(seq, s->shown_seq) > 0)
		s->shown_seq = seq;
	s->flags |= STREAM_SHOWN;
}

bool
stream_ack_due(const struct tcp_conn *conn, unsigned dir, uint8_t has_ack, uint32_t ack)
{
	const struct tcp_stream *peer = &conn->stream[!dir];

	if (has_ack == ACK_NONE || stream_is(peer, STREAM_ABSENT))
		return true;
	return stream_is(peer, STREAM_PLACED) &&
	       (has_ack == ACK_ANSWER || seq_past(ack, peer->next_seq) <= 0);
}

enum stream_state
stream_state(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir)
{
	const struct tcp_stream *s = &conn->stream[dir];
	const struct held *head = held_head(ctx, conn, dir);

	if (!head)
		return STREAM_EMPTY;
	if (!stream_is(s, STREAM_PLACED))
		return STREAM_UNPLACED;
	if (head->doubt || seq_past(head->seq, s->next_seq) > 0)
		return STREAM_HOLE;
	if (!stream_ack_due(conn, dir, head->has_ack, head->ack))
		return STREAM_WAIT;
	return STREAM_READY;
}

unsigned
stream_first(const struct tcp_ctx *ctx, const struct tcp_conn *conn)
{
	const struct held *a = held_head(ctx, conn, 0);
	const struct held *b = held_head(ctx, conn, 1);
	bool a_saw_b = a->has_ack == ACK_IS && seq_past(a->ack, b->seq) > 0;
	bool b_saw_a = b->has_ack == ACK_IS && seq_past(b->ack, a->seq) > 0;

	if (a_saw_b != b_saw_a)
		return a_saw_b;
	return b->time_ns < a->time_ns;
}

/* Drop held segments that are wholly before next_seq. */
static void
stream_prune(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir)
{
	const struct held *head;

	while ((head = held_head(ctx, conn, dir)) != NULL) {
		int32_t past = seq_past(head->seq + head->span, conn->stream[dir].next_seq);
		if (past > 0 || (past == 0 && head->kind == HELD_RST))
			return;
		held_drop_head(ctx, conn, dir);
	}
}

void
stream_advance(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t seq)
{
	struct tcp_stream *s = &conn->stream[dir];

	s->next_seq = seq;
	s->flags |= STREAM_MOVED;
	if (seq_past(seq, s->shown_seq) > 0)
		s->shown_seq = seq;
	if (tcp_holding(conn))
		stream_prune(ctx, conn, dir);
}

void
stream_gap(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t seq,
	struct tcp_chunk *out)
{
	struct tcp_stream *s = &conn->stream[dir];

	out->kind = TCP_CHUNK_GAP;
	out->dir = (enum tcp_dir)dir;
	out->from_start = false;
	out->data = NULL;
	out->len = seq - s->next_seq;
	counter_add(ctx->counters, COUNTER_TCP_GAPS, 1);
	counter_add(ctx->counters, COUNTER_TCP_GAP_BYTES, out->len);
	s->flags |= STREAM_GAP;
	s->last_len = 0;
	stream_advance(ctx, conn, dir, seq);
}

static void
stream_data(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	struct tcp_stream *s = &conn->stream[out->dir];

	out->kind = TCP_CHUNK_DATA;
	out->from_start = stream_is(s, STREAM_SYN) && !stream_is(s, STREAM_MOVED) &&
			  s->next_seq == s->base_seq;
	stream_pass(s, out->data, out->len);
	if (tcp_holding(conn))
		stream_prune(ctx, conn, out->dir);
}

static void
stream_fin(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	struct tcp_stream *s = &conn->stream[out->dir];

	out->kind = TCP_CHUNK_FIN;
	stream_advance(ctx, conn, out->dir, s->next_seq + 1);
	s->flags |= STREAM_FIN;
	s->last_len = 0;
	held_drop_all(ctx, conn, out->dir);
}

/* Bytes of dir that acknowledge ack went out: what the other side sent before is past. */
static void
stream_place_peer(struct tcp_conn *conn, unsigned dir, uint8_t has_ack, uint32_t ack)
{
	struct tcp_stream *peer = &conn->stream[!dir];

	if (has_ack != ACK_IS)
		return;
	if (!stream_is(peer, STREAM_PLACED)) {
		stream_place(peer, ack);
	} else if (!stream_is(peer, STREAM_SEEN) && seq_past(ack, peer->next_seq) > 0) {
		peer->next_seq = ack;
		if (seq_past(ack, peer->shown_seq) > 0)
			peer->shown_seq = ack;
	}
}

/* Pass the head on. False: it was a RST that the sender's own later bytes disown. */
static bool
held_emit(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, struct tcp_chunk *out)
{
	struct tcp_stream *s = &conn->stream[dir];
	uint32_t link = held_first(ctx, conn, dir);
	struct held *head = held_at(ctx, link);
	uint32_t past = s->next_seq - head->seq;

	*out = (struct tcp_chunk){.dir = (enum tcp_dir)dir, .time_ns = head->time_ns};
	if (hand_is(ctx, conn) && ctx->hand.dir == dir)
		held_compare(ctx, conn, head);
	stream_place_peer(conn, dir, head->has_ack, head->ack);
	held_pop(ctx, conn, dir);
	ctx->lent = link;
	switch ((enum held_kind)head->kind) {
	case HELD_DATA:
		out->data = head->bytes + past;
		out->len = head->span - past;
		stream_data(ctx, conn, out);
		return true;
	case HELD_MISSING:
		stream_gap(ctx, conn, dir, head->seq + head->span, out);
		return true;
	case HELD_FIN:
		stream_fin(ctx, conn, out);
		return true;
	case HELD_RST:
		break;
	}
	held_give(ctx, link);
	ctx->lent = 0;
	if (held_first(ctx, conn, dir)) {
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		return false;
	}
	s->flags |= STREAM_RST;
	out->kind = TCP_CHUNK_RST;
	return true;
}

static bool
hand_due(const struct tcp_ctx *ctx, const struct tcp_conn *conn)
{
	const struct tcp_hand *hand = &ctx->hand;
	const struct tcp_stream *s = &conn->stream[hand->dir];

	return !hand->doubt && stream_is(s, STREAM_PLACED) && hand->seq == s->next_seq &&
	       stream_ack_due(conn, hand->dir, hand->has_ack, hand->ack);
}

/* Pass on the front of the hand, up to where held bytes, which came first, begin. */
static void
hand_emit(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	struct tcp_hand *hand = &ctx->hand;
	struct tcp_stream *s = &conn->stream[hand->dir];
	uint32_t room = UINT32_MAX;
	const struct held *head;

	*out = (struct tcp_chunk){.dir = (enum tcp_dir)hand->dir, .time_ns = hand->time_ns};
	stream_place_peer(conn, hand->dir, hand->has_ack, hand->ack);
	while ((head = held_head(ctx, conn, hand->dir)) != NULL && head->kind == HELD_RST &&
		head->seq - hand->seq < hand->len) {
		/* The sender goes on after it. */
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		held_drop_head(ctx, conn, hand->dir);
	}
	if (head) {
		if (seq_past(head->seq, hand->seq) > 0)
			room = head->seq - hand->seq;
		else
			held_compare(ctx, conn, head);
	}
	if (hand->len) {
		out->data = hand->data;
		out->len = hand->len < room ? hand->len : room;
		stream_data(ctx, conn, out);
	} else if (hand->missing) {
		uint32_t n = hand->missing < room ? hand->missing : room;
		stream_gap(ctx, conn, hand->dir, hand->seq + n, out);
	} else {
		if (hand->mark == TCP_FIN)
			stream_fin(ctx, conn, out);
		else
			out->kind = TCP_CHUNK_RST;
		if (hand->mark == TCP_RST)
			s->flags |= STREAM_RST;
		hand->conn = NULL;
		return;
	}
	hand_trim(ctx, s);
}

static void
lent_return(struct tcp_ctx *ctx)
{
	if (ctx->lent)
		held_give(ctx, ctx->lent);
	ctx->lent = 0;
}

/* The direction whose head is due, the one to go first when both are; 2 when none is. */
static unsigned
held_due(const struct tcp_ctx *ctx, const struct tcp_conn *conn)
{
	bool due[2];

	if (!tcp_holding(conn))
		return 2;
	for (unsigned dir = 0; dir < 2; dir++)
		due[dir] = stream_state(ctx, conn, dir) == STREAM_READY;
	if (due[0] && due[1])
		return stream_first(ctx, conn);
	return due[0] ? 0 : due[1] ? 1 : 2;
}

static __attribute__((noinline)) bool
next_chunk(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	lent_return(ctx);
	for (;;) {
		unsigned dir = held_due(ctx, conn);
		if (dir < 2) {
			if (held_emit(ctx, conn, dir, out))
				return true;
			continue;
		}
		if (hand_is(ctx, conn))
			hand_trim(ctx, &conn->stream[ctx->hand.dir]);
		bool pressed = false;
		if (hand_is(ctx, conn)) {
			if (hand_due(ctx, conn)) {
				hand_emit(ctx, conn, out);
				return true;
			}
			pressed = !held_insert(ctx, conn);
			if (pressed && ctx->hand.doubt)
				ctx->hand.conn = NULL;
			if (!pressed || !hand_is(ctx, conn))
				continue;
		}
		if (!pressed && !tcp_holding(conn))
			return false;
		enum stall_result stall = stall_resolve(ctx, conn, pressed, out);
		if (stall == STALL_WAIT && pressed)
			stall = stall_hand(ctx, conn, out);
		switch (stall) {
		case STALL_CHUNK:
			return true;
		case STALL_MOVED:
			continue;
		case STALL_WAIT:
			break;
		}
		if (!pressed)
			return false;
		held_make_room(ctx, conn);
	}
}

bool
tcp_next(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	if (!hand_is(ctx, conn) && !ctx->lent && !tcp_holding(conn))
		return false;
	return next_chunk(ctx, conn, out);
}

void
tcp_drain(struct tcp_ctx *ctx, struct tcp_conn *conn)
{
	(void)ctx;
	conn->stream[1].flags |= CONN_DRAINING;
}

void
tcp_close(struct tcp_ctx *ctx, struct tcp_conn *conn)
{
	lent_return(ctx);
	if (hand_is(ctx, conn))
		ctx->hand.conn = NULL;
	for (unsigned dir = 0; dir < 2; dir++)
		held_drop_all(ctx, conn, dir);
}

bool
tcp_syn_seen(const struct tcp_conn *conn, enum tcp_dir dir)
{
	return stream_is(&conn->stream[dir], STREAM_SYN);
}

bool
tcp_finished(const struct tcp_conn *conn)
{
	unsigned flags[2] = {conn->stream[0].flags, conn->stream[1].flags};

	return ((flags[0] | flags[1]) & STREAM_RST) || (flags[0] & flags[1] & STREAM_FIN);
}

bool
tcp_conflict_seen(const struct tcp_conn *conn)
{
	return (conn->stream[0].flags | conn->stream[1].flags) & STREAM_CONFLICT;
}

bool
tcp_gap_seen(const struct tcp_conn *conn)
{
	return (conn->stream[0].flags | conn->stream[1].flags) & STREAM_GAP;
}
