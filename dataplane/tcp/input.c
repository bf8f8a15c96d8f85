/*
 * What becomes of a segment before the streams see it: is it its sender's (the
 * checksum), of this connection (the window), new? It leaves in ctx->hand. The
 * theory is at the head of stream.c.
 *
 * Checksums. A sender whose NIC computes them shows none that is right to a tap on its
 * own host; a forger's wrong one is dropped by the peer that he wants us to misread.
 * So for each side: until one frame verifies, wrong ones are accepted (and counted); from
 * then on they are ignored. When wrong ones were accepted before, and bytes of theirs
 * delivered, it takes two right ones in a row: one in 65536 wrong frames looks right by
 * chance. When none were delivered the first right one starts the side afresh.
 *
 * Doubts. A segment whose hops end before its peer, or with a signature that the peer has no key
 * for, is seen here and never taken there. All of a side may look so (a tap far away from both),
 * so it is accepted until another verifies without doubt. From then on its bytes are held, and give
 * way to any that come without doubt; where none do, and the peer acknowledges them all the same,
 * they are what it has: the way between the two has become longer, and the tap is near its end.
 * What acknowledges bytes before the first one, which some peers take and some do not, is in doubt
 * too. Of two copies in doubt the one in less stays (TCP_DOUBT_*), of equals the first; that they
 * differ is a conflict. Where nothing tells which of two is the peer's, neither is believed. Nor is
 * any where the peer is not seen: nothing shows then what it has.
 *
 * An old timestamp (PAWS, RFC 7323 5) is no reason to doubt. Which one is old depends on what the
 * server keeps: whether both SYNs had the option, what it had acknowledged when a segment came, by
 * how much it is older. A client that knows better than we do would have its true lines doubted,
 * and a second copy of each believed.
 */
#include "dataplane/tcp/private.h"

/* So many segments outside any window from each side, and none inside from either: it is
   another connection on these ports. One side alone could be a forger. */
#define STRAYS_MAX 4

static void
checksum_good(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];

	if (stream_is(s, CSUM_BAD) && stream_is(s, STREAM_MOVED) && !stream_is(s, CSUM_ONCE)) {
		s->flags |= CSUM_ONCE;
		return;
	}
	if (stream_is(s, CSUM_BAD) && !stream_is(s, STREAM_MOVED)) {
		held_drop_all(ctx, conn, dir);
		s->flags &= (uint16_t) ~(STREAM_RST | STREAM_SHOWN);
		if (segment->flags & TCP_SYN || segment->seq != s->next_seq)
			s->flags &= (uint16_t) ~(STREAM_SYN | STREAM_PLACED);
	}
	s->flags |= CSUM_GOOD;
}

/* As far as its sum and its doubts go: is the segment its sender's, and its peer's? */
enum sum { SUM_RIGHT, SUM_DOUBT, SUM_FALSE };

static enum sum
checksum_pass(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];

	switch ((enum tcp_checksum)segment->checksum) {
	case TCP_CHECKSUM_UNKNOWN:
		return SUM_RIGHT;
	case TCP_CHECKSUM_GOOD:
		if (segment->doubt)
			break;
		if (!stream_is(s, CSUM_GOOD))
			checksum_good(ctx, conn, dir, segment);
		return SUM_RIGHT;
	case TCP_CHECKSUM_PARTIAL:
		if (segment->oversize && stream_is(s, CSUM_GOOD)) {
			counter_add(ctx->counters, COUNTER_TCP_CSUM_OFFLOAD, 1);
			return SUM_RIGHT;
		}
		break;
	case TCP_CHECKSUM_BAD:
		break;
	}
	bool doubt = segment->checksum == TCP_CHECKSUM_GOOD;
	if (stream_is(s, CSUM_GOOD) && doubt)
		return SUM_DOUBT;
	if (stream_is(s, CSUM_GOOD)) {
		counter_add(ctx->counters, COUNTER_TCP_CSUM_BAD, 1);
		return SUM_FALSE;
	}
	s->flags &= (uint16_t)~CSUM_ONCE;
	s->flags |= CSUM_BAD;
	if (!doubt)
		counter_add(ctx->counters, COUNTER_TCP_CSUM_OFFLOAD, 1);
	return SUM_RIGHT;
}

/* Does the segment's first sequence number belong to where the stream stands? */
static bool
window_has(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t seq)
{
	struct tcp_stream *s = &conn->stream[dir];
	bool near_acked = stream_is(s, STREAM_ACKED) && seq_near(seq, s->acked_seq);

	if (!stream_is(s, STREAM_PLACED)) {
		const struct held *head = held_head(ctx, conn, dir);
		return !head || seq_near(seq, head->seq);
	}
	if (seq_near(seq, s->next_seq))
		return true;
	if (stream_is(s, STREAM_MOVED))
		return near_acked;
	/* Only a SYN placed it, and that was not this connection's. */
	if (!near_acked && stream_is(&conn->stream[!dir], STREAM_SEEN))
		return false;
	held_drop_all(ctx, conn, dir);
	s->flags &= (uint16_t) ~(STREAM_PLACED | STREAM_SYN | STREAM_SHOWN);
	return true;
}

/*
 * The first segment of a side that was taken for absent, and whose place followed the other
 * side's acknowledgements: what it says now was not delivered, so it is not old. Two taps
 * with a delay between them, or a file for each direction, look like this.
 */
static void
input_late_side(struct tcp_stream *s, uint32_t seq)
{
	if (stream_is(s, STREAM_SEEN) || stream_is(s, STREAM_MOVED) || stream_is(s, STREAM_SYN) ||
		!stream_is(s, STREAM_PLACED) || seq_past(seq, s->next_seq) >= 0)
		return;
	stream_place(s, seq);
	s->shown_seq = seq;
}

/* RFC 5961 5.2: what acknowledges bytes far from any that were sent is not the peer's. */
static bool
ack_plausible(const struct tcp_conn *conn, unsigned dir, uint32_t ack)
{
	const struct tcp_stream *peer = &conn->stream[!dir];

	if (!stream_is(peer, STREAM_SEEN | STREAM_PLACED | STREAM_MOVED) ||
		stream_is(peer, STREAM_ABSENT))
		return true;
	return seq_near(ack, peer->next_seq);
}

/*
 * Before the peer's first byte, whose place was seen? RFC 5961 5.2 lets a peer drop that, and some
 * do; others take what is no further back than a window. After 4 GiB the first byte's number comes
 * again: then what was acknowledged before stands before it too.
 */
static bool
ack_is_early(const struct tcp_conn *conn, unsigned dir, uint32_t ack)
{
	const struct tcp_stream *peer = &conn->stream[!dir];

	return stream_is(peer, STREAM_SEEN | STREAM_PLACED | STREAM_MOVED | STREAM_SYN) &&
	       !stream_is(peer, STREAM_ABSENT) && seq_past(ack, peer->next_seq) < 0 &&
	       peer->next_seq - ack > peer->next_seq - peer->base_seq &&
	       !(stream_is(peer, STREAM_ACKED) && seq_past(peer->acked_seq, peer->base_seq) < 0);
}

/* Did both sides say their last, though it may still wait? */
static bool
input_all_said(const struct tcp_ctx *ctx, const struct tcp_conn *conn)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		const struct held *last = held_head(ctx, conn, dir);
		while (last && last->next)
			last = held_at(ctx, last->next);
		if (!stream_is(&conn->stream[dir], STREAM_FIN) && (!last || last->kind != HELD_FIN))
			return false;
	}
	return true;
}

static enum tcp_verdict
input_stray(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, bool speaks)
{
	struct tcp_stream *s = &conn->stream[dir];

	counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
	if (s->strays < STRAYS_MAX)
		s->strays++;
	if (s->strays >= STRAYS_MAX && conn->stream[!dir].strays >= STRAYS_MAX)
		return TCP_NEW_CONN;
	return speaks && input_all_said(ctx, conn) ? TCP_NEW_CONN : TCP_IGNORED;
}

/* The segment is of this connection, new or not. end: after its last byte and FIN. */
static void
input_note(struct tcp_conn *conn, unsigned dir, uint32_t end)
{
	struct tcp_stream *s = &conn->stream[dir];

	s->flags |= STREAM_SEEN;
	s->flags &= (uint16_t)~STREAM_ABSENT;
	if (!stream_is(s, STREAM_SHOWN) || seq_past(end, s->shown_seq) > 0)
		s->shown_seq = end;
	s->flags |= STREAM_SHOWN;
	segment_count(conn, dir);
	s->strays = 0;
	conn->stream[!dir].strays = 0;
}

/* A copy of what was delivered last, with other bytes? */
static void
input_compare(
	struct tcp_ctx *ctx, struct tcp_stream *s, const struct tcp_segment *segment, uint32_t seq)
{
	uint32_t before = s->next_seq - s->last_len - seq; /* bytes of the copy before those */

	/* One byte before next_seq is a keep-alive probe, whose byte is arbitrary
	   (RFC 9293 3.8.4). */
	if (s->last_len < 2 || before >= segment->len || segment->len - before < s->last_len)
		return;
	if (stream_hash(segment->data + before, s->last_len) != s->last_hash)
		stream_conflict(ctx, s);
}

/* Bytes that come with a SYN wait for the answer, which says whether they were taken. */
static uint8_t
segment_ack(const struct tcp_segment *segment)
{
	if (segment->flags & TCP_ACK)
		return ACK_IS;
	return segment->flags & TCP_SYN ? ACK_ANSWER : ACK_NONE;
}

/* Put what is new into the hand. span: bytes on the wire and FIN. */
static void
input_take(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment, uint32_t span)
{
	uint32_t fin = !!(segment->flags & TCP_FIN);

	ctx->hand = (struct tcp_hand){
		.conn = conn,
		.data = segment->data,
		.time_ns = segment->time_ns,
		.seq = segment->seq + !!(segment->flags & TCP_SYN),
		.ack = segment->ack,
		.len = segment->len,
		.missing = span - fin - segment->len,
		.dir = (uint8_t)dir,
		.has_ack = segment_ack(segment),
		.mark = fin ? TCP_FIN : 0,
	};
}

/* A segment of this connection in the window: is it new? */
static enum tcp_verdict
input_payload(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment, uint32_t span)
{
	struct tcp_stream *s = &conn->stream[dir];
	uint32_t seq = segment->seq + !!(segment->flags & TCP_SYN);
	int32_t ahead = stream_is(s, STREAM_PLACED) ? seq_past(seq, s->next_seq) : 0;

	if (span == 0 && ahead != -1)
		return TCP_ACCEPTED;
	if (ahead < 0)
		input_compare(ctx, s, segment, seq);
	if (ahead < 0 && 0 - (uint32_t)ahead >= span) {
		counter_add(ctx->counters, COUNTER_TCP_DUPLICATE, 1);
		return TCP_IGNORED;
	}
	if (stream_is(s, STREAM_FIN)) {
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		return TCP_IGNORED;
	}
	input_take(ctx, conn, dir, segment, span);
	if (tcp_holding(conn))
		held_yield(ctx, conn);
	return TCP_ACCEPTED;
}

static enum tcp_verdict
input_rst(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	const struct tcp_stream *peer = &conn->stream[!dir];

	if (!open_rst(ctx, conn, dir, segment)) {
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		return TCP_IGNORED;
	}
	uint32_t seq = segment->seq;
	if (stream_is(s, STREAM_PLACED) && seq_past(seq, s->next_seq) < 0)
		seq = s->next_seq;
	input_note(conn, dir, stream_is(s, STREAM_PLACED) ? s->next_seq : seq);
	ctx->hand = (struct tcp_hand){
		.conn = conn,
		.time_ns = segment->time_ns,
		.seq = seq,
		.ack = segment->ack,
		.dir = (uint8_t)dir,
		.has_ack = segment->flags & TCP_ACK && stream_is(peer, STREAM_SEEN) &&
			   seq_near(segment->ack, peer->next_seq),
		.mark = TCP_RST,
	};
	return TCP_ACCEPTED;
}

static enum tcp_verdict
input_syn(
	struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	bool again = stream_is(s, STREAM_SYN | STREAM_SEEN) && segment->seq + 1 == s->base_seq;
	enum tcp_verdict verdict = open_syn(ctx, conn, dir, segment);

	if (verdict == TCP_IGNORED)
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
	if (verdict == TCP_ACCEPTED && again && segment->len == 0) {
		counter_add(ctx->counters, COUNTER_TCP_DUPLICATE, 1);
		return TCP_IGNORED;
	}
	return verdict;
}

/* In doubt: bytes, and FIN, that may turn out to be the peer's. Nothing else of it counts. */
static enum tcp_verdict
input_doubt(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment, uint32_t span, uint8_t doubt)
{
	struct tcp_stream *s = &conn->stream[dir];
	uint32_t end = segment->seq + span;

	counter_add(ctx->counters, COUNTER_TCP_DOUBTFUL, 1);
	if ((segment->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK || span == 0 ||
		!stream_is(s, STREAM_PLACED) || stream_is(s, STREAM_FIN) || span > TCP_WINDOW_MAX ||
		!seq_near(segment->seq, s->next_seq) || !ack_plausible(conn, dir, segment->ack))
		return TCP_IGNORED;
	if (seq_past(segment->seq, s->next_seq) < 0)
		input_compare(ctx, s, segment, segment->seq);
	if (seq_past(end, s->next_seq) <= 0)
		return TCP_IGNORED;
	input_take(ctx, conn, dir, segment, span);
	ctx->hand.doubt = doubt;
	ctx->hand.counted = 1;
	if (tcp_holding(conn))
		held_yield(ctx, conn);
	return TCP_IGNORED;
}

enum tcp_verdict
tcp_input(struct tcp_ctx *ctx, struct tcp_conn *conn, enum tcp_dir dir,
	const struct tcp_segment *segment)
{
	uint32_t wire = segment->wire_len > segment->len ? segment->wire_len : segment->len;
	uint32_t span = wire + !!(segment->flags & TCP_FIN);
	uint32_t seq = segment->seq + !!(segment->flags & TCP_SYN);

	ctx->hand.conn = NULL;
	ctx->now_ns = segment->clock_ns;
	switch (checksum_pass(ctx, conn, dir, segment)) {
	case SUM_FALSE:
		return TCP_IGNORED;
	case SUM_DOUBT:
		return input_doubt(ctx, conn, dir, segment, span, segment->doubt);
	case SUM_RIGHT:
		break;
	}
	if (segment->flags & TCP_SYN) {
		enum tcp_verdict verdict = input_syn(ctx, conn, dir, segment);
		if (verdict != TCP_ACCEPTED)
			return verdict;
	} else if (segment->flags & TCP_RST) {
		return input_rst(ctx, conn, dir, segment);
	} else if (!(segment->flags & TCP_ACK)) {
		/* RFC 9293 3.10.7.4, fifth: dropped by the peer */
		counter_add(ctx->counters, COUNTER_TCP_IGNORED, 1);
		return TCP_IGNORED;
	}
	bool has_ack = segment->flags & TCP_ACK;
	if (wire > TCP_WINDOW_MAX || !window_has(ctx, conn, dir, seq) ||
		(has_ack && !ack_plausible(conn, dir, segment->ack)))
		return input_stray(ctx, conn, dir, wire > 0);
	if (has_ack && ack_is_early(conn, dir, segment->ack))
		return input_doubt(ctx, conn, dir, segment, span, TCP_DOUBT_ACK);
	input_late_side(&conn->stream[dir], seq);
	input_note(conn, dir, seq + span);
	if (has_ack) {
		stream_note_ack(&conn->stream[!dir], segment->ack);
		open_answered(ctx, conn, dir, segment);
	}
	return input_payload(ctx, conn, dir, segment, span);
}
