/* tcp, case by case: segments that the peer may never get, or take. */
#include "tests/unit/tcp_fixture.h"

/* The doubt of a segment with so many hops left. */
#define HOPS(n) (TCP_DOUBT_HOPS - (n))

/* Few hops left, or a signature. */
static void
doubtful_segments_are_ignored_where_others_are_not(void **state)
{
	struct fixture *f = *state;

	f->doubt = HOPS(3);
	FEED(CLIENT, TCP_SYN, 77, 0, "");
	f->doubt = 0;
	handshake(f);
	f->doubt = HOPS(3);
	assert_int_equal(DATA(CLIENT, C, S, "QUIT"), TCP_IGNORED);
	assert_int_equal(FEED(CLIENT, TCP_RST, C, 0, ""), TCP_IGNORED);
	assert_int_equal(FEED(CLIENT, TCP_FIN | TCP_ACK, C, S, ""), TCP_IGNORED);
	assert_int_equal(count(f, COUNTER_TCP_DOUBTFUL), 3);
	f->doubt = 0;
	DATA(CLIENT, C, S, "AUTH");
	SAW("^c:AUTH ");
}

/* The way to the peer has become longer. */
static void
what_is_in_doubt_is_heard_when_its_peer_has_it_and_no_other_copy_comes(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->doubt = HOPS(3);
	DATA(CLIENT, C, S, "AUTH");
	f->doubt = 0;
	DATA(SERVER, S, C + 4, "334");
	pass(f, 20, SERVER, S + 3, C + 4);
	SAW("^c:AUTH ^s:334 ");
	assert_int_equal(count(f, COUNTER_TCP_BELIEVED), 1);
	assert_int_equal(count(f, COUNTER_TCP_GAPS), 0);
}

static void
what_is_in_doubt_gives_way_to_what_is_not_though_its_peer_answered_first(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->doubt = HOPS(3);
	DATA(CLIENT, C + 2, S, "ITS");
	DATA(CLIENT, C, S, "QUITS");
	f->doubt = 0;
	DATA(SERVER, S, C + 4, "334");
	DATA(CLIENT, C, S, "AUTH");
	SAW("^c:AUTH ^s:334 ");
	assert_int_equal(count(f, COUNTER_TCP_BELIEVED), 0);
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 2);
	assert_int_equal(f->arena.in_use, 0);
}

static void
what_is_in_doubt_and_never_acknowledged_is_dropped(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->doubt = HOPS(3);
	DATA(CLIENT, C, S, "QUIT");
	f->doubt = 0;
	pass(f, 20, SERVER, S, C);
	assert_int_equal(f->arena.in_use, 1);
	f->now_ns += 31000 * MS;
	ACK(SERVER, S, C);
	assert_int_equal(f->arena.in_use, 0);
	SAW("");
}

static void
a_side_that_is_doubtful_all_along_is_heard(void **state)
{
	struct fixture *f = *state;

	f->doubt = HOPS(3);
	handshake(f);
	DATA(CLIENT, C, S, "AUTH");
	DATA(SERVER, S, C + 4, "535");
	SAW("^c:AUTH ^s:535 ");
	assert_int_equal(count(f, COUNTER_TCP_DOUBTFUL), 0);
	assert_int_equal(count(f, COUNTER_TCP_CSUM_OFFLOAD), 0);
}

static void
what_is_in_doubt_is_dropped_where_the_peer_is_not_seen(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	ACK(CLIENT, C, S);
	f->doubt = HOPS(3);
	DATA(CLIENT, C, S, "EHLO");
	f->doubt = 0;
	f->now_ns += 31000 * MS;
	DATA(CLIENT, C + 4, S, "AUTH");
	DATA(CLIENT, C + 8, S, "AUTH");
	f->now_ns += 31000 * MS;
	DATA(CLIENT, C + 12, S, "QUIT");
	SAW("c-4 c:AUTHAUTHQUIT ");
}

/* RFC 5961 5.2 */
static void
what_acknowledges_bytes_before_the_first_gives_way_to_others(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	assert_int_equal(DATA(CLIENT, C, S - 100000, "QUIT"), TCP_IGNORED);
	assert_int_equal(f->conn.stream[CLIENT].strays, 0);
	DATA(CLIENT, C, S, "AUTH");
	SAW("^s:220 ^c:AUTH ");
}

/* Some servers drop what acknowledges their SYN not (RFC 5961 5.2), and some take it. */
static void
what_acknowledges_bytes_before_the_first_is_heard_when_its_peer_has_it(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	DATA(CLIENT, C, S - 1, "AUTH");
	DATA(SERVER, S + 3, C + 4, "334");
	pass(f, 20, SERVER, S + 6, C + 4);
	SAW("^s:220 ^c:AUTH s:334 ");
}

static void
an_early_acknowledgement_is_the_least_reason_to_doubt(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(SERVER, S, C, "220");
	f->doubt = HOPS(2);
	DATA(CLIENT, C, S + 3, "NOOP");
	f->doubt = 0;
	DATA(CLIENT, C, S - 1, "AUTH");
	f->doubt = TCP_DOUBT_SIGNED;
	DATA(CLIENT, C, S + 3, "QUIT");
	f->doubt = 0;
	DATA(SERVER, S + 3, C + 4, "334");
	pass(f, 20, SERVER, S + 6, C + 4);
	SAW("^s:220 ^c:AUTH s:334 ");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 2);
}

/* After 4 GiB the numbers of the first bytes come again. */
static void
a_late_acknowledgement_is_not_an_early_one_where_the_numbers_wrap(void **state)
{
	struct fixture *f = *state;
	struct tcp_stream *client = &f->conn.stream[CLIENT];

	handshake(f);
	DATA(SERVER, S, C, "220");
	client->next_seq = client->shown_seq = C + 100;
	client->acked_seq = C - 3000;
	client->flags |= STREAM_MOVED | STREAM_ACKED;
	DATA(SERVER, S + 3, C - 2000, "250");
	SAW("^s:220 s:250 ");
	assert_int_equal(count(f, COUNTER_TCP_DOUBTFUL), 0);
}

/* What reaches the server with few hops does so with more. */
static void
of_two_copies_in_doubt_the_one_with_more_hops_left_is_believed(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->doubt = HOPS(1);
	DATA(CLIENT, C, S, "NOOP");
	f->doubt = HOPS(4);
	DATA(CLIENT, C, S, "AUTH");
	f->doubt = HOPS(3);
	DATA(CLIENT, C, S, "QUIT");
	f->doubt = HOPS(4);
	DATA(CLIENT, C, S, "RSET");
	f->doubt = 0;
	DATA(SERVER, S, C + 4, "334");
	pass(f, 20, SERVER, S + 3, C + 4);
	SAW("^c:AUTH ^s:334 ");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 3);
}

/* A server without a key takes what is signed, or does not; one may be too far for few hops. */
static void
of_a_signed_copy_and_one_with_few_hops_left_neither_is_believed(void **state)
{
	for (unsigned signed_first = 0; signed_first < 2; signed_first++) {
		struct fixture *f = *state;
		handshake(f);
		f->doubt = signed_first ? TCP_DOUBT_SIGNED : HOPS(4);
		DATA(CLIENT, C, S, "AUTH");
		f->doubt = signed_first ? HOPS(4) : TCP_DOUBT_SIGNED;
		DATA(CLIENT, C, S, "NOOP");
		f->doubt = HOPS(5);
		DATA(CLIENT, C, S, "RSET");
		f->doubt = 0;
		DATA(SERVER, S, C + 4, "334");
		pass(f, 20, SERVER, S + 3, C + 4);
		SAW("c-4 ^s:334 ");
		assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 2);
		assert_int_equal(count(f, COUNTER_TCP_BELIEVED), 0);
		tear_down(state);
		set_up(state);
	}
}

/* Hops tell nothing of what the server drops for another reason. */
static void
of_two_copies_in_doubt_none_is_believed_where_one_acknowledges_the_future(void **state)
{
	for (unsigned false_first = 0; false_first < 2; false_first++) {
		struct fixture *f = *state;
		handshake(f);
		f->doubt = HOPS(4);
		DATA(CLIENT, C, false_first ? S + 5000 : S, false_first ? "NOOP" : "AUTH");
		DATA(CLIENT, C, false_first ? S : S + 5000, false_first ? "AUTH" : "NOOP");
		f->doubt = 0;
		DATA(SERVER, S, C + 4, "334");
		pass(f, 20, SERVER, S + 3, C + 4);
		SAW("c-4 ^s:334 ");
		assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 1);
		tear_down(state);
		set_up(state);
	}
}

/* What would be beyond doubt if the server had said what it acknowledges. */
static void
what_displaced_a_copy_in_doubt_and_acknowledges_the_future_is_not_heard(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->doubt = HOPS(4);
	DATA(CLIENT, C, S, "AUTH");
	f->doubt = 0;
	DATA(CLIENT, C, S + 5000, "NOOP");
	DATA(SERVER, S, C + 4, "334");
	pass(f, 20, SERVER, S + 3, C + 4);
	SAW("c-4 ^s:334 ");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 1);
}

static void
what_displaced_a_copy_in_doubt_is_heard_when_what_it_acknowledges_comes(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	f->doubt = HOPS(2);
	DATA(CLIENT, C, S + 3, "NOOP");
	f->doubt = 0;
	DATA(CLIENT, C, S + 3, "AUTH");
	DATA(SERVER, S, C, "220");
	SAW("^s:220 ^c:AUTH ");
}

static void
a_copy_in_doubt_of_what_was_heard_is_a_conflict(void **state)
{
	struct fixture *f = *state;

	handshake(f);
	DATA(CLIENT, C, S, "AUTH");
	f->doubt = HOPS(4);
	DATA(CLIENT, C, S, "AUTH");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 0);
	DATA(CLIENT, C, S, "NOOP");
	SAW("^c:AUTH ");
	assert_int_equal(count(f, COUNTER_TCP_CONFLICT), 1);
}

static void
of_a_client_alone_the_copy_beyond_doubt_is_heard_though_it_comes_late(void **state)
{
	struct fixture *f = *state;

	FEED(CLIENT, TCP_SYN, C - 1, 0, "");
	ACK(CLIENT, C, S);
	f->now_ns += 6000 * MS;
	DATA(CLIENT, C, S, "EHLO");
	f->doubt = HOPS(3);
	DATA(CLIENT, C + 4, S, "NOOP");
	f->doubt = 0;
	for (unsigned i = 0; i < 20; i++, f->now_ns += 200 * MS)
		ACK(CLIENT, C + 4, S);
	DATA(CLIENT, C + 4, S, "AUTH");
	SAW("^c:EHLO c:AUTH ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(doubtful_segments_are_ignored_where_others_are_not),
		T(what_is_in_doubt_is_heard_when_its_peer_has_it_and_no_other_copy_comes),
		T(what_is_in_doubt_gives_way_to_what_is_not_though_its_peer_answered_first),
		T(what_is_in_doubt_and_never_acknowledged_is_dropped),
		T(a_side_that_is_doubtful_all_along_is_heard),
		T(what_is_in_doubt_is_dropped_where_the_peer_is_not_seen),
		T(what_acknowledges_bytes_before_the_first_gives_way_to_others),
		T(what_acknowledges_bytes_before_the_first_is_heard_when_its_peer_has_it),
		T(an_early_acknowledgement_is_the_least_reason_to_doubt),
		T(a_late_acknowledgement_is_not_an_early_one_where_the_numbers_wrap),
		T(of_two_copies_in_doubt_the_one_with_more_hops_left_is_believed),
		T(of_a_signed_copy_and_one_with_few_hops_left_neither_is_believed),
		T(of_two_copies_in_doubt_none_is_believed_where_one_acknowledges_the_future),
		T(what_displaced_a_copy_in_doubt_and_acknowledges_the_future_is_not_heard),
		T(what_displaced_a_copy_in_doubt_is_heard_when_what_it_acknowledges_comes),
		T(a_copy_in_doubt_of_what_was_heard_is_a_conflict),
		T(of_a_client_alone_the_copy_beyond_doubt_is_heard_though_it_comes_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
