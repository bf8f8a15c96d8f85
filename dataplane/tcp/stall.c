/*
 * When nothing is due: whether to go on waiting, and what to do when not. See
 * stream.c for the reasons; this file is that table in C.
 */
#include "dataplane/tcp/private.h"

#define TICKS(ms) ((uint32_t)((ms)*1000000ull >> TICK_SHIFT))

/* A tap reorders by a few segments and milliseconds; and only both together show a loss. */
#define REORDER_SEGMENTS 16
#define REORDER_TICKS TICKS(300)
/* A sender's first retransmissions come within this (RFC 6298 2: RTO of 1 s, doubling). */
#define RETRANSMIT_TICKS TICKS(3000)
#define START_TICKS TICKS(5000)

enum stall_action {
	STALL_NONE,
	STALL_PLACE,       /* the stream begins at its head */
	STALL_SKIP,        /* bytes before the head are lost */
	STALL_SKIP_PEER,   /* bytes of the other side that the head acknowledges are lost */
	STALL_FORGET_PEER, /* the other side is not visible: wait for it no more */
	STALL_BELIEVE,     /* the head came to the other side, as it seems */
	STALL_RELEASE,     /* each head acknowledges the other: neither can be first */
	STALL_DROP_HEAD,   /* the other side did not accept it */
	STALL_DROP_ALL,    /* nor any of it */
};

static uint32_t
stall_age(const struct tcp_ctx *ctx, const struct held *head)
{
	int32_t age = (int32_t)((uint32_t)(ctx->now_ns >> TICK_SHIFT) - head->tick);

	return age < 0 ? 0 : (uint32_t)age;
}

/* The head has waited for ticks and a few segments, or for as long as anything may. */
static bool
stall_past(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir, uint32_t ticks)
{
	const struct held *head = held_head(ctx, conn, dir);
	uint32_t age = stall_age(ctx, head);
	unsigned segments = (conn->stream[dir].segments - head->segments[0]) & SEGMENTS_MASK;

	segments += (conn->stream[!dir].segments - head->segments[1]) & SEGMENTS_MASK;
	return (segments >= REORDER_SEGMENTS && age >= ticks) ||
	       age >= (uint32_t)(ctx->hold_ns_max >> TICK_SHIFT);
}

/* The other side has spoken since the head came. */
static bool
stall_answered(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir)
{
	return held_head(ctx, conn, dir)->segments[1] != conn->stream[!dir].segments;
}

static bool
stall_started(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir)
{
	uint32_t age = stall_age(ctx, held_head(ctx, conn, dir));

	return (stream_is(&conn->stream[0], CONN_BEGUN) && age >= REORDER_TICKS) ||
	       age >= START_TICKS;
}

/* The other side has received bytes that this stream lacks. */
static bool
stall_acked_past(const struct tcp_stream *s)
{
	return stream_is(s, STREAM_ACKED) && seq_near(s->acked_seq, s->next_seq) &&
	       seq_past(s->acked_seq, s->next_seq) > 0;
}

/* The head may not be what the other side got. */
static enum stall_action
stall_doubt(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir, bool force)
{
	const struct tcp_stream *s = &conn->stream[dir];
	const struct tcp_stream *peer = &conn->stream[!dir];
	const struct held *head = held_head(ctx, conn, dir);
	bool all = stall_acked_past(s) && seq_past(s->acked_seq, head->seq + head->span) >= 0;

	if (all && !head->contested)
		return force || stall_past(ctx, conn, dir, REORDER_TICKS) ? STALL_BELIEVE
									  : STALL_NONE;
	if (force || (stall_acked_past(s) && stall_past(ctx, conn, dir, REORDER_TICKS)))
		return STALL_DROP_HEAD;
	if (!stream_is(peer, STREAM_SEEN) || stream_is(peer, STREAM_ABSENT))
		return stall_past(ctx, conn, dir, RETRANSMIT_TICKS) ? STALL_DROP_HEAD : STALL_NONE;
	return stall_past(ctx, conn, dir, UINT32_MAX) ? STALL_DROP_HEAD : STALL_NONE;
}

static enum stall_action
stall_hole(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir, bool force)
{
	const struct tcp_stream *s = &conn->stream[dir];
	const struct tcp_stream *peer = &conn->stream[!dir];

	if (held_head(ctx, conn, dir)->doubt)
		return stall_doubt(ctx, conn, dir, force);
	if (conn_draining(conn))
		return STALL_SKIP;
	if (stall_acked_past(s))
		return force || stall_past(ctx, conn, dir, REORDER_TICKS) ? STALL_SKIP : STALL_NONE;
	if (!stream_is(peer, STREAM_SEEN) || stream_is(peer, STREAM_ABSENT))
		return force || stall_past(ctx, conn, dir, RETRANSMIT_TICKS) ? STALL_SKIP
									     : STALL_NONE;
	/* The peer stands before the same hole. */
	if (!stall_past(ctx, conn, dir, UINT32_MAX))
		return STALL_NONE;
	return stall_answered(ctx, conn, dir) ? STALL_DROP_ALL : STALL_FORGET_PEER;
}

/* The head acknowledges bytes of a peer that holds nothing itself. */
static enum stall_action
stall_wait_silent(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir, bool force)
{
	const struct tcp_stream *peer = &conn->stream[!dir];
	uint32_t ack = held_head(ctx, conn, dir)->ack;

	if (!stream_is(peer, STREAM_SEEN))
		return force || stall_started(ctx, conn, dir) ? STALL_FORGET_PEER : STALL_NONE;
	if (held_head(ctx, conn, dir)->has_ack == ACK_ANSWER)
		return force || stall_started(ctx, conn, dir) ? STALL_RELEASE : STALL_NONE;
	if (!stream_is(peer, STREAM_PLACED))
		return force || stall_started(ctx, conn, dir) ? STALL_SKIP_PEER : STALL_NONE;
	if (conn_draining(conn))
		return STALL_SKIP_PEER;
	if (stream_is(peer, STREAM_SHOWN) && seq_past(peer->shown_seq, peer->next_seq) > 0 &&
		seq_past(ack, peer->next_seq) > 0)
		return force || stall_past(ctx, conn, dir, REORDER_TICKS) ? STALL_SKIP_PEER
									  : STALL_NONE;
	if (!stall_past(ctx, conn, dir, RETRANSMIT_TICKS))
		return STALL_NONE;
	return stall_answered(ctx, conn, dir) ? STALL_DROP_HEAD : STALL_FORGET_PEER;
}

static enum stall_action
stall_decide(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir, bool pressed)
{
	bool force = pressed || conn_draining(conn);

	switch (stream_state(ctx, conn, dir)) {
	case STREAM_EMPTY:
	case STREAM_READY:
		return STALL_NONE;
	case STREAM_UNPLACED:
		return force || stall_started(ctx, conn, dir) ? STALL_PLACE : STALL_NONE;
	case STREAM_HOLE:
		return stall_hole(ctx, conn, dir, force);
	case STREAM_WAIT:
		break;
	}
	switch (stream_state(ctx, conn, !dir)) {
	case STREAM_UNPLACED:
	case STREAM_HOLE: /* the other's own decision lets this one go on */
	case STREAM_READY:
		return STALL_NONE;
	case STREAM_WAIT:
		if (!force && !stall_past(ctx, conn, dir, REORDER_TICKS))
			return STALL_NONE;
		return held_head(ctx, conn, dir)->contested ? STALL_DROP_HEAD : STALL_RELEASE;
	case STREAM_EMPTY:
		break;
	}
	return stall_wait_silent(ctx, conn, dir, force);
}

static enum stall_result
stall_skip_peer(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, struct tcp_chunk *out)
{
	struct tcp_stream *peer = &conn->stream[!dir];
	const struct held *head = held_head(ctx, conn, dir);
	uint32_t seq = head->ack;

	if (!stream_is(peer, STREAM_PLACED)) {
		stream_place(peer, seq);
		return STALL_MOVED;
	}
	if (!conn_draining(conn))
		seq = seq_min(seq, peer->shown_seq);
	out->time_ns = head->time_ns;
	stream_gap(ctx, conn, !dir, seq, out);
	return STALL_CHUNK;
}

static enum stall_result
stall_skip(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, struct tcp_chunk *out)
{
	const struct tcp_stream *s = &conn->stream[dir];
	const struct held *head = held_head(ctx, conn, dir);
	uint32_t seq = head->seq;

	/* What the peer did not acknowledge may still come. */
	if (!conn_draining(conn) && stall_acked_past(s))
		seq = seq_min(seq, s->acked_seq);
	out->time_ns = head->time_ns;
	stream_gap(ctx, conn, dir, seq, out);
	return STALL_CHUNK;
}

/* In doubt, and not to be believed; but the peer has bytes in its place, so some were sent. */
static void
stall_show(struct tcp_stream *s, const struct held *head)
{
	uint32_t end = seq_min(s->acked_seq, head->seq + head->span);

	if (stall_acked_past(s) && seq_past(end, s->shown_seq) > 0)
		s->shown_seq = end;
}

static enum stall_result
stall_act(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, enum stall_action action,
	struct tcp_chunk *out)
{
	struct tcp_stream *s = &conn->stream[dir];

	switch (action) {
	case STALL_NONE:
		return STALL_WAIT;
	case STALL_PLACE:
		stream_place(s, held_head(ctx, conn, dir)->seq);
		return STALL_MOVED;
	case STALL_SKIP:
		return stall_skip(ctx, conn, dir, out);
	case STALL_SKIP_PEER:
		return stall_skip_peer(ctx, conn, dir, out);
	case STALL_FORGET_PEER:
		conn->stream[!dir].flags |= STREAM_ABSENT;
		return STALL_MOVED;
	case STALL_BELIEVE:
		counter_add(ctx->counters, COUNTER_TCP_BELIEVED, 1);
		held_head(ctx, conn, dir)->doubt = 0;
		return STALL_MOVED;
	case STALL_RELEASE:
		held_head(ctx, conn, dir)->has_ack = ACK_NONE;
		return STALL_MOVED;
	case STALL_DROP_HEAD:
		if (held_head(ctx, conn, dir)->doubt)
			stall_show(s, held_head(ctx, conn, dir));
		else
			counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		held_drop_head(ctx, conn, dir);
		return STALL_MOVED;
	case STALL_DROP_ALL:
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, held_drop_all(ctx, conn, dir));
		return STALL_MOVED;
	}
	return STALL_WAIT;
}

enum stall_result
stall_resolve(struct tcp_ctx *ctx, struct tcp_conn *conn, bool pressed, struct tcp_chunk *out)
{
	enum stall_action action[2];
	unsigned dir;

	for (dir = 0; dir < 2; dir++)
		action[dir] = stall_decide(ctx, conn, dir, pressed);
	if (action[0] && action[1])
		dir = stream_first(ctx, conn);
	else
		dir = action[1] != STALL_NONE;
	return stall_act(ctx, conn, dir, action[dir], out);
}

/* The hand is beyond a hole. */
static enum stall_result
stall_hand_hole(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	unsigned dir = ctx->hand.dir;
	const struct tcp_stream *s = &conn->stream[dir];
	const struct tcp_stream *peer = &conn->stream[!dir];
	uint32_t seq = ctx->hand.seq;

	if (stall_acked_past(s))
		seq = seq_min(seq, s->acked_seq);
	else if (stream_is(peer, STREAM_SEEN) && !stream_is(peer, STREAM_ABSENT))
		return STALL_WAIT;
	stream_gap(ctx, conn, dir, seq, out);
	return STALL_CHUNK;
}

enum stall_result
stall_hand(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out)
{
	const struct tcp_hand *hand = &ctx->hand;
	struct tcp_stream *s = &conn->stream[hand->dir];
	struct tcp_stream *peer = &conn->stream[!hand->dir];

	if (held_first(ctx, conn, hand->dir))
		return STALL_WAIT;
	out->time_ns = hand->time_ns;
	if (!stream_is(s, STREAM_PLACED)) {
		stream_place(s, hand->seq);
		return STALL_MOVED;
	}
	if (seq_past(hand->seq, s->next_seq) > 0)
		return stall_hand_hole(ctx, conn, out);
	if (!hand->has_ack || tcp_holding(conn))
		return STALL_WAIT;
	if (!stream_is(peer, STREAM_SEEN)) {
		peer->flags |= STREAM_ABSENT;
		return STALL_MOVED;
	}
	if (hand->has_ack == ACK_ANSWER) {
		ctx->hand.has_ack = ACK_NONE;
		return STALL_MOVED;
	}
	if (!stream_is(peer, STREAM_PLACED)) {
		stream_place(peer, hand->ack);
		return STALL_MOVED;
	}
	uint32_t seq = seq_min(hand->ack, peer->shown_seq);
	if (seq_past(seq, peer->next_seq) <= 0)
		return STALL_WAIT;
	stream_gap(ctx, conn, !hand->dir, seq, out);
	return STALL_CHUNK;
}
