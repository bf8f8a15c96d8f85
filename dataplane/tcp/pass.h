/*
 * The short way of nearly all segments: the one that was to come next, while nothing is held.
 * Inlined where packets come by; the theory is at the head of stream.c.
 */
#ifndef SMTAP_DATAPLANE_TCP_PASS_H
#define SMTAP_DATAPLANE_TCP_PASS_H

#include "dataplane/tcp/private.h"

/* So do nearly all segments leave both sides' flags, and the next one finds them. */
#define FLAGS_EXPECTED (STREAM_SEEN | STREAM_PLACED | STREAM_SHOWN)
#define FLAGS_NOT_EXPECTED (STREAM_ABSENT | STREAM_FIN)

/*
 * Is it the segment that was to come next: where its side stands, of bytes and acknowledgement
 * that are due, while nothing is held? Then none of tcp_input's questions has to be asked; what
 * they would change is in tcp_pass. A connection that was seen whole has hardly any others.
 */
static inline bool
tcp_is_expected(const struct tcp_conn *conn, unsigned dir, const struct tcp_segment *segment)
{
	const struct tcp_stream *s = &conn->stream[dir];
	const struct tcp_stream *peer = &conn->stream[!dir];
	unsigned mask = TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK;
	bool summed = segment->checksum == TCP_CHECKSUM_UNKNOWN ||
		      (segment->checksum == TCP_CHECKSUM_GOOD && stream_is(s, CSUM_GOOD) &&
			      segment->doubt == 0);
	uint32_t differs = (s->flags & (FLAGS_EXPECTED | FLAGS_NOT_EXPECTED)) ^ FLAGS_EXPECTED;

	differs |= (peer->flags & (FLAGS_EXPECTED | STREAM_ABSENT | STREAM_ASKED)) ^ FLAGS_EXPECTED;
	differs |= (segment->flags & mask) ^ TCP_ACK;
	differs |= segment->seq ^ s->next_seq;
	differs |= segment->wire_len ^ segment->len;
	differs |= conn->held | s->strays | peer->strays;
	uint32_t behind = peer->next_seq - segment->ack;

	return differs == 0 && summed && segment->len <= TCP_WINDOW_MAX &&
	       behind <= TCP_WINDOW_MAX && behind <= peer->next_seq - peer->base_seq;
}

/*
 * True: all bytes of the segment, if it has any, are due now, as they are in it, and nothing else
 * is: tcp_input and tcp_next would have said and done the same. False: nothing was done.
 */
static inline bool
tcp_pass(struct tcp_ctx *ctx, struct tcp_conn *conn, enum tcp_dir dir,
	const struct tcp_segment *segment)
{
	struct tcp_stream *s = &conn->stream[dir];
	struct tcp_stream *peer = &conn->stream[!dir];
	uint32_t end = segment->seq + segment->len;

	if (!tcp_is_expected(conn, dir, segment))
		return false;
	if (seq_past(end, s->shown_seq) > 0)
		s->shown_seq = end;
	segment_count(conn, dir);
	stream_note_ack(peer, segment->ack);
	ctx->now_ns = segment->clock_ns;
	if (segment->len > 0)
		stream_pass(s, segment->data, segment->len);
	return true;
}

#endif
