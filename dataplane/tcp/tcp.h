/*
 * tcp: segments of a connection, as a tap sees them, become two byte streams in
 * the order in which the peers acted on them. The theory is at the head of
 * tcp/stream.c.
 *
 * Use: tcp_input() with a segment, then tcp_next() until it returns false. Bytes
 * that were in order come back as a pointer into the segment itself; held bytes
 * from the arena. A chunk's bytes are valid until the next call. Most segments need neither of the
 * two: see tcp/pass.h.
 */
#ifndef SMTAP_DATAPLANE_TCP_H
#define SMTAP_DATAPLANE_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blocks.h"
#include "contract/counters.h"

enum tcp_dir {
	TCP_TO_SERVER = 0,
	TCP_TO_CLIENT = 1,
};

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u

/* Mirrors decode's verdict without knowing decode. */
enum tcp_checksum {
	TCP_CHECKSUM_UNKNOWN,
	TCP_CHECKSUM_GOOD,
	TCP_CHECKSUM_BAD,
	TCP_CHECKSUM_PARTIAL,
};

/*
 * Why a segment may not be what its peer gets: the more, the less it is to be believed. Few hops
 * left: TCP_DOUBT_HOPS less their number, which is TCP_HOPS_FEW at most; whatever reaches the peer
 * with some does so with more.
 */
#define TCP_DOUBT_ACK 1u /* it acknowledges what was never sent, before the first byte */
#define TCP_DOUBT_HOPS 7u
#define TCP_DOUBT_SIGNED 8u /* with a key that the peer may not have; and the others' */
#define TCP_HOPS_FEW 5u

struct tcp_segment {
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint8_t flags;
	uint8_t checksum; /* enum tcp_checksum */
	uint8_t oversize; /* larger than any frame on a wire: merged by an offload */
	uint8_t doubt;    /* the peer may never get it, or would not take it: TCP_DOUBT_*, or 0 */
	const uint8_t *data;
	uint32_t len;      /* bytes at data */
	uint32_t wire_len; /* bytes that were on the wire, >= len */
	uint64_t time_ns;  /* the packet's own time */
	uint64_t clock_ns; /* the capture's clock */
};

/*
 * The segment in hand: given to tcp_input, not yet wholly passed on or held.
 * Private; valid from tcp_input until tcp_next has returned false.
 */
struct tcp_hand {
	const struct tcp_conn *conn; /* whose it is; NULL: nothing in hand */
	const uint8_t *data;
	uint64_t time_ns;
	uint32_t seq;
	uint32_t ack;
	uint32_t len;     /* bytes at data */
	uint32_t missing; /* bytes after those that the capture cut off */
	uint8_t dir;
	uint8_t has_ack; /* ACK_* of private.h */
	uint8_t mark;    /* TCP_FIN or TCP_RST after those, or 0 */
	uint8_t counted; /* already counted as held */
	uint8_t doubt;   /* as the segment's: waits for what shows that its peer got it */
	bool contested;  /* see held.doubt */
};

/* Limits and the arena; one per worker, shared by its connections. */
struct tcp_ctx {
	struct blocks *arena; /* of TCP_BLOCK_BYTES */
	struct counters *counters;
	/* Arena blocks that one connection may hold (a segment takes one or more; adjoining small
	   ones share), whatever a quarter of the free blocks allows. */
	uint32_t hold_pkts_max;
	uint32_t hold_bytes_max; /* arena bytes that one connection may hold */
	uint64_t hold_ns_max;    /* packet time that a hole may stay open */
	/* Private. */
	struct tcp_hand hand;
	uint64_t now_ns; /* clock of the last segment */
	uint32_t lent;   /* block of the chunk last returned, + 1 */
};

#define TCP_BLOCK_BYTES 2048

/* Sets everything but arena and counters, which are the caller's to set. */
void tcp_ctx_defaults(struct tcp_ctx *ctx);

/* One direction. Private; zero bytes are "nothing seen". */
struct tcp_stream {
	uint32_t next_seq;  /* the next byte to deliver */
	uint32_t base_seq;  /* ISN + 1, or where a mid-stream pick-up began */
	uint32_t acked_seq; /* the other side has received all before this */
	uint32_t shown_seq; /* this side has sent all before this */
	uint16_t flags;
	uint16_t strays : 3;    /* outside any window, in a row */
	uint16_t segments : 13; /* accepted, modulo 2^13 */
	uint16_t last_len;      /* of the bytes delivered last, which end at next_seq */
	uint16_t last_hash;     /* and their hash, to notice a different copy */
};

/* One connection. Zero bytes are "nothing seen". */
struct tcp_conn {
	struct tcp_stream stream[2];
	uint32_t held; /* segments that wait: the first of one side, block + 1, or 0; see held.c */
	uint32_t syn_seq; /* ISN + 1 of a SYN that came while the connection was open */
};

_Static_assert(sizeof(struct tcp_conn) == 56, "what an open session costs here");

enum tcp_chunk_kind {
	TCP_CHUNK_DATA, /* data, len: the next bytes of dir */
	TCP_CHUNK_GAP,  /* len bytes of dir were missed here */
	TCP_CHUNK_FIN,  /* dir sent its last byte */
	TCP_CHUNK_RST,  /* a credible RST from dir */
};

struct tcp_chunk {
	enum tcp_chunk_kind kind;
	enum tcp_dir dir;
	bool from_start; /* DATA: the first bytes after this direction's SYN */
	const uint8_t *data;
	uint32_t len;
	uint64_t time_ns; /* of the segment that carried it */
};

/* What tcp_input makes of a segment, for the owner's book-keeping. */
enum tcp_verdict {
	TCP_ACCEPTED,
	TCP_IGNORED,  /* bad checksum, out of window, nothing new: proves no life */
	TCP_NEW_CONN, /* a SYN that opens a new connection on used ports: the caller
			 closes the old session, zeroes conn, and feeds it again */
};

/*
 * Take one segment. Returns what became of it. Copies what it must hold; keeps
 * no pointer to segment->data once tcp_next has returned false, so call
 * tcp_next until it does before the next tcp_input of any connection of ctx.
 */
enum tcp_verdict tcp_input(struct tcp_ctx *ctx, struct tcp_conn *conn, enum tcp_dir dir,
	const struct tcp_segment *segment);

/*
 * The next chunk that is due, in causal order; false when there is none. A
 * connection whose SYN was not seen, or whose other side was not seen yet,
 * gives nothing until its first dozen segments (or five seconds of packet time) have
 * shown what is there.
 */
bool tcp_next(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out);

/*
 * Give up waiting: from here tcp_next delivers all that is held, skipping
 * holes. For the end of a session.
 */
void tcp_drain(struct tcp_ctx *ctx, struct tcp_conn *conn);

/* Free what is held. Call before the entry is reused. Idempotent. */
void tcp_close(struct tcp_ctx *ctx, struct tcp_conn *conn);

/*
 * The connection is over. Is this segment of another one on its ports? With bytes, or a SYN; what
 * comes late of this one is not.
 */
bool tcp_is_another(const struct tcp_conn *conn, enum tcp_dir dir, uint8_t flags, uint32_t seq);

/* Connection state for the owner. */
bool tcp_syn_seen(const struct tcp_conn *conn, enum tcp_dir dir);
bool tcp_finished(const struct tcp_conn *conn); /* both FINs delivered, or a RST */

/* Bytes wait for others: tcp_drain frees them. */
static inline bool
tcp_holding(const struct tcp_conn *conn)
{
	return conn->held != 0;
}

bool tcp_conflict_seen(const struct tcp_conn *conn); /* two copies of a byte disagreed */
bool tcp_gap_seen(const struct tcp_conn *conn);      /* bytes were missed */

#endif
