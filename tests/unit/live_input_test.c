/* Which queues an lcore looks at, in turn, while ports come and go; and its clock. */
#include "dataplane/io/edge.h"

#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/io/live.h"
#include "dataplane/io/packet.h"

#define PORTS 3
#define QUEUES 2

/* Of each queue: packets that wait there, and how often it was looked at. */
static struct fake_queue {
	unsigned waiting;
	unsigned looks;
} queues[PORTS][QUEUES];

static struct rte_mbuf mbufs[8];
static struct live live;
static _Atomic uint32_t gone;

static uint16_t
receive(void *queue, struct rte_mbuf **out, uint16_t max)
{
	struct fake_queue *q = queue;
	uint16_t n = 0;

	q->looks++;
	for (; n < max && q->waiting > 0; q->waiting--, n++)
		out[n] = &mbufs[n];
	return n;
}

static int
fresh(void **state)
{
	static void *data[PORTS][QUEUES];
	static void *callbacks[QUEUES];

	(void)state;
	memset(&live, 0, sizeof(live));
	memset(queues, 0, sizeof(queues));
	atomic_store(&gone, 0);
	live.gone = &gone;
	live.stamp_offset = -1;
	live.meta_offset = (int)offsetof(struct rte_mbuf, dynfield1);
	for (unsigned p = 0; p < PORTS; p++) {
		for (unsigned q = 0; q < QUEUES; q++)
			data[p][q] = &queues[p][q];
		rte_eth_fp_ops[p].rx_pkt_burst = receive;
		rte_eth_fp_ops[p].rxq.data = data[p];
		rte_eth_fp_ops[p].rxq.clbk = callbacks;
	}
	return 0;
}

static void
add(uint16_t port, uint16_t queue, uint32_t bit)
{
	assert_true(live_add_input(
		&live, (struct live_input){.port = port, .queue = queue, .bit = bit}));
}

static uint16_t
take(void)
{
	struct rte_mbuf *out[4];

	return live_receive(&live, out, 4);
}

static void
every_queue_is_looked_at_in_turn(void **state)
{
	(void)state;
	add(0, 0, 1);
	add(0, 1, 1);
	add(1, 0, 2);
	queues[0][0].waiting = 100; /* never empty: the others must not starve */
	queues[0][1].waiting = queues[1][0].waiting = 4;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(take(), 4);
	assert_int_equal(queues[0][1].waiting + queues[1][0].waiting, 0);
	assert_int_equal(queues[0][0].waiting, 96);
}

static void
a_port_that_went_away_is_not_looked_at_and_that_is_said(void **state)
{
	(void)state;
	add(0, 0, 1);
	add(0, 1, 1);
	add(1, 0, 2);
	take();
	atomic_store(&gone, 1);
	queues[0][0].waiting = 4;
	unsigned looks = queues[0][0].looks + queues[0][1].looks;
	take();
	assert_int_equal(atomic_load(&live.left), 1);
	assert_int_equal(queues[0][0].looks + queues[0][1].looks, looks);
	assert_int_equal(queues[1][0].looks, 2);
}

static void
a_port_that_is_back_is_looked_at_under_its_new_number(void **state)
{
	(void)state;
	add(0, 0, 1);
	add(0, 1, 1);
	add(1, 0, 2);
	atomic_store(&gone, 1);
	take();
	live_set_port(&live, 1, 2);
	atomic_store(&gone, 0);
	queues[2][0].waiting = queues[2][1].waiting = 2;
	assert_int_equal(take() + take(), 4);
	assert_int_equal(atomic_load(&live.left), 0);
	assert_int_equal(queues[0][0].looks + queues[0][1].looks, 0);
}

static void
with_no_port_left_nothing_comes_and_the_clock_goes_on(void **state)
{
	(void)state;
	add(0, 0, 1);
	atomic_store(&gone, 1);
	assert_int_equal(take(), 0);
	uint64_t clock_ns = live_clock(&live);
	assert_int_equal(take(), 0);
	assert_true(live_clock(&live) >= clock_ns);
}

static void
every_packet_reads_later_than_the_one_before(void **state)
{
	struct rte_mbuf *out[4];
	uint64_t last_ns;

	(void)state;
	add(0, 0, 1);
	queues[0][0].waiting = 40;
	/* The clock stands, and has been told further ahead than it is. */
	last_ns = live.clock_ns = live_clock(&live) + NS_PER_S;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(live_receive(&live, out, 4), 4);
		for (unsigned k = 0; k < 4; k++) {
			uint64_t ns = packet_times_of(out[k], live.meta_offset)->clock_ns;
			assert_true(ns > last_ns);
			last_ns = ns;
		}
	}
}

static void
more_inputs_than_there_is_room_for_are_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIVE_INPUTS_MAX; i++)
		add(0, 0, 1);
	assert_false(live_add_input(&live, (struct live_input){.bit = 1}));
	assert_int_equal(live.input_count, LIVE_INPUTS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_queue_is_looked_at_in_turn, fresh),
		cmocka_unit_test_setup(
			a_port_that_went_away_is_not_looked_at_and_that_is_said, fresh),
		cmocka_unit_test_setup(
			a_port_that_is_back_is_looked_at_under_its_new_number, fresh),
		cmocka_unit_test_setup(
			with_no_port_left_nothing_comes_and_the_clock_goes_on, fresh),
		cmocka_unit_test_setup(every_packet_reads_later_than_the_one_before, fresh),
		cmocka_unit_test_setup(more_inputs_than_there_is_room_for_are_refused, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
