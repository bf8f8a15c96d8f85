/* tcp, case by case: how connections begin and are cut off, and whose segments count. */
#include "tests/unit/tcp_fixture.h"

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
	SAW(""); /* the server's answer says whether it took them */
	FEED(SERVER, TCP_SYN | TCP_ACK, S + 70000, C + 70003, "");
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
after_the_end_another_connection_is_told_from_late_copies(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	FEED(CLIENT, TCP_FIN | TCP_ACK, C, S, "AUTH");
	FEED(SERVER, TCP_FIN | TCP_ACK, S, C + 5, "535");
	assert_false(tcp_is_another(&f->conn, CLIENT, TCP_SYN, C - 1));
	assert_false(tcp_is_another(&f->conn, SERVER, TCP_SYN | TCP_ACK, S - 1));
	assert_false(tcp_is_another(&f->conn, CLIENT, TCP_ACK, C));
	assert_false(tcp_is_another(&f->conn, CLIENT, TCP_ACK, C + 4));
	assert_true(tcp_is_another(&f->conn, CLIENT, TCP_SYN, C + 9));
	assert_true(tcp_is_another(&f->conn, SERVER, TCP_SYN | TCP_ACK, S + 99));
	assert_true(tcp_is_another(&f->conn, CLIENT, TCP_ACK, C + 5));
	assert_true(tcp_is_another(&f->conn, SERVER, TCP_ACK, S + 0x80000000));
}

static void
a_syn_ack_to_no_syn_changes_nothing(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	assert_int_equal(FEED(SERVER, TCP_SYN | TCP_ACK, 12345, C + 7, ""), TCP_IGNORED);
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	ACK(CLIENT, C, S);
	DATA(SERVER, S, C, "220");
	SAW("^s:220 ");
}

static void
of_two_syn_acks_the_client_says_which_was_the_right_one(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	FEED(SERVER, TCP_SYN | TCP_ACK, S + 999999, C, "");
	assert_int_equal(FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, ""), TCP_IGNORED);
	ACK(CLIENT, C, S);
	DATA(SERVER, S, C, "220");
	DATA(CLIENT, C, S + 3, "EHLO");
	SAW("^s:220 ^c:EHLO ");
	assert_int_equal(count(f, COUNTER_TCP_GAPS), 0);
}

static void
bytes_with_a_syn_count_when_they_were_taken(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "EHLO");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C + 4, "");
	DATA(SERVER, S, C + 4, "220");
	DATA(CLIENT, C + 4, S + 3, " x");
	SAW("^c:EHLO ^s:220 c: x ");
}

static void
bytes_with_a_syn_that_were_not_taken_give_way_to_others(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "junk");
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	ACK(CLIENT, C, S);
	DATA(SERVER, S, C, "220");
	DATA(CLIENT, C, S + 3, "EHLO x");
	SAW("^s:220 ^c:EHLO x ");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 0);
}

static void
bytes_with_a_syn_of_a_client_alone_are_heard(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "EHLO ");
	f->now_ns += 6000 * MS;
	DATA(CLIENT, C + 5, S, "x");
	SAW("^c:EHLO  c:x ");
}

/* Twelve segments and 300 ms of one side. Returns its next sequence number. */
static uint32_t
client_alone(struct fixture *f, uint32_t seq, uint32_t ack)
{
	for (unsigned i = 0; i < 12; i++, f->now_ns += 40 * MS)
		DATA(CLIENT, seq++, ack, "c");
	assert_non_null(strstr(f->log, "c:ccc"));
	f->log[0] = 0;
	return seq;
}

static void
a_side_that_comes_late_is_heard_from_its_start(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	client_alone(f, C, S + 3);
	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	DATA(SERVER, S, C, "220");
	DATA(SERVER, S + 3, C + 1, "250");
	SAW("^s:220 s:250 ");
	assert_int_equal(count(f, COUNTER_TCP_GAPS), 0);
}

static void
a_side_that_comes_late_without_its_syn_is_heard(void **state)
{
	struct fixture *f = *state;

	client_alone(f, C, S + 6);
	DATA(SERVER, S, C, "220");
	DATA(SERVER, S + 3, C + 1, "250");
	SAW("s:220 s:250 ");
	/* Now that it is there, old is old. */
	assert_int_equal(DATA(SERVER, S - 3, C, "old"), TCP_IGNORED);
	SAW("");
}

static void
many_segments_in_no_time_do_not_show_that_a_side_is_absent(void **state)
{
	struct fixture *f = *state;

	FEED(SERVER, TCP_SYN | TCP_ACK, S - 1, C, "");
	for (unsigned i = 0; i < 40; i++)
		DATA(SERVER, S + i, C + i, "s");
	SAW("^s:s "); /* it answers nothing */
	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	DATA(CLIENT, C, S + 1, "c");
	DATA(CLIENT, C + 1, S + 2, "c");
	SAW("^c:c s:s c:c s:s ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_second_connection_on_the_ports_is_told),
		T(a_syn_on_an_open_connection_needs_the_servers_answer),
		T(the_syn_ack_says_which_syn_was_the_right_one),
		T(a_syn_ack_to_no_syn_changes_nothing),
		T(of_two_syn_acks_the_client_says_which_was_the_right_one),
		T(bytes_with_a_syn_count_when_they_were_taken),
		T(bytes_with_a_syn_that_were_not_taken_give_way_to_others),
		T(bytes_with_a_syn_of_a_client_alone_are_heard),
		T(after_the_end_another_connection_is_told_from_late_copies),
		T(a_late_syn_is_not_a_new_connection),
		T(segments_of_another_connection_from_both_sides_are_one),
		T(only_an_exact_rst_counts),
		T(a_refused_syn_ends_in_a_rst),
		T(a_syn_scan_ends_in_a_rst),
		T(wrong_checksums_are_ignored_where_others_verify),
		T(a_direction_without_one_right_checksum_is_offloaded),
		T(a_right_frame_undoes_wrong_ones_while_nothing_was_delivered),
		T(a_side_that_comes_late_is_heard_from_its_start),
		T(a_side_that_comes_late_without_its_syn_is_heard),
		T(many_segments_in_no_time_do_not_show_that_a_side_is_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
