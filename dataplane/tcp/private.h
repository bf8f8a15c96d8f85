/* What the parts of tcp/ share. The theory is at the head of stream.c. */
#ifndef SMTAP_DATAPLANE_TCP_PRIVATE_H
#define SMTAP_DATAPLANE_TCP_PRIVATE_H

#include "dataplane/tcp/tcp.h"

/*
 * Nothing further than this from where a stream stands belongs to it. More than any
 * window of a mail transfer, and little enough that a random number misses it.
 */
#define TCP_WINDOW_MAX (64u << 20)

/* Of tcp_stream.flags. */
enum {
	STREAM_SEEN = 1 << 0,     /* a segment of this side was accepted */
	STREAM_SYN = 1 << 1,      /* base_seq is ISN + 1 */
	STREAM_PLACED = 1 << 2,   /* next_seq is valid */
	CONN_BEGUN = 1 << 3,      /* of stream[0]: the connection's first segments have come */
	CONN_DRAINING = 1 << 3,   /* of stream[1]: tcp_drain was called */
	STREAM_MOVED = 1 << 4,    /* next_seq has passed bytes: delivered or missed */
	STREAM_FIN = 1 << 5,      /* its FIN was delivered */
	STREAM_RST = 1 << 6,      /* its RST was delivered */
	STREAM_ABSENT = 1 << 7,   /* not seen, or fell silent: nothing waits for it */
	STREAM_CONFLICT = 1 << 8, /* two copies of a byte disagreed */
	STREAM_GAP = 1 << 9,      /* bytes were missed */
	STREAM_ACKED = 1 << 10,   /* acked_seq is valid */
	STREAM_SHOWN = 1 << 11,   /* shown_seq is valid */
	STREAM_ASKED = 1 << 12,   /* conn.syn_seq is of a SYN of this side */
	CSUM_GOOD = 1 << 13,      /* this side's checksums verify: bad ones are not its */
	CSUM_ONCE = 1 << 14,      /* one good frame among bad ones: may be chance */
	CSUM_BAD = 1 << 15,       /* bad ones were accepted as offloaded */
};

/* What a segment's bytes wait for: hand.has_ack, held.has_ack. */
enum {
	ACK_NONE,
	ACK_IS,     /* the bytes of the other side that it acknowledges */
	ACK_ANSWER, /* that the other side's first byte is known: they came with a SYN */
};

enum held_kind { HELD_DATA, HELD_MISSING, HELD_FIN, HELD_RST };

/* The head of an arena block; what follows are its bytes. other, blocks: see held.c. */
struct held {
	uint32_t next; /* block + 1, or 0 */
	uint32_t seq;
	uint32_t span; /* sequence numbers: bytes, a FIN's 1, a RST's 0 */
	uint32_t ack;
	uint64_t time_ns;
	uint32_t tick;        /* when it came */
	uint16_t segments[2]; /* how many each side had sent then, this side's first */
	uint8_t kind : 2;     /* enum held_kind */
	uint8_t dir : 1;
	uint8_t doubt : 4;     /* TCP_DOUBT_*: it gives way to what is in less doubt; see input.c */
	uint8_t contested : 1; /* another copy differed, and nothing tells which is to be believed
				*/
	uint8_t has_ack;       /* ACK_* */
	uint16_t blocks;       /* of both sides */
	uint32_t other;        /* the other side's first: block + 1, or 0 */
	uint8_t bytes[];
};

/* Packet time in ticks of 2^20 ns (about 1.05 ms): 32 bits of them are 52 days. */
#define TICK_SHIFT 20

_Static_assert(sizeof(struct held) == 40, "the head of a held block");

/* What a connection's first segments, in whatever order, will have shown by then. */
#define START_SEGMENTS 12

#define SEGMENTS_MASK 0x1fffu /* of tcp_stream.segments */
#define HELD_BLOCKS_MAX 8191u /* of a connection */

#define HELD_BYTES (TCP_BLOCK_BYTES - sizeof(struct held))

/* Serial arithmetic (RFC 9293 3.4, RFC 1982): how far a is past b, negative when before. */
static inline int32_t
seq_past(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline uint32_t
seq_min(uint32_t a, uint32_t b)
{
	return seq_past(a, b) < 0 ? a : b;
}

static inline bool
seq_near(uint32_t a, uint32_t b)
{
	return a - b + TCP_WINDOW_MAX <= 2 * TCP_WINDOW_MAX;
}

static inline bool
stream_is(const struct tcp_stream *s, unsigned flags)
{
	return (s->flags & flags) == flags;
}

/* The other side has received all before ack. */
static inline void
stream_note_ack(struct tcp_stream *s, uint32_t ack)
{
	if (stream_is(s, STREAM_ACKED) && seq_past(ack, s->acked_seq) <= 0 &&
		seq_near(ack, s->acked_seq))
		return;
	s->acked_seq = ack;
	s->flags |= STREAM_ACKED;
}

static inline bool
conn_draining(const struct tcp_conn *conn)
{
	return stream_is(&conn->stream[1], CONN_DRAINING);
}

static inline struct held *
held_at(const struct tcp_ctx *ctx, uint32_t link)
{
	return blocks_at(ctx->arena, link - 1);
}

/* The link of the side's first, or 0. */
static inline uint32_t
held_first(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir)
{
	const struct held *root = conn->held ? held_at(ctx, conn->held) : NULL;

	if (!root)
		return 0;
	return root->dir == dir ? conn->held : root->other;
}

static inline struct held *
held_head(const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir)
{
	uint32_t link = held_first(ctx, conn, dir);

	return link ? held_at(ctx, link) : NULL;
}

/* Another segment of this side was accepted. */
static inline void
segment_count(struct tcp_conn *conn, unsigned dir)
{
	conn->stream[dir].segments++;
	if ((unsigned)conn->stream[0].segments + conn->stream[1].segments >= START_SEGMENTS)
		conn->stream[0].flags |= CONN_BEGUN;
}

static inline void
held_give(struct tcp_ctx *ctx, uint32_t link)
{
	blocks_give(ctx->arena, link - 1);
}

/* stream.c */
void stream_place(struct tcp_stream *s, uint32_t seq);
void stream_advance(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t seq);
void stream_gap(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir, uint32_t seq,
	struct tcp_chunk *out);
void stream_conflict(struct tcp_ctx *ctx, struct tcp_stream *s);
uint16_t stream_hash(const uint8_t *data, uint32_t len);

/* These bytes, the next ones, were delivered. */
static inline void
stream_pass(struct tcp_stream *s, const uint8_t *data, uint32_t len)
{
	s->last_len = len <= UINT16_MAX ? (uint16_t)len : 0;
	s->last_hash = stream_hash(data, len);
	s->next_seq += len;
	s->flags |= STREAM_MOVED;
	if (seq_past(s->next_seq, s->shown_seq) > 0)
		s->shown_seq = s->next_seq;
}

/* Where the head of what a stream holds stands. */
enum stream_state {
	STREAM_EMPTY,    /* nothing held */
	STREAM_UNPLACED, /* held, but where the stream begins is not known */
	STREAM_HOLE,     /* bytes before it are missing */
	STREAM_WAIT,     /* it acknowledges bytes of the other side not delivered yet */
	STREAM_READY,
};

enum stream_state stream_state(
	const struct tcp_ctx *ctx, const struct tcp_conn *conn, unsigned dir);

/* May what carries ack go to the owner before more of the other side does? */
bool stream_ack_due(const struct tcp_conn *conn, unsigned dir, uint8_t has_ack, uint32_t ack);

/* Which of two heads goes first: a direction. Both hold something. */
unsigned stream_first(const struct tcp_ctx *ctx, const struct tcp_conn *conn);

/* held.c */

/*
 * Move what is new of the hand into its stream's list. False when there was no
 * room for all of it; the rest stays in the hand.
 */
bool held_insert(struct tcp_ctx *ctx, struct tcp_conn *conn);
/* No room, and nothing may be skipped: the nearest bytes are worth most. */
void held_make_room(struct tcp_ctx *ctx, struct tcp_conn *conn);
/* Unlink the head; the caller gives the block back or lends it out. Returns its link. */
uint32_t held_pop(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir);
void held_drop_head(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir);
/* Returns how many there were. */
unsigned held_drop_all(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir);
/* Drop what has the hand's sequence numbers and is in more doubt than the hand. */
void held_yield(struct tcp_ctx *ctx, struct tcp_conn *conn);
void hand_trim(struct tcp_ctx *ctx, const struct tcp_stream *s);
/* Do the hand and a held segment disagree where they overlap? Then count a conflict. */
bool held_compare(struct tcp_ctx *ctx, struct tcp_conn *conn, const struct held *head);

static inline bool
hand_is(const struct tcp_ctx *ctx, const struct tcp_conn *conn)
{
	return ctx->hand.conn == conn;
}

/* stall.c: nothing is due; is the wait over? */
enum stall_result {
	STALL_WAIT,  /* not yet */
	STALL_MOVED, /* something changed: look again */
	STALL_CHUNK, /* a gap, in out */
};

enum stall_result stall_resolve(
	struct tcp_ctx *ctx, struct tcp_conn *conn, bool pressed, struct tcp_chunk *out);

/* There is no room to hold the hand: what the peers have shown is acted on at once. */
enum stall_result stall_hand(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out);

/* open.c: connections that begin, and those that are cut off */
enum tcp_verdict open_syn(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment);
/* The segment acknowledges something: the SYN-ACK that was not believed? */
void open_answered(struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment);
bool open_rst(const struct tcp_ctx *ctx, struct tcp_conn *conn, unsigned dir,
	const struct tcp_segment *segment);

#endif
