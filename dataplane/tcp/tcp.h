/*
 * tcp: segments of a connection, as a tap sees them, become two byte streams in
 * the order in which the peers acted on them. The theory is at the head of
 * tcp/stream.c.
 *
 * Use: tcp_input() with a segment, then tcp_next() until it returns false. Bytes
 * that were in order come back as a pointer into the segment itself; held bytes
 * from the arena. A chunk's bytes are valid until the next call.
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

struct tcp_segment {
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint8_t flags;
	uint8_t checksum; /* enum tcp_checksum */
	uint8_t oversize; /* larger than any frame on a wire: merged by an offload */
	const uint8_t *data;
	uint32_t len;      /* bytes at data */
	uint32_t wire_len; /* bytes that were on the wire, >= len */
	uint64_t time_ns;  /* the packet's own time */
	uint64_t clock_ns; /* the capture's clock */
};

/* Limits and the arena; one per worker, shared by its connections. */
struct tcp_ctx {
	struct blocks *arena; /* of TCP_BLOCK_BYTES */
	struct counters *counters;
	uint32_t hold_pkts_max;  /* per connection: segments held before a hole is skipped */
	uint32_t hold_bytes_max; /* per connection */
	uint64_t hold_ns_max;    /* packet time that a hole may stay open */
};

#define TCP_BLOCK_BYTES 2048

void tcp_ctx_defaults(struct tcp_ctx *ctx);

/* The state of one connection; zero bytes are "nothing seen". Private but for size. */
struct tcp_stream {
	uint32_t next_seq;  /* the next byte to deliver */
	uint32_t held_head; /* chain of held segments, in sequence order */
	uint32_t base_seq;  /* of the first byte delivered or the ISN + 1 */
	uint16_t flags;
	uint16_t held_pkts;
	uint8_t flags_seen;
	uint8_t reserved[3];
	uint32_t fin_seq;
};

struct tcp_conn {
	struct tcp_stream stream[2];
	uint64_t hold_since_ns; /* when the oldest hole opened; 0 none */
	uint32_t held_bytes;
	uint32_t reserved;
};

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
	TCP_IGNORED,  /* bad checksum, out of window, nothing new */
	TCP_NEW_CONN, /* a SYN that opens a new connection on used ports: the caller
			 closes the old session, zeroes conn, and feeds it again */
};

/*
 * Take one segment. Returns what became of it. Copies what it must hold; keeps
 * no pointer past the following tcp_next calls.
 */
enum tcp_verdict tcp_input(struct tcp_ctx *ctx, struct tcp_conn *conn, enum tcp_dir dir,
	const struct tcp_segment *segment);

/* The next chunk that is due, in causal order; false when there is none. */
bool tcp_next(struct tcp_ctx *ctx, struct tcp_conn *conn, struct tcp_chunk *out);

/*
 * Give up waiting: from here tcp_next delivers all that is held, skipping
 * holes. For the end of a session.
 */
void tcp_drain(struct tcp_ctx *ctx, struct tcp_conn *conn);

/* Free what is held. Call before the entry is reused. */
void tcp_close(struct tcp_ctx *ctx, struct tcp_conn *conn);

/* Connection state for the owner. */
bool tcp_syn_seen(const struct tcp_conn *conn, enum tcp_dir dir);
bool tcp_data_seen(const struct tcp_conn *conn, enum tcp_dir dir);
bool tcp_finished(const struct tcp_conn *conn); /* both FINs delivered, or a RST */

#endif
