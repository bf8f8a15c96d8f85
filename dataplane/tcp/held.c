/*
 * The segments that wait: a list for each direction, in sequence order, without
 * overlaps, in blocks of the worker's arena. See stream.c for what they wait for.
 *
 * A block holds HELD_BYTES bytes at most; a larger segment takes several blocks.
 * Adjoining bytes with the same acknowledgement share a block while they fit: a
 * sender of seven-byte segments in random order then costs as many blocks as
 * there are holes, not as there are segments.
 *
 * A connection that holds nothing spends four bytes on this: a link to the first of one side.
 * That block, the root, has the link to the other side's first, and how many both hold.
 *
 * Limits: a connection has at most hold_pkts_max blocks and hold_bytes_max
 * bytes of arena, and never more than a quarter of what is free now. So each
 * further hog gets less than the one before, and something is left for the
 * connection that needs three blocks for a moment: with n connections that take
 * all they can get, 4 / (4 + n) of the arena stays free. The list walk is
 * bounded by hold_pkts_max.
 */
#include <string.h>

#include "dataplane/tcp/private.h"

static bool
held_has_room(const struct tcp_ctx *ctx, const struct tcp_conn *conn)
{
	uint32_t blocks = tcp_holding(conn) ? held_at(ctx, conn->held)->blocks : 0;
	uint32_t left = ctx->arena->capacity - ctx->arena->in_use;

	return blocks < ctx->hold_pkts_max &&
	       (uint64_t)(blocks + 1) * TCP_BLOCK_BYTES <= ctx->hold_bytes_max &&
	       blocks < (left + 3) / 4 && blocks < HELD_BLOCKS_MAX;
}

/* The side's first is now this one, or none (0). The one before is still as it was. */
static void
held_set_first(const struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t link)
{
	const struct held none = {.dir = dir & 1};
	struct held *root = conn->held ? held_at(ctx, conn->held) : NULL;

	if (root && root->dir != dir) {
		root->other = link;
		return;
	}
	const struct held *before = root ? root : &none;
	conn->held = link ? link : before->other;
	if (!conn->held)
		return;
	uint32_t other = link ? before->other : 0;
	uint16_t blocks = before->blocks;
	root = held_at(ctx, conn->held);
	root->other = other;
	root->blocks = blocks;
}

static void
held_count(const struct tcp_ctx *ctx, const struct tcp_conn *conn, int more)
{
	if (!conn->held)
		return;
	struct held *root = held_at(ctx, conn->held);
	root->blocks = (uint16_t)(root->blocks + more);
}

uint32_t
held_pop(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir)
{
	uint32_t link = held_first(ctx, conn, dir);

	held_set_first(ctx, conn, dir, held_at(ctx, link)->next);
	held_count(ctx, conn, -1);
	return link;
}

void
held_drop_head(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir)
{
	held_give(ctx, held_pop(ctx, conn, dir));
}

unsigned
held_drop_all(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir)
{
	unsigned n = 0;

	for (; held_first(ctx, conn, dir); n++)
		held_drop_head(ctx, conn, dir);
	return n;
}

/* Drop the side's block after this one, or its first (NULL). */
static void
held_remove(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, struct held *before)
{
	if (!before) {
		held_drop_head(ctx, conn, dir);
		return;
	}
	uint32_t link = before->next;
	before->next = held_at(ctx, link)->next;
	held_count(ctx, conn, -1);
	held_give(ctx, link);
}

/* Take n sequence numbers off the front of the hand. */
static void
hand_cut(struct tcp_ctx *ctx, uint32_t n)
{
	struct tcp_hand *hand = &ctx->hand;
	uint32_t bytes = n < hand->len ? n : hand->len;
	uint32_t missing = n - bytes < hand->missing ? n - bytes : hand->missing;

	if (bytes)
		hand->data += bytes;
	hand->len -= bytes;
	hand->missing -= missing;
	hand->seq += n;
	if (n > bytes + missing) {
		if (hand->mark == TCP_RST)
			counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		hand->mark = 0;
	}
	if (hand->len == 0 && hand->missing == 0 && hand->mark == 0)
		hand->conn = NULL;
}

void
hand_trim(struct tcp_ctx *ctx, const struct tcp_stream *s)
{
	int32_t old = stream_is(s, STREAM_PLACED) ? seq_past(s->next_seq, ctx->hand.seq) : 0;

	if (old > 0)
		hand_cut(ctx, (uint32_t)old);
}

bool
held_compare(struct tcp_ctx *ctx, struct tcp_conn *conn, const struct held *node)
{
	const struct tcp_hand *hand = &ctx->hand;
	int32_t ahead = seq_past(hand->seq, node->seq);
	uint32_t in_node = ahead > 0 ? (uint32_t)ahead : 0;
	uint32_t in_hand = ahead < 0 ? -(uint32_t)ahead : 0;

	if (node->kind != HELD_DATA || in_node >= node->span || in_hand >= hand->len)
		return false;
	uint32_t n = node->span - in_node;
	if (n > hand->len - in_hand)
		n = hand->len - in_hand;
	if (memcmp(node->bytes + in_node, hand->data + in_hand, n) == 0)
		return false;
	stream_conflict(ctx, &conn->stream[hand->dir]);
	return true;
}

/* Was the other side seen to have sent all that is acknowledged? What is held of it counts. */
static bool
ack_is_shown(const struct tcp_conn *conn, unsigned dir, uint8_t has_ack, uint32_t ack)
{
	const struct tcp_stream *peer = &conn->stream[!dir];

	return stream_ack_due(conn, dir, has_ack, ack) ||
	       (stream_is(peer, STREAM_SHOWN) && seq_past(ack, peer->shown_seq) <= 0);
}

/*
 * Two copies differ, and the held one is in doubt. Does nothing tell which the peer has? One is
 * signed and the other has few hops left; or one would do if the bytes were there that it
 * acknowledges, which is a decoy's word until they are.
 */
static bool
held_contest(const struct tcp_conn *conn, const struct tcp_hand *hand, const struct held *node)
{
	bool is_shown = ack_is_shown(conn, hand->dir, hand->has_ack, hand->ack);

	if (hand->doubt == 0)
		return !is_shown;
	if (hand->doubt == TCP_DOUBT_ACK || node->doubt == TCP_DOUBT_ACK)
		return false;
	return ((hand->doubt ^ node->doubt) & TCP_DOUBT_SIGNED) || !is_shown ||
	       !ack_is_shown(conn, hand->dir, node->has_ack, node->ack);
}

void
held_yield(struct tcp_ctx *ctx, struct tcp_conn *conn)
{
	struct tcp_hand *hand = &ctx->hand;
	uint32_t end = hand->seq + hand->len + hand->missing + (hand->mark == TCP_FIN);
	struct held *before = NULL;

	for (;;) {
		uint32_t link = before ? before->next : held_first(ctx, conn, hand->dir);
		struct held *node = link ? held_at(ctx, link) : NULL;
		if (!node || seq_past(node->seq, end) >= 0)
			return;
		if (node->doubt <= hand->doubt ||
			seq_past(node->seq + node->span, hand->seq) <= 0) {
			before = node;
			continue;
		}
		if (held_compare(ctx, conn, node) && held_contest(conn, hand, node))
			hand->contested = true;
		hand->contested |= node->contested && hand->doubt != 0;
		held_remove(ctx, conn, hand->dir, before);
	}
}

/* The kind of what is at the front of the hand, and its span up to room. */
static enum held_kind
hand_piece(const struct tcp_hand *hand, uint32_t room, uint32_t *span)
{
	if (hand->len) {
		*span = hand->len < room ? hand->len : room;
		if (*span > HELD_BYTES)
			*span = HELD_BYTES;
		return HELD_DATA;
	}
	if (hand->missing) {
		*span = hand->missing < room ? hand->missing : room;
		return HELD_MISSING;
	}
	*span = hand->mark == TCP_FIN;
	return hand->mark == TCP_FIN ? HELD_FIN : HELD_RST;
}

/* What is in doubt, or contested, stays as it came. */
static bool
held_joins(const struct held *a, uint32_t seq, uint8_t has_ack, uint32_t ack, unsigned doubt)
{
	return a->kind == HELD_DATA && a->seq + a->span == seq && a->has_ack == has_ack &&
	       a->ack == ack && (a->doubt | a->contested | doubt) == 0;
}

/* Join node with the one after it when they adjoin and fit one block. */
static void
held_merge_next(struct tcp_ctx *ctx, struct tcp_conn *conn, struct held *node)
{
	const struct held *next = node->next ? held_at(ctx, node->next) : NULL;

	if (!next || next->kind != HELD_DATA || node->span + next->span > HELD_BYTES ||
		!held_joins(
			node, next->seq, next->has_ack, next->ack, next->doubt | next->contested))
		return;
	memcpy(node->bytes + node->span, next->bytes, next->span);
	node->span += next->span;
	if (next->time_ns > node->time_ns)
		node->time_ns = next->time_ns;
	/* What is missing before them is missing since the first of them came. */
	if (next->tick - node->tick > INT32_MAX) {
		node->tick = next->tick;
		memcpy(node->segments, next->segments, sizeof(node->segments));
	}
	held_remove(ctx, conn, node->dir, node);
}

/* Put the front of the hand, which fits before link, after prev. Returns its link; 0: no room. */
static uint32_t
held_store(struct tcp_ctx *ctx, struct tcp_conn *conn, uint32_t prev, uint32_t room)
{
	struct tcp_hand *hand = &ctx->hand;
	struct held *before = prev ? held_at(ctx, prev) : NULL;
	uint32_t span;
	enum held_kind kind = hand_piece(hand, room, &span);

	if (before && kind == HELD_DATA && before->span + span <= HELD_BYTES &&
		held_joins(before, hand->seq, hand->has_ack, hand->ack,
			hand->doubt | hand->contested)) {
		memcpy(before->bytes + before->span, hand->data, span);
		before->span += span;
		if (hand->time_ns > before->time_ns)
			before->time_ns = hand->time_ns;
		held_merge_next(ctx, conn, before);
		hand_cut(ctx, span);
		return prev;
	}
	if (!held_has_room(ctx, conn))
		return 0;
	uint32_t block = blocks_take(ctx->arena);
	if (block == BLOCKS_NONE)
		return 0;
	struct held *node = blocks_at(ctx->arena, block);
	*node = (struct held){
		.next = before ? before->next : held_first(ctx, conn, hand->dir),
		.seq = hand->seq,
		.span = span,
		.ack = hand->ack,
		.time_ns = hand->time_ns,
		.tick = (uint32_t)(ctx->now_ns >> TICK_SHIFT),
		.segments = {conn->stream[hand->dir].segments, conn->stream[!hand->dir].segments},
		.kind = kind & 3,
		.dir = hand->dir & 1,
		.has_ack = hand->has_ack,
		.doubt = hand->doubt & 0xf,
		.contested = hand->contested,
	};
	if (kind == HELD_DATA)
		memcpy(node->bytes, hand->data, span);
	if (before)
		before->next = block + 1;
	else
		held_set_first(ctx, conn, hand->dir, block + 1);
	held_count(ctx, conn, 1);
	held_merge_next(ctx, conn, node);
	if (kind == HELD_FIN || kind == HELD_RST)
		hand->conn = NULL;
	else
		hand_cut(ctx, span);
	return block + 1;
}

static void
hand_count(struct tcp_ctx *ctx, const struct tcp_stream *s)
{
	bool in_order = stream_is(s, STREAM_PLACED) && ctx->hand.seq == s->next_seq;

	if (ctx->hand.counted)
		return;
	ctx->hand.counted = 1;
	counter_add(
		ctx->counters, in_order ? COUNTER_TCP_HELD_FOR_ACK : COUNTER_TCP_OUT_OF_ORDER, 1);
}

/* The first copy of a byte wins: take what node has off the hand. */
static void
hand_cover(struct tcp_ctx *ctx, struct tcp_conn *conn, struct held *node)
{
	uint32_t covered = node->seq + node->span - ctx->hand.seq;

	if (held_compare(ctx, conn, node) && node->doubt && ctx->hand.doubt &&
		held_contest(conn, &ctx->hand, node))
		node->contested = 1;
	hand_cut(ctx, covered);
}

bool
held_insert(struct tcp_ctx *ctx, struct tcp_conn *conn)
{
	struct tcp_hand *hand = &ctx->hand;
	struct tcp_stream *s = &conn->stream[hand->dir];
	uint32_t prev = 0;

	hand_count(ctx, s);
	while (hand_is(ctx, conn)) {
		struct held *before = prev ? held_at(ctx, prev) : NULL;
		uint32_t link = before ? before->next : held_first(ctx, conn, hand->dir);
		struct held *node = link ? held_at(ctx, link) : NULL;
		/* What was just stored may have grown over bytes that came before. */
		if (before && seq_past(before->seq + before->span, hand->seq) > 0) {
			hand_cover(ctx, conn, before);
			continue;
		}
		if (node && seq_past(node->seq + node->span, hand->seq) <= 0) {
			prev = link;
			continue;
		}
		int32_t room = node ? seq_past(node->seq, hand->seq) : INT32_MAX;
		bool is_rst = hand->len == 0 && hand->missing == 0 && hand->mark == TCP_RST;
		if (room < 0 || (room == 0 && !is_rst)) {
			hand_cover(ctx, conn, node);
			continue;
		}
		prev = held_store(ctx, conn, prev, (uint32_t)room);
		if (!prev)
			return false;
	}
	return true;
}

void
held_make_room(struct tcp_ctx *ctx, struct tcp_conn *conn)
{
	uint32_t last = held_first(ctx, conn, ctx->hand.dir);
	struct held *before = NULL;

	counter_add(ctx->counters, COUNTER_TCP_HOLD_FULL, 1);
	while (last && held_at(ctx, last)->next) {
		before = held_at(ctx, last);
		last = before->next;
	}
	if (!last || seq_past(held_at(ctx, last)->seq, ctx->hand.seq) <= 0) {
		ctx->hand.conn = NULL;
		return;
	}
	held_remove(ctx, conn, ctx->hand.dir, before);
}
