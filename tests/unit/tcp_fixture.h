/*
 * A connection to feed segments to, and what came out of it as text. The client's ISN is
 * C - 1, the server's S - 1.
 */
#ifndef SMTAP_TESTS_UNIT_TCP_FIXTURE_H
#define SMTAP_TESTS_UNIT_TCP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/tcp/pass.h"
#include "dataplane/tcp/tcp.h"

#define C 1000u
#define S 500000u
#define BLOCKS 1024
#define MS 1000000ull
#define CLIENT TCP_TO_SERVER
#define SERVER TCP_TO_CLIENT

struct fixture {
	struct tcp_ctx ctx;
	struct blocks arena;
	struct counters counters;
	struct tcp_conn conn;
	uint64_t now_ns;
	uint8_t checksum;
	uint8_t oversize;
	uint8_t doubt;
	uint32_t cut; /* bytes of the next segment that the capture lacks */
	char log[65536];
};

static inline int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	blocks_init(&f->arena, aligned_alloc(64, blocks_footprint(BLOCKS, TCP_BLOCK_BYTES)), BLOCKS,
		TCP_BLOCK_BYTES);
	f->ctx.arena = &f->arena;
	f->ctx.counters = &f->counters;
	tcp_ctx_defaults(&f->ctx);
	f->now_ns = 1000 * MS;
	f->checksum = TCP_CHECKSUM_GOOD;
	*state = f;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct fixture *f = *state;

	tcp_close(&f->ctx, &f->conn);
	assert_int_equal(f->arena.in_use, 0);
	free(f->arena.memory);
	free(f);
	return 0;
}

/* What came out, as text: "c:bytes " "s-gap " "c.fin " "s!rst ", and ^ before first bytes. */
static inline void
collect(struct fixture *f)
{
	static const char *const side[] = {"c", "s"};
	struct tcp_chunk k;

	while (tcp_next(&f->ctx, &f->conn, &k)) {
		char *at = f->log + strlen(f->log);
		size_t room = (size_t)(f->log + sizeof(f->log) - at);
		switch (k.kind) {
		case TCP_CHUNK_DATA:
			snprintf(at, room, "%s%s:%.*s ", k.from_start ? "^" : "", side[k.dir],
				(int)k.len, (const char *)k.data);
			break;
		case TCP_CHUNK_GAP:
			snprintf(at, room, "%s-%u ", side[k.dir], k.len);
			break;
		case TCP_CHUNK_FIN:
			snprintf(at, room, "%s.fin ", side[k.dir]);
			break;
		case TCP_CHUNK_RST:
			snprintf(at, room, "%s!rst ", side[k.dir]);
			break;
		}
	}
}

static inline enum tcp_verdict
feed(struct fixture *f, enum tcp_dir dir, uint8_t flags, uint32_t seq_ack[2], const char *text)
{
	char *copy = strdup(text);
	struct tcp_segment segment = {
		.seq = seq_ack[0],
		.ack = flags & TCP_ACK ? seq_ack[1] : 0,
		.flags = flags,
		.checksum = f->checksum,
		.oversize = f->oversize,
		.doubt = f->doubt,
		.data = (const uint8_t *)copy,
		.len = (uint32_t)strlen(text) - f->cut,
		.wire_len = (uint32_t)strlen(text),
		.time_ns = f->now_ns,
		.clock_ns = f->now_ns,
	};

	f->now_ns += MS;
	f->cut = 0;
	struct tcp_ctx ctx = f->ctx;
	struct tcp_conn passed = f->conn;
	bool passes = tcp_pass(&ctx, &passed, dir, &segment);
	enum tcp_verdict v = tcp_input(&f->ctx, &f->conn, dir, &segment);
	collect(f);
	/* The short way does nothing that the long one does not. */
	assert_true(!passes || v == TCP_ACCEPTED);
	assert_memory_equal(passes ? &passed : &f->conn, &f->conn, sizeof(passed));
	free(copy);
	return v;
}

#define FEED(dir, flags, seq, ack, text) \
	feed(f, (dir), (flags), (uint32_t[2]){(uint32_t)(seq), (uint32_t)(ack)}, (text))
#define DATA(dir, seq, ack, text) FEED((dir), TCP_ACK | TCP_PSH, (seq), (ack), (text))
#define ACK(dir, seq, ack) FEED((dir), TCP_ACK, (seq), (ack), "")

/* The log since the last look. */
#define SAW(text)                                  \
	do {                                       \
		assert_string_equal(f->log, text); \
		f->log[0] = 0;                     \
	} while (0)

static inline uint64_t
count(const struct fixture *f, enum counter id)
{
	return counter_read(&f->counters, id);
}

static inline void
handshake(struct fixture *f)
{
	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	ACK(CLIENT, C, S);
}

/* Pure ACKs of one side, 100 ms apart. */
static inline void
pass(struct fixture *f, unsigned n, enum tcp_dir dir, uint32_t seq, uint32_t ack)
{
	for (unsigned i = 0; i < n; i++) {
		f->now_ns += 99 * MS;
		ACK(dir, seq, ack);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
