/* Merging rings: order, watermarks, ends, and a dataplane that lies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "intake_rig.h"

static void
smallest_key_of_all_rings_comes_first(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 3, HELLO_REPLAY);
	put(&s.w[0], 10, 5);
	put(&s.w[0], 30, 1);
	put(&s.w[1], 10, 4);
	put(&s.w[2], 20, 9);
	for (unsigned i = 0; i < 3; i++)
		ring_writer_end(&s.w[i]);
	expect(&s, 10, 4);
	expect(&s, 10, 5);
	expect(&s, 20, 9);
	expect(&s, 30, 1);
	expect_status(&s, INTAKE_ENDED);
	assert_int_equal(s.in.counters.events, 4);
	rig_close(&s);
}

static void
ring_without_a_record_holds_back_what_is_not_below_its_watermark(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	put(&s.w[0], 10, 1);
	put(&s.w[0], 20, 2);
	ring_writer_flush(&s.w[0], 20);
	expect_status(&s, INTAKE_IDLE);
	ring_writer_flush(&s.w[1], 10);
	expect_status(&s, INTAKE_IDLE); /* strictly below: one at 10 may still come */
	ring_writer_flush(&s.w[1], 11);
	expect(&s, 10, 1);
	expect_status(&s, INTAKE_IDLE);
	put(&s.w[1], 15, 3);
	ring_writer_flush(&s.w[1], 15);
	expect(&s, 15, 3);
	expect_status(&s, INTAKE_IDLE);
	assert_int_equal(s.in.past_ns, 15); /* what comes later may still be before the 20 */
	ring_writer_end(&s.w[1]);
	expect(&s, 20, 2);
	expect_status(&s, INTAKE_IDLE);
	ring_writer_end(&s.w[0]);
	expect_status(&s, INTAKE_ENDED);
	rig_close(&s);
}

static void
ended_ring_blocks_nobody(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	ring_writer_end(&s.w[1]);
	put(&s.w[0], 10, 1);
	ring_writer_flush(&s.w[0], 10);
	expect(&s, 10, 1);
	rig_close(&s);
}

static void
slot_is_released_when_the_next_event_is_asked_for(void **state)
{
	struct rig s;
	const struct event *e;

	(void)state;
	rig_open(&s, 1, HELLO_REPLAY);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_true(put(&s.w[0], 10 + i, i));
	ring_writer_flush(&s.w[0], 10);
	assert_int_equal(intake_next(&s.in, &e), INTAKE_EVENT);
	assert_false(put(&s.w[0], 1000, 1000));
	assert_int_equal(intake_next(&s.in, &e), INTAKE_EVENT);
	assert_true(put(&s.w[0], 1000, 1000));
	rig_close(&s);
}

static void
dataplane_that_goes_early_is_drained_and_told(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	put(&s.w[0], 10, 1);
	put(&s.w[0], 20, 2);
	ring_writer_flush(&s.w[0], 20);
	put(&s.w[1], 99, 3); /* written, never published */
	expect_status(&s, INTAKE_IDLE);
	intake_peer_gone(&s.in);
	expect(&s, 10, 1);
	expect(&s, 20, 2);
	expect_status(&s, INTAKE_VANISHED);
	expect_status(&s, INTAKE_VANISHED);
	rig_close(&s);
}

static void
dataplane_that_goes_after_its_end_is_fine(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_REPLAY);
	put(&s.w[0], 10, 1);
	ring_writer_end(&s.w[0]);
	intake_peer_gone(&s.in);
	expect(&s, 10, 1);
	expect_status(&s, INTAKE_ENDED);
	rig_close(&s);
}

static void
invalid_records_are_skipped_and_counted(void **state)
{
	struct rig s;
	struct counters sum;

	(void)state;
	rig_open(&s, 1, HELLO_REPLAY);
	for (unsigned i = 0; i < 40; i++) {
		put(&s.w[0], 10 + i, i);
		if (i % 2)
			s.w[0].slots[i].auth.outcome = 200;
	}
	ring_writer_end(&s.w[0]);
	for (unsigned i = 0; i < 40; i += 2)
		expect(&s, 10 + i, i);
	expect_status(&s, INTAKE_ENDED);
	assert_int_equal(s.in.counters.invalid, 20);
	intake_sum_counters(&s.in, &sum);
	assert_int_equal(intake_lost(&s.in, &sum), 20);
	rig_close(&s);
}

static void
time_that_runs_backwards_is_corrected_and_counted(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 1, HELLO_REPLAY);
	put(&s.w[0], 50, 1);
	put(&s.w[0], 20, 2);
	put(&s.w[0], 60, 3);
	ring_writer_end(&s.w[0]);
	expect(&s, 50, 1);
	expect(&s, 50, 2);
	expect(&s, 60, 3);
	assert_int_equal(s.in.counters.backwards, 1);
	rig_close(&s);
}

static void
ring_with_a_wild_index_is_given_up_and_the_others_go_on(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	put(&s.w[1], 10, 1);
	ring_writer_end(&s.w[1]);
	atomic_store(&s.w[0].header->head, (uint64_t)SLOTS + 1);
	expect(&s, 10, 1);
	expect_status(&s, INTAKE_VANISHED);
	assert_int_equal(s.in.counters.broken, 1);
	rig_close(&s);
}

/* Feed n events, spread over rings by a rule, and note in which order they come out. */
static void
run_spread(unsigned rings, unsigned n, uint64_t *out)
{
	struct rig s;
	uint64_t clock_ns = 100;
	unsigned got = 0;

	rig_open(&s, rings, HELLO_REPLAY);
	for (unsigned i = 1; i <= n || got < n;) {
		const struct event *e;

		/* A few at a time, so that rings run empty and full in turn. */
		for (unsigned k = 0; k < 1 + i % 7 && i <= n; k++, i++) {
			unsigned ring = (i * 2654435761u >> 16) % rings;

			clock_ns += i % 5 == 0; /* several events share a clock */
			assert_true(put(&s.w[ring], clock_ns, i));
		}
		for (unsigned r = 0; r < rings; r++) {
			if (i <= n)
				ring_writer_flush(&s.w[r], clock_ns);
			else
				ring_writer_end(&s.w[r]);
		}
		while (intake_next(&s.in, &e) == INTAKE_EVENT)
			out[got++] = e->head.order;
	}
	assert_int_equal(got, n);
	expect_status(&s, INTAKE_ENDED);
	assert_int_equal(s.in.counters.backwards, 0);
	assert_int_equal(s.in.counters.forced, 0);
	rig_close(&s);
}

static void
order_does_not_depend_on_the_number_of_rings(void **state)
{
	enum { N = 1000 };
	static uint64_t one[N], more[N];

	(void)state;
	run_spread(1, N, one);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(one[i], i + 1);
	for (unsigned rings = 2; rings <= 4; rings++) {
		memset(more, 0, sizeof(more));
		run_spread(rings, N, more);
		assert_memory_equal(one, more, sizeof(one));
	}
}

static void
full_ring_behind_a_watermark_that_never_moves_is_relieved_in_the_end(void **state)
{
	struct rig s;
	const struct event *e;
	unsigned calls = 0;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_true(put(&s.w[0], 10, i));
	ring_writer_flush(&s.w[0], 10);
	ring_writer_flush(&s.w[1], 10);
	while (intake_next(&s.in, &e) == INTAKE_IDLE)
		assert_true(++calls < 100000);
	assert_int_equal(s.in.counters.forced, 1);
	for (unsigned i = 1; i < SLOTS / 2; i++)
		expect(&s, 10, i);
	expect_status(&s, INTAKE_IDLE);
	rig_close(&s);
}

static void
live_ring_that_is_full_waits_for_order(void **state)
{
	struct rig s;

	(void)state;
	rig_open(&s, 2, HELLO_LIVE);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_true(put(&s.w[0], 10, i));
	ring_writer_flush(&s.w[0], 10);
	for (unsigned i = 0; i < 10000; i++)
		expect_status(&s, INTAKE_IDLE);
	rig_close(&s);
}

static void
counters_of_all_workers_are_added_up(void **state)
{
	struct rig s;
	struct counters sum;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	counter_add(&s.w[0].header->counters, COUNTER_RX_PKTS, 3);
	counter_add(&s.w[1].header->counters, COUNTER_RX_PKTS, 4);
	counter_add(&s.w[1].header->counters, COUNTER_EVENTS_LOST_MAIL, 2);
	intake_sum_counters(&s.in, &sum);
	assert_int_equal(sum.value[COUNTER_RX_PKTS], 7);
	assert_int_equal(intake_lost(&s.in, &sum), 2);
	rig_close(&s);
}

static void
the_level_of_shedding_is_that_of_the_worker_under_most_load(void **state)
{
	struct rig s;
	struct counters sum;

	(void)state;
	rig_open(&s, 2, 0);
	counter_add(&s.w[0].header->counters, COUNTER_SHED_LEVEL, 2);
	counter_add(&s.w[1].header->counters, COUNTER_SHED_LEVEL, 1);
	intake_sum_counters(&s.in, &sum);
	assert_int_equal(sum.value[COUNTER_SHED_LEVEL], 2);
	rig_close(&s);
}

static void
a_loss_counts_once_whatever_its_size(void **state)
{
	static const enum counter losses[] = {COUNTER_EVENTS_LOST_AUTH, COUNTER_DECODE_TRUNCATED,
		COUNTER_FRAG_DROP, COUNTER_TCP_GAPS, COUNTER_TCP_HOLD_FULL, COUNTER_FLOW_EVICTED,
		COUNTER_FLOW_FULL, COUNTER_SMTP_HOLD_FULL, COUNTER_SHED_DELIVERIES,
		COUNTER_SHED_USERS, COUNTER_SHED_STRANGERS, COUNTER_SHED_BODIES};
	static const enum counter others[] = {COUNTER_TCP_GAP_BYTES, COUNTER_TCP_DUPLICATE,
		COUNTER_FLOW_EVICTED_HALF_OPEN, COUNTER_FLOW_IDLE, COUNTER_DECODE_OTHER};
	struct rig s;
	struct counters sum;

	(void)state;
	rig_open(&s, 2, HELLO_REPLAY);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		counter_add(&s.w[0].header->counters, others[i], 4000);
	intake_sum_counters(&s.in, &sum);
	assert_int_equal(intake_lost(&s.in, &sum), 0);
	for (unsigned i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		counter_add(&s.w[i % 2].header->counters, losses[i], 1);
		intake_sum_counters(&s.in, &sum);
		assert_int_equal(intake_lost(&s.in, &sum), i + 1);
	}
	rig_close(&s);
}

static void
handshake_opens_each_ring_and_gives_its_cursor(void **state)
{
	struct hello offer, reply;
	struct ring_writer w[2];
	struct intake in;
	char why[200] = "";
	int sock[2], fds[4];
	unsigned nfds;
	const struct event *e;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	hello_init(&offer, HELLO_OFFER);
	memcpy(offer.boot_id, boot_id, 16);
	offer.workers = 2;
	offer.flags = HELLO_REPLAY;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ring_writer_open(&w[i], SLOTS, boot_id), 0);
		fds[i] = w[i].memfd;
	}
	assert_int_equal(hello_send(sock[0], &offer, fds, 2), 0);
	if (intake_accept(&in, sock[1], why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(hello_receive(sock[0], &reply, fds, 4, &nfds), 0);
	assert_int_equal(hello_check(&reply, why, sizeof(why)), 0);
	assert_int_equal(reply.kind, HELLO_ACCEPT);
	assert_int_equal(nfds, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ring_writer_set_cursor(&w[i], fds[i]), 0);
		close(fds[i]);
	}
	put(&w[1], 5, 5);
	ring_writer_end(&w[0]);
	ring_writer_end(&w[1]);
	assert_int_equal(intake_next(&in, &e), INTAKE_EVENT);
	assert_int_equal(intake_next(&in, &e), INTAKE_ENDED);
	assert_int_equal(ring_writer_consumed(&w[1]), 1);
	intake_close(&in);
	for (unsigned i = 0; i < 2; i++)
		ring_writer_close(&w[i]);
	close(sock[0]);
	close(sock[1]);
}

static void
reject_and_expect(const struct hello *offer, const int *fds, unsigned nfds, const char *part)
{
	struct hello reply;
	struct intake in;
	char why[200] = "";
	int sock[2], came[4];
	unsigned n = 9;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	assert_int_equal(hello_send(sock[0], offer, fds, nfds), 0);
	assert_int_equal(intake_accept(&in, sock[1], why, sizeof(why)), -EPROTO);
	if (!strstr(why, part))
		fail_msg("'%s' does not say '%s'", why, part);
	assert_int_equal(hello_receive(sock[0], &reply, came, 4, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(hello_check(&reply, why, sizeof(why)), 0);
	assert_int_equal(reply.kind, HELLO_REJECT);
	assert_true(reply.reason[0] != '\0');
	intake_close(&in);
	close(sock[0]);
	close(sock[1]);
}

static void
offer_that_does_not_fit_is_rejected_with_the_reason(void **state)
{
	struct hello offer;
	struct ring_writer w;
	int fds[2];

	(void)state;
	assert_int_equal(ring_writer_open(&w, SLOTS, boot_id), 0);
	fds[0] = w.memfd;
	hello_init(&offer, HELLO_OFFER);
	memcpy(offer.boot_id, boot_id, 16);
	offer.workers = 2;
	offer.flags = HELLO_REPLAY;
	reject_and_expect(&offer, fds, 1, "1 rings came for 2 workers");
	offer.workers = 1;
	offer.event_version++;
	reject_and_expect(&offer, fds, 1, "event version");
	offer.event_version--;
	offer.boot_id[0] ^= 1; /* a ring of another dataplane */
	reject_and_expect(&offer, fds, 1, "ring 0 of 1");
	fds[0] = memfd_create("plain", MFD_CLOEXEC); /* not sealed */
	reject_and_expect(&offer, fds, 1, "ring 0 of 1");
	close(fds[0]);
	ring_writer_close(&w);
}

static void
dataplane_that_goes_before_its_offer_is_told(void **state)
{
	struct intake in;
	char why[200] = "";
	int sock[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	close(sock[0]);
	assert_int_equal(intake_accept(&in, sock[1], why, sizeof(why)), -EPIPE);
	assert_string_equal(why, "no offer from the dataplane: it has gone");
	intake_close(&in);
	close(sock[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_key_of_all_rings_comes_first),
		cmocka_unit_test(ring_without_a_record_holds_back_what_is_not_below_its_watermark),
		cmocka_unit_test(ended_ring_blocks_nobody),
		cmocka_unit_test(slot_is_released_when_the_next_event_is_asked_for),
		cmocka_unit_test(dataplane_that_goes_early_is_drained_and_told),
		cmocka_unit_test(dataplane_that_goes_after_its_end_is_fine),
		cmocka_unit_test(invalid_records_are_skipped_and_counted),
		cmocka_unit_test(time_that_runs_backwards_is_corrected_and_counted),
		cmocka_unit_test(ring_with_a_wild_index_is_given_up_and_the_others_go_on),
		cmocka_unit_test(order_does_not_depend_on_the_number_of_rings),
		cmocka_unit_test(
			full_ring_behind_a_watermark_that_never_moves_is_relieved_in_the_end),
		cmocka_unit_test(live_ring_that_is_full_waits_for_order),
		cmocka_unit_test(counters_of_all_workers_are_added_up),
		cmocka_unit_test(the_level_of_shedding_is_that_of_the_worker_under_most_load),
		cmocka_unit_test(a_loss_counts_once_whatever_its_size),
		cmocka_unit_test(handshake_opens_each_ring_and_gives_its_cursor),
		cmocka_unit_test(offer_that_does_not_fit_is_rejected_with_the_reason),
		cmocka_unit_test(dataplane_that_goes_before_its_offer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
