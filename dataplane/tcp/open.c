/*
 * How a connection begins, and how it is cut off: SYN and RST, each credible or
 * not. State of tcp_conn; the theory is at the head of stream.c.
 *
 * A SYN on an open connection changes nothing for its peer, which answers with a
 * challenge ACK (RFC 5961 4.2); only a SYN-ACK that acknowledges it proves that a new
 * connection took the ports. So it is noted, and believed when that answer comes. So is a second
 * SYN-ACK with another number: its answer is the client's first acknowledgment. Where
 * the other side is not visible a SYN outside the window must do.
 *
 * A RST counts when it is exactly where the stream stands (RFC 5961 3.2; RFC 9293
 * 3.10.7.4). One further on waits in the held list for the bytes before it, and is
 * dropped when bytes come after it. It does not close the stream: bytes that the
 * sender had under way, or whose peer refused the RST, are still delivered.
 */
#include "dataplane/tcp/private.h"

static bool
open_live(const struct tcp_conn *conn)
{
	return (conn->stream[0].flags | conn->stream[1].flags) & STREAM_MOVED;
}

static bool
open_hidden(const struct tcp_stream *s)
{
	return !stream_is(s, STREAM_SEEN) || stream_is(s, STREAM_ABSENT);
}

/* The stream's first byte is seq. Nothing of it was delivered yet. */
static void
open_begin(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t seq)
{
	struct tcp_stream *s = &conn->stream[dir];
	const struct held *head = held_head(ctx, conn, dir);

	if (head && !seq_near(head->seq, seq))
		held_drop_all(ctx, conn, dir);
	while ((head = held_head(ctx, conn, dir)) != NULL) {
		if (seq_past(head->seq + head->span, seq) > 0)
			break;
		held_drop_head(ctx, conn, dir);
	}
	stream_place(s, seq);
	s->flags |= STREAM_SYN;
}

/* All of a side comes after the other side was delivered: see input_late_side. */
static void
open_late(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t first)
{
	open_begin(ctx, conn, dir, first);
	conn->stream[dir].shown_seq = first;
}

/* Note the SYN; the other side's answer tells whether it was meant. */
static void
open_ask(struct tcp_conn *conn, unsigned dir, uint32_t first)
{
	conn->stream[dir].flags |= STREAM_ASKED;
	conn->stream[!dir].flags &= (uint16_t)~STREAM_ASKED;
	conn->syn_seq = first;
}

/*
 * A SYN-ACK acknowledges ack: does it answer the SYN that peer was seen to send? What does not is
 * nothing to the peer (RFC 9293 3.10.7.3), unless the SYN was not its. It may acknowledge bytes
 * that came with the SYN (RFC 7413); when it does not they were not taken, and other bytes may come
 * in their place.
 */
static bool
open_answers(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t ack)
{
	struct tcp_stream *peer = &conn->stream[dir];
	const struct held *head;

	if (!stream_is(peer, STREAM_SYN)) {
		open_begin(ctx, conn, dir, ack);
		return true;
	}
	if (ack - peer->base_seq > peer->shown_seq - peer->base_seq)
		return false;
	while (ack == peer->base_seq && (head = held_head(ctx, conn, dir)) != NULL &&
		head->has_ack == ACK_ANSWER) {
		held_drop_head(ctx, conn, dir);
		peer->shown_seq = held_first(ctx, conn, dir) ? peer->shown_seq : ack;
	}
	return true;
}

/* Nothing was delivered in either direction. */
static enum tcp_verdict
open_handshake(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	struct tcp_stream *peer = &conn->stream[!dir];
	uint32_t first = segment->seq + 1;

	if (stream_is(s, STREAM_SYN | STREAM_SEEN)) {
		if (open_hidden(peer))
			return TCP_NEW_CONN;
		open_ask(conn, dir, first);
		return TCP_IGNORED;
	}
	if (segment->flags & TCP_ACK && !open_answers(ctx, conn, !dir, segment->ack)) {
		open_ask(conn, dir, first);
		return TCP_IGNORED;
	}
	open_begin(ctx, conn, dir, first);
	return TCP_ACCEPTED;
}

void
open_answered(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	struct tcp_stream *peer = &conn->stream[!dir];

	if (!stream_is(peer, STREAM_ASKED) || stream_is(peer, STREAM_MOVED) ||
		segment->ack != conn->syn_seq)
		return;
	peer->flags &= (uint16_t)~STREAM_ASKED;
	open_late(ctx, conn, !dir, segment->ack);
	peer->flags |= STREAM_SEEN;
	/* What ends the handshake stands where its sender begins. */
	if (segment->len == 0 && !stream_is(s, STREAM_MOVED) && !held_first(ctx, conn, dir))
		open_late(ctx, conn, dir, segment->seq);
}

enum tcp_verdict
open_syn(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	uint32_t first = segment->seq + 1;
	bool with_ack = segment->flags & TCP_ACK;

	if (segment->flags & (TCP_FIN | TCP_RST))
		return TCP_IGNORED;
	if (stream_is(s, STREAM_SYN) && first == s->base_seq)
		return TCP_ACCEPTED; /* again */
	if (tcp_finished(conn))
		return TCP_NEW_CONN;
	if (with_ack && stream_is(&conn->stream[!dir], STREAM_ASKED) &&
		segment->ack == conn->syn_seq)
		return TCP_NEW_CONN;
	if (!open_live(conn))
		return open_handshake(ctx, conn, dir, segment);
	if (!stream_is(s, STREAM_SYN) && stream_is(s, STREAM_PLACED) &&
		s->base_seq - first <= TCP_WINDOW_MAX) {
		/* This connection's own, late. */
		if (s->base_seq == first)
			s->flags |= STREAM_SYN;
		else if (!stream_is(s, STREAM_SEEN) && !stream_is(s, STREAM_MOVED))
			open_late(ctx, conn, dir, first);
		return TCP_ACCEPTED;
	}
	if (with_ack && !stream_is(s, STREAM_SYN) && !stream_is(s, STREAM_PLACED) &&
		seq_near(segment->ack, conn->stream[!dir].next_seq)) {
		/* The other side's bytes came with its SYN, or before this. */
		open_begin(ctx, conn, dir, first);
		return TCP_ACCEPTED;
	}
	if (open_hidden(&conn->stream[!dir]))
		return seq_near(first, s->next_seq) ? TCP_IGNORED : TCP_NEW_CONN;
	if (!with_ack) {
		open_ask(conn, dir, first);
	}
	return TCP_IGNORED;
}

/* A RST from a side of which nothing was seen: judge it by what the other side knows. */
static bool
open_rst_unseen(const struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	const struct tcp_stream *peer = &conn->stream[!dir];

	if (stream_is(s, STREAM_ACKED) && segment->seq != s->acked_seq)
		return false;
	if (segment->flags & TCP_ACK && stream_is(peer, STREAM_PLACED)) {
		/* A refused SYN (RFC 9293 3.10.7.3), or bytes to a port that is shut */
		if (!seq_near(segment->ack, peer->next_seq))
			return false;
		if (!stream_is(peer, STREAM_MOVED) &&
			(seq_past(segment->ack, peer->base_seq) < 0 ||
				seq_past(segment->ack, peer->shown_seq) > 0))
			return false;
	}
	if (!held_first(ctx, conn, dir))
		stream_place(s, segment->seq);
	return true;
}

bool
open_rst(const struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];

	if (stream_is(s, STREAM_RST))
		return false;
	if (!stream_is(s, STREAM_SEEN | STREAM_PLACED))
		return open_rst_unseen(ctx, conn, dir, segment);
	int32_t past = seq_past(segment->seq, s->next_seq);
	/* What answers bytes that crossed its FIN stands before the FIN. */
	return (past >= 0 && past <= (int32_t)TCP_WINDOW_MAX) ||
	       (past == -1 && stream_is(s, STREAM_FIN));
}

bool
tcp_is_another(const struct tcp_conn *conn, enum tcp_dir dir, uint8_t flags, uint32_t seq)
{
	const struct tcp_stream *s = &conn->stream[dir];

	if (flags & TCP_SYN && stream_is(s, STREAM_SYN) && seq + 1 == s->base_seq)
		return false; /* a copy of its first segment */
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return true;
	return stream_is(s, STREAM_PLACED) && s->next_seq - seq - 1 >= TCP_WINDOW_MAX;
}
