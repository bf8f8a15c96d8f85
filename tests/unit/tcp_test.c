/* tcp, case by case: bytes, holes and acknowledgements. */
#include "tests/unit/tcp_fixture.h"

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
	assert_int_equal(held_at(&f->ctx, f->conn.held)->blocks, 20);
	tcp_close(&f->ctx, &other);
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

static void
crossed_segments_that_acknowledge_each_other_come_in_the_end(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	/* Both first copies were lost at the tap; each retransmission acknowledges the other. */
	DATA(CLIENT, C, S + 3, "ab");
	DATA(SERVER, S, C + 2, "220");
	SAW("");
	pass(f, 16, CLIENT, C + 2, S + 3);
	SAW("^c:ab ^s:220 ");
	assert_false(tcp_gap_seen(&f->conn));
}

static void
only_what_the_peer_acknowledged_of_a_hole_is_given_up(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C + 6, S, "gh");
	ACK(SERVER, S, C + 3);
	pass(f, 16, SERVER, S, C + 3);
	SAW("c-3 ");
	DATA(CLIENT, C + 3, S, "def");
	SAW("c:def c:gh ");
}

static void
a_lost_syn_ack_costs_the_greeting_no_byte(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	ACK(CLIENT, C, S);
	DATA(SERVER, S, C, "220");
	SAW("");
	DATA(CLIENT, C, S + 3, "EHLO");
	pass(f, 8, CLIENT, C + 4, S + 3);
	SAW("s:220 ^c:EHLO ");
	assert_false(tcp_gap_seen(&f->conn));
}

static void
with_no_arena_left_a_connection_is_heard_past_its_losses(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	while (blocks_take(f->ctx.arena) != BLOCKS_NONE)
		continue;
	DATA(CLIENT, C + 4, S + 3, "late"); /* what is before it comes later, or never */
	SAW("^s:220 ");
	assert_int_equal(count(f, COUNTER_TCP_HOLD_FULL), 1);
	DATA(SERVER, S + 3, C + 8, "250");
	SAW("c-8 s:250 ");
	DATA(CLIENT, C + 12, S + 6, "x");
	ACK(SERVER, S + 6, C + 13);
	DATA(CLIENT, C + 13, S + 6, "y");
	SAW("c-5 c:y ");
	for (uint32_t i = 0; i < BLOCKS; i++)
		blocks_give(f->ctx.arena, i);
}

int
main(void)
{
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
		T(crossed_segments_that_acknowledge_each_other_come_in_the_end),
		T(only_what_the_peer_acknowledged_of_a_hole_is_given_up),
		T(a_lost_syn_ack_costs_the_greeting_no_byte),
		T(draining_delivers_what_is_held_with_its_gaps),
		T(with_no_arena_left_a_connection_is_heard_past_its_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
