/* tcp, case by case. The client's ISN is C - 1, the server's S - 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
	uint32_t cut; /* bytes of the next segment that the capture lacks */
	char log[65536];
};

static int
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

static int
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
static void
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

static enum tcp_verdict
feed(struct fixture *f, enum tcp_dir dir, uint8_t flags, uint32_t seq_ack[2], const char *text)
{
	char *copy = strdup(text);
	struct tcp_segment segment = {
		.seq = seq_ack[0],
		.ack = flags & TCP_ACK ? seq_ack[1] : 0,
		.flags = flags,
		.checksum = f->checksum,
		.oversize = f->oversize,
		.data = (const uint8_t *)copy,
		.len = (uint32_t)strlen(text) - f->cut,
		.wire_len = (uint32_t)strlen(text),
		.time_ns = f->now_ns,
		.clock_ns = f->now_ns,
	};

	f->now_ns += MS;
	f->cut = 0;
	enum tcp_verdict v = tcp_input(&f->ctx, &f->conn, dir, &segment);
	collect(f);
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

static uint64_t
count(const struct fixture *f, enum counter id)
{
	return counter_read(&f->counters, id);
}

static void
handshake(struct fixture *f)
{
	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	ACK(CLIENT, C, S);
}

/* Pure ACKs of one side, 100 ms apart. */
static void
pass(struct fixture *f, unsigned n, enum tcp_dir dir, uint32_t seq, uint32_t ack)
{
	for (unsigned i = 0; i < n; i++) {
		f->now_ns += 99 * MS;
		ACK(dir, seq, ack);
	}
}

static void
first_bytes_after_a_syn_are_told_as_such(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	DATA(SERVER, S + 3, C, "hi");
	DATA(CLIENT, C, S + 5, "EHLO");
	SAW("^s:220 s:hi ^c:EHLO ");
	assert_true(tcp_syn_seen(&f->conn, CLIENT) && tcp_syn_seen(&f->conn, SERVER));
	assert_int_equal(f->arena.fresh, 0);
}

static void
bytes_in_the_syn_are_delivered(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "EHLO");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C + 4, "220");
	DATA(CLIENT, C + 4, S + 3, "QUIT");
	SAW("^c:EHLO ^s:220 c:QUIT ");
}

static void
a_reply_waits_for_the_late_command_that_it_answers(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	SAW("^s:220 ");
	DATA(SERVER, S + 3, C + 4, "250");
	ACK(CLIENT, C + 4, S + 6);
	SAW("");
	assert_true(tcp_holding(&f->conn));
	assert_int_equal(count(f, COUNTER_TCP_HELD_FOR_ACK), 1);
	DATA(CLIENT, C, S + 3, "EHLO");
	SAW("^c:EHLO s:250 ");
	assert_false(tcp_holding(&f->conn));
}

static void
a_reply_lost_at_the_tap_is_a_gap_before_the_next_command(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	DATA(CLIENT, C, S + 3, "A");
	/* the server's "535" is lost */
	DATA(CLIENT, C + 1, S + 6, "B");
	DATA(SERVER, S + 6, C + 2, "235");
	SAW("^s:220 ^c:A ");
	pass(f, 16, CLIENT, C + 2, S + 9);
	SAW("s-3 c:B s:235 ");
	assert_true(tcp_gap_seen(&f->conn));
	assert_int_equal(count(f, COUNTER_TCP_GAP_BYTES), 3);
}

static void
a_command_and_its_reply_lost_together_are_gaps_in_that_order(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	DATA(CLIENT, C + 1, S + 6, "B");
	DATA(SERVER, S + 6, C + 2, "235");
	pass(f, 17, CLIENT, C + 2, S + 9);
	SAW("^s:220 c-1 s-3 c:B s:235 ");
}

static void
a_hole_that_the_peer_does_not_acknowledge_waits_for_the_retransmission(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C + 2, S, "cd");
	pass(f, 100, SERVER, S, C);
	SAW("");
	DATA(CLIENT, C, S, "ab");
	SAW("^c:ab c:cd ");
	assert_false(tcp_gap_seen(&f->conn));
}

static void
bytes_that_the_peer_never_accepts_do_not_move_the_stream(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C + 50000, S, "junk");
	pass(f, 310, SERVER, S, C);
	assert_false(tcp_holding(&f->conn));
	DATA(CLIENT, C, S, "AUTH");
	SAW("^c:AUTH ");
}

static void
a_peer_that_fell_silent_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	/* From here the capture has the client only. */
	for (unsigned i = 0; i < 20; i++) {
		f->now_ns += 500 * MS;
		DATA(CLIENT, C + i, S + 10 + i, "x");
	}
	f->log[0] = 0;
	assert_false(tcp_holding(&f->conn));
	DATA(CLIENT, C + 20, S + 40, "y");
	SAW("c:y ");
	/* The server shows up again: what was missed of it is a gap. */
	DATA(SERVER, S + 40, C + 21, "250");
	pass(f, 16, CLIENT, C + 21, S + 43);
	SAW("s-37 s:250 ");
}

static void
a_false_ack_does_not_bring_bytes_that_the_peer_dropped(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	SAW("^s:220 ");
	DATA(CLIENT, C, S + 1000, "FAKE");
	DATA(CLIENT, C, S + 3, "REAL");
	SAW("^c:REAL ");
	assert_true(tcp_conflict_seen(&f->conn));
	/* And alone it is dropped in the end, with nothing lost of the server. */
	DATA(CLIENT, C + 4, S + 1000, "FAKE");
	pass(f, 40, SERVER, S + 3, C + 4);
	assert_false(tcp_holding(&f->conn));
	DATA(SERVER, S + 3, C + 4, "250");
	DATA(CLIENT, C + 4, S + 6, "QUIT");
	SAW("s:250 c:QUIT ");
	assert_false(tcp_gap_seen(&f->conn));
}

static void
overlapping_copies_are_joined_without_repeating_bytes(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C + 4, S, "efgh");
	DATA(CLIENT, C + 2, S, "cdEF");
	DATA(CLIENT, C + 6, S, "ghij");
	DATA(CLIENT, C, S, "abcdefghijkl");
	SAW("^c:ab c:cdefghij c:kl ");
	assert_true(tcp_conflict_seen(&f->conn));
}

static void
another_copy_of_what_was_delivered_last_is_a_conflict(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "EHLO");
	assert_int_equal(DATA(CLIENT, C, S, "EHLO"), TCP_IGNORED);
	assert_false(tcp_conflict_seen(&f->conn));
	assert_int_equal(DATA(CLIENT, C, S, "XXXX"), TCP_IGNORED);
	assert_true(tcp_conflict_seen(&f->conn));
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 1);
	assert_int_equal(count(f, COUNTER_TCP_DUPLICATE), 2);
	DATA(CLIENT, C + 4, S, "QUIT");
	DATA(CLIENT, C, S, "EHLOquit\r\n");
	SAW("^c:EHLO c:QUIT c:\r\n ");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 2);
}

static void
bytes_cut_by_the_capture_are_a_gap(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->cut = 6;
	DATA(CLIENT, C, S, "DATA..more");
	f->cut = 4;
	DATA(CLIENT, C + 14, S, "next");
	f->cut = 2;
	DATA(CLIENT, C + 10, S, "late");
	DATA(CLIENT, C + 18, S, "end");
	SAW("^c:DATA c-6 c:la c-2 c-4 c:end ");
}

static void
fin_comes_after_the_bytes_before_it_and_nothing_after(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	FEED(CLIENT, TCP_ACK | TCP_FIN, C + 4, S, "QUIT");
	SAW("");
	DATA(CLIENT, C, S, "RSET");
	SAW("^c:RSET c:QUIT c.fin ");
	assert_int_equal(DATA(CLIENT, C + 9, S, "more"), TCP_IGNORED);
	assert_false(tcp_finished(&f->conn));
	FEED(SERVER, TCP_ACK | TCP_FIN, S, C + 9, "221");
	ACK(CLIENT, C + 9, S + 4);
	SAW("^s:221 s.fin ");
	assert_true(tcp_finished(&f->conn));
	assert_int_equal(FEED(SERVER, TCP_ACK | TCP_FIN, S, C + 9, "221"), TCP_IGNORED);
}

static void
keepalives_bring_nothing(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "EHLO");
	assert_int_equal(FEED(CLIENT, TCP_ACK, C + 3, S, ""), TCP_IGNORED);
	assert_int_equal(FEED(CLIENT, TCP_ACK, C + 3, S, "?"), TCP_IGNORED);
	SAW("^c:EHLO ");
	assert_false(tcp_conflict_seen(&f->conn));
}

static void
segments_that_the_peer_would_drop_are_ignored(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "a");
	DATA(SERVER, S, C + 1, "b");
	assert_int_equal(DATA(CLIENT, C + (80u << 20), S, "far"), TCP_IGNORED);
	assert_int_equal(DATA(CLIENT, C - (80u << 20), S, "old"), TCP_IGNORED);
	assert_int_equal(DATA(CLIENT, C + 1, S + (80u << 20), "ack"), TCP_IGNORED);
	assert_int_equal(DATA(CLIENT, C + 1, S - (80u << 20), "ack"), TCP_IGNORED);
	assert_int_equal(FEED(CLIENT, TCP_PSH, C + 1, 0, "no ack"), TCP_IGNORED);
	assert_int_equal(FEED(CLIENT, TCP_SYN | TCP_FIN, C + 1, 0, ""), TCP_IGNORED);
	DATA(CLIENT, C + 1, S, "c");
	SAW("^c:a ^s:b c:c ");
	assert_int_equal(count(f, COUNTER_TCP_IGNORED), 6);
}

static void
a_stream_that_jumps_leaves_a_gap_of_the_true_size(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "a");
	DATA(CLIENT, C + 10000000, S, "b");
	pass(f, 17, SERVER, S, C + 10000001);
	SAW("^c:a c-9999999 c:b ");
}

static void
a_full_hold_drops_the_furthest_bytes(void **state)
{
	struct fixture *f = *state;

	f->ctx.hold_pkts_max = 4;
	handshake(f);
	for (unsigned i = 0; i < 8; i++)
		DATA(CLIENT, C + 1000 - i * 10, S, "far");
	assert_int_equal(f->arena.in_use, 4);
	assert_int_equal(count(f, COUNTER_TCP_HOLD_FULL), 4);
	DATA(CLIENT, C + 1, S, "bc");
	DATA(CLIENT, C, S, "a");
	SAW("^c:a c:bc ");
	/* A hole that the peer acknowledges past is skipped at once. */
	ACK(SERVER, S, C + 1003);
	for (unsigned i = 0; i < 8; i++)
		DATA(CLIENT, C + 1003 + i * 10, S, "x");
	assert_non_null(strstr(f->log, "c-"));
	assert_true(f->arena.in_use <= 4);
}

static void
one_connection_cannot_take_the_arena(void **state)
{
	struct fixture *f = *state;

	f->ctx.hold_pkts_max = UINT16_MAX;
	f->ctx.hold_bytes_max = UINT32_MAX;
	handshake(f);
	for (unsigned i = 0; i < 3000; i++)
		DATA(CLIENT, C + 2 + 2 * i, S, "x");
	assert_true(f->arena.in_use > BLOCKS / 8 && f->arena.in_use < BLOCKS / 4);
	struct tcp_conn other = f->conn;
	f->conn = (struct tcp_conn){0};
	handshake(f);
	for (unsigned i = 0; i < 20; i++)
		DATA(CLIENT, C + 40 - 2 * i, S, "x");
	assert_int_equal(f->conn.stream[0].held_blocks, 20);
	tcp_close(&f->ctx, &other);
}

static void
a_second_connection_on_the_ports_is_told(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	FEED(CLIENT, TCP_ACK | TCP_FIN, C, S, "");
	FEED(SERVER, TCP_ACK | TCP_FIN, S, C + 1, "");
	SAW("c.fin s.fin ");
	assert_int_equal(FEED(CLIENT, TCP_SYN, C - 1, 0, ""), TCP_IGNORED); /* a copy */
	assert_int_equal(FEED(CLIENT, TCP_SYN, C + 70000, 0, ""), TCP_NEW_CONN);
	f->conn = (struct tcp_conn){0};
	assert_int_equal(FEED(CLIENT, TCP_SYN, C + 70000, 0, "hi"), TCP_ACCEPTED);
	SAW("^c:hi ");
}

static void
a_syn_on_an_open_connection_needs_the_servers_answer(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "a");
	assert_int_equal(FEED(CLIENT, TCP_SYN, C + 99, 0, ""), TCP_IGNORED);
	assert_int_equal(FEED(CLIENT, TCP_SYN, C + 2000000000, 0, ""), TCP_IGNORED);
	/* A challenge ACK, and things go on. */
	ACK(SERVER, S, C + 1);
	DATA(CLIENT, C + 1, S, "b");
	SAW("^c:a c:b ");
	/* The same with the answer: FIN and RST of the old one were missed. */
	assert_int_equal(FEED(CLIENT, TCP_SYN, C + 2000000000, 0, ""), TCP_IGNORED);
	assert_int_equal(FEED(SERVER, TCP_SYN | TCP_ACK, 7, C + 2000000001, ""), TCP_NEW_CONN);
	f->conn = (struct tcp_conn){0};
	assert_int_equal(FEED(SERVER, TCP_SYN | TCP_ACK, 7, C + 2000000001, ""), TCP_ACCEPTED);
	DATA(CLIENT, C + 2000000001, 8, "new");
	SAW("^c:new ");
}

static void
the_syn_ack_says_which_syn_was_the_right_one(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, 77, 0, "");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	ACK(CLIENT, C, S);
	DATA(CLIENT, C, S, "a");
	SAW("^c:a ");
}

static void
a_late_syn_is_not_a_new_connection(void **state)
{
	struct fixture *f = *state;

	DATA(CLIENT, C, S + 3, "b");
	DATA(SERVER, S, C, "220");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	assert_int_equal(FEED(CLIENT, TCP_SYN, C - 1, 0, ""), TCP_IGNORED);
	SAW("^s:220 ^c:b ");
}

static void
segments_of_another_connection_from_both_sides_are_one(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "a");
	DATA(SERVER, S, C + 1, "b");
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(DATA(CLIENT, C + (2u << 30) - 9 + i, S, "?"), TCP_IGNORED);
	ACK(SERVER, S + 1, C + 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(DATA(CLIENT, C + 1500000000 + i, S + 99999999, "?"), TCP_IGNORED);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ACK(SERVER, S + 99999999, C + 1500000000), TCP_IGNORED);
	assert_int_equal(ACK(SERVER, S + 99999999, C + 1500000000), TCP_NEW_CONN);
}

static void
only_an_exact_rst_counts(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "USER");
	assert_int_equal(FEED(SERVER, TCP_RST, S - 1, 0, ""), TCP_IGNORED);
	assert_int_equal(FEED(SERVER, TCP_RST, S + (90u << 20), 0, ""), TCP_IGNORED);
	/* In the window: not before the stream stands there, and not when bytes go on. */
	FEED(SERVER, TCP_RST, S + 2, 0, "");
	DATA(SERVER, S, C + 4, "334 ");
	SAW("^c:USER ^s:334  ");
	assert_false(tcp_finished(&f->conn));
	/* The last bytes and the RST, swapped. */
	FEED(CLIENT, TCP_RST | TCP_ACK, C + 8, S + 4, "");
	SAW("");
	DATA(CLIENT, C + 4, S + 4, "PASS");
	SAW("c:PASS c!rst ");
	assert_true(tcp_finished(&f->conn));
	/* The reply was under way. */
	DATA(SERVER, S + 4, C + 8, "535 ");
	SAW("s:535  ");
	assert_int_equal(FEED(CLIENT, TCP_SYN, C + 9, 0, ""), TCP_NEW_CONN);
}

static void
a_refused_syn_ends_in_a_rst(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	assert_int_equal(FEED(SERVER, TCP_RST | TCP_ACK, 0, C + 5, ""), TCP_IGNORED);
	FEED(SERVER, TCP_RST | TCP_ACK, 0, C, "");
	SAW("s!rst ");
	assert_true(tcp_finished(&f->conn));
}

static void
a_syn_scan_ends_in_a_rst(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	FEED(CLIENT, TCP_RST, C, 0, "");
	SAW("c!rst ");
}

static void
wrong_checksums_are_ignored_where_others_verify(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "AUTH");
	f->checksum = TCP_CHECKSUM_BAD;
	assert_int_equal(DATA(SERVER, S, C + 4, "235"), TCP_IGNORED);
	assert_int_equal(FEED(SERVER, TCP_RST, S, 0, ""), TCP_IGNORED);
	f->checksum = TCP_CHECKSUM_PARTIAL;
	assert_int_equal(DATA(SERVER, S, C + 4, "235"), TCP_IGNORED);
	assert_int_equal(count(f, COUNTER_TCP_CSUM_BAD), 3);
	f->checksum = TCP_CHECKSUM_UNKNOWN;
	assert_int_equal(DATA(SERVER, S, C + 4, "5"), TCP_ACCEPTED);
	f->checksum = TCP_CHECKSUM_GOOD;
	DATA(SERVER, S + 1, C + 4, "35");
	f->checksum = TCP_CHECKSUM_PARTIAL;
	f->oversize = 1;
	DATA(SERVER, S + 3, C + 4, "big");
	SAW("^c:AUTH ^s:5 s:35 s:big ");
}

static void
a_direction_without_one_right_checksum_is_offloaded(void **state)
{
	struct fixture *f = *state;

	f->checksum = TCP_CHECKSUM_BAD;
	handshake(f);
	DATA(CLIENT, C, S, "AUTH");
	DATA(SERVER, S, C + 4, "535");
	SAW("^c:AUTH ^s:535 ");
	assert_int_equal(count(f, COUNTER_TCP_CSUM_OFFLOAD), 5);
	/* One that looks right by chance changes nothing; two in a row do. */
	f->checksum = TCP_CHECKSUM_GOOD;
	DATA(CLIENT, C + 4, S + 3, "a");
	f->checksum = TCP_CHECKSUM_BAD;
	DATA(CLIENT, C + 5, S + 3, "b");
	f->checksum = TCP_CHECKSUM_GOOD;
	DATA(CLIENT, C + 6, S + 3, "c");
	DATA(CLIENT, C + 7, S + 3, "d");
	f->checksum = TCP_CHECKSUM_BAD;
	assert_int_equal(DATA(CLIENT, C + 8, S + 3, "e"), TCP_IGNORED);
	SAW("c:a c:b c:c c:d ");
}

static void
a_right_frame_undoes_wrong_ones_while_nothing_was_delivered(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	f->checksum = TCP_CHECKSUM_BAD;
	FEED(SERVER, TCP_SYN | TCP_ACK, 12345, C, "");
	f->checksum = TCP_CHECKSUM_GOOD;
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	DATA(SERVER, S, C, "220");
	SAW("^s:220 ");
}

static void
draining_delivers_what_is_held_with_its_gaps(void **state)
{
	struct fixture *f = *state;

	DATA(CLIENT, C, S, "mid");
	DATA(CLIENT, C + 5, S, "dle");
	DATA(SERVER, S + 4, C + 10, "250");
	SAW("");
	tcp_drain(&f->ctx, &f->conn);
	collect(f);
	SAW("c:mid c-2 c:dle c-2 s:250 ");
	assert_false(tcp_holding(&f->conn));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(first_bytes_after_a_syn_are_told_as_such),
		T(bytes_in_the_syn_are_delivered),
		T(a_reply_waits_for_the_late_command_that_it_answers),
		T(a_reply_lost_at_the_tap_is_a_gap_before_the_next_command),
		T(a_command_and_its_reply_lost_together_are_gaps_in_that_order),
		T(a_hole_that_the_peer_does_not_acknowledge_waits_for_the_retransmission),
		T(bytes_that_the_peer_never_accepts_do_not_move_the_stream),
		T(a_peer_that_fell_silent_is_not_waited_for),
		T(a_false_ack_does_not_bring_bytes_that_the_peer_dropped),
		T(overlapping_copies_are_joined_without_repeating_bytes),
		T(another_copy_of_what_was_delivered_last_is_a_conflict),
		T(bytes_cut_by_the_capture_are_a_gap),
		T(fin_comes_after_the_bytes_before_it_and_nothing_after),
		T(keepalives_bring_nothing),
		T(segments_that_the_peer_would_drop_are_ignored),
		T(a_stream_that_jumps_leaves_a_gap_of_the_true_size),
		T(a_full_hold_drops_the_furthest_bytes),
		T(one_connection_cannot_take_the_arena),
		T(a_second_connection_on_the_ports_is_told),
		T(a_syn_on_an_open_connection_needs_the_servers_answer),
		T(the_syn_ack_says_which_syn_was_the_right_one),
		T(a_late_syn_is_not_a_new_connection),
		T(segments_of_another_connection_from_both_sides_are_one),
		T(only_an_exact_rst_counts),
		T(a_refused_syn_ends_in_a_rst),
		T(a_syn_scan_ends_in_a_rst),
		T(wrong_checksums_are_ignored_where_others_verify),
		T(a_direction_without_one_right_checksum_is_offloaded),
		T(a_right_frame_undoes_wrong_ones_while_nothing_was_delivered),
		T(draining_delivers_what_is_held_with_its_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
