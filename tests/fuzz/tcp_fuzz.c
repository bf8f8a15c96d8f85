/*
 * Ten bytes of input are one segment of a connection near two sequence numbers. Whatever
 * comes: the held lists stay sorted, disjoint and counted; each chunk carries the bytes of
 * its place in the stream; tcp_next ends; every block comes back.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dataplane/tcp/pass.h"
#include "dataplane/tcp/private.h"

#define BLOCKS 256
#define RECORD 10
#define RECORDS_MAX 2000
#define LEN_MAX 66000
#define JUNK 0x55u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct world {
	struct tcp_ctx ctx;
	struct blocks arena;
	struct counters counters;
	struct tcp_conn conn;
	uint64_t now_ns;
	uint8_t junk; /* JUNK once a copy in doubt had other bytes */
	uint8_t bytes[LEN_MAX];
};

static uint8_t
byte_at(unsigned dir, uint32_t seq)
{
	return (uint8_t)(seq * 2654435761u >> 13 ^ dir);
}

static void
check_lists(const struct world *w)
{
	uint32_t blocks = 0;

	for (unsigned dir = 0; dir < 2; dir++) {
		const struct tcp_stream *s = &w->conn.stream[dir];
		for (uint32_t link = held_first(&w->ctx, &w->conn, dir); link;) {
			const struct held *node = held_at(&w->ctx, link);
			const struct held *next = node->next ? held_at(&w->ctx, node->next) : NULL;
			assert(node->dir == dir);
			assert(node->kind != HELD_DATA ||
				(node->span > 0 && node->span <= HELD_BYTES));
			assert(!next || seq_past(next->seq, node->seq + node->span) >= 0);
			assert(!stream_is(s, STREAM_PLACED) || node->kind == HELD_RST ||
				seq_past(node->seq + node->span, s->next_seq) > 0);
			link = node->next;
			blocks++;
		}
	}
	assert(!w->conn.held || held_at(&w->ctx, w->conn.held)->blocks == blocks);
	assert(blocks == w->arena.in_use);
	assert(blocks <= w->ctx.hold_pkts_max);
}

static void
collect(struct world *w)
{
	struct tcp_chunk k;
	unsigned rounds = 0;

	for (;;) {
		bool placed[2] = {w->conn.stream[0].flags & STREAM_PLACED,
			w->conn.stream[1].flags & STREAM_PLACED};
		if (!tcp_next(&w->ctx, &w->conn, &k))
			break;
		assert(rounds++ < 4 * BLOCKS + 64);
		const struct tcp_stream *s = &w->conn.stream[k.dir];
		assert(placed[k.dir] || s->flags & STREAM_PLACED);
		if (k.kind == TCP_CHUNK_DATA || k.kind == TCP_CHUNK_GAP)
			assert(k.len > 0);
		for (uint32_t i = 0; k.kind == TCP_CHUNK_DATA && i < k.len; i++)
			assert(((k.data[i] ^ byte_at(k.dir, s->next_seq - k.len + i)) & ~w->junk) ==
				0);
	}
	assert(!hand_is(&w->ctx, &w->conn));
	check_lists(w);
}

static void
feed(struct world *w, const uint8_t *r)
{
	static const uint32_t scale[] = {1, 1, 7, 200, 1460, 65536, 1 << 20, 1 << 27};
	static const uint8_t flags[] = {TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN,
		TCP_SYN, TCP_SYN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK};
	unsigned dir = r[0] & 1;
	uint32_t base[2] = {w->conn.stream[0].next_seq, w->conn.stream[1].next_seq};
	struct tcp_segment s = {
		.flags = flags[r[0] >> 1 & 7],
		.seq = base[dir] + (uint32_t)(int8_t)r[1] * scale[r[2] & 7],
		.ack = base[!dir] + (uint32_t)(int8_t)r[3] * scale[r[2] >> 3 & 7],
		.len = r[4] * (r[2] >> 6 & 1 ? 256u : 1u),
		.checksum = r[5] & 3,
		.oversize = r[5] >> 2 & 1,
		.doubt = r[5] & 8 ? r[9] & 0xf : 0,
		.data = w->bytes,
	};

	if (r[5] & 0x80)
		s.flags ^= (uint8_t)(r[9] & 0x1f);
	s.wire_len = s.len + (r[5] & 0x40 ? r[6] : 0);
	w->now_ns += (uint64_t)load_be16(r + 7) * (r[5] & 0x20 ? 1000000 : 1000);
	s.time_ns = s.clock_ns = w->now_ns;
	uint32_t first = s.seq + !!(s.flags & TCP_SYN);
	uint8_t junk = s.doubt && r[5] & 0x10 ? JUNK : 0; /* a copy of other bytes */
	w->junk |= junk;
	for (uint32_t i = 0; i < s.len; i++)
		w->bytes[i] = byte_at(dir, first + i) ^ junk;
	struct tcp_ctx ctx = w->ctx;
	struct tcp_conn passed = w->conn;
	bool passes = tcp_pass(&ctx, &passed, (enum tcp_dir)dir, &s);
	enum tcp_verdict verdict = tcp_input(&w->ctx, &w->conn, (enum tcp_dir)dir, &s);
	assert(!passes || verdict == TCP_ACCEPTED);
	if (verdict == TCP_NEW_CONN) {
		tcp_drain(&w->ctx, &w->conn);
		collect(w);
		tcp_close(&w->ctx, &w->conn);
		assert(w->arena.in_use == 0);
		w->conn = (struct tcp_conn){0};
		assert(tcp_input(&w->ctx, &w->conn, (enum tcp_dir)dir, &s) != TCP_NEW_CONN);
	}
	collect(w);
	/* The short way does what the long one does. */
	assert(!passes || memcmp(&passed, &w->conn, sizeof(passed)) == 0);
	/* What came is not kept. */
	memset(w->bytes, 0xee, s.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static _Alignas(64) uint8_t memory[BLOCKS * TCP_BLOCK_BYTES];
	static struct world w;

	memset(&w, 0, sizeof(w));
	blocks_init(&w.arena, memory, BLOCKS, TCP_BLOCK_BYTES);
	w.ctx.arena = &w.arena;
	w.ctx.counters = &w.counters;
	tcp_ctx_defaults(&w.ctx);
	if (len > RECORD * RECORDS_MAX)
		len = RECORD * RECORDS_MAX;
	for (; len >= RECORD; len -= RECORD, data += RECORD)
		feed(&w, data);
	tcp_drain(&w.ctx, &w.conn);
	collect(&w);
	assert(!tcp_holding(&w.conn));
	tcp_close(&w.ctx, &w.conn);
	assert(w.arena.in_use == 0);
	return 0;
}
