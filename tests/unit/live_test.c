/* What control does by the wall clock: when it is due, and when a loss is worth an alert. */
#include "control/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"

static struct live
live_of(uint64_t percent)
{
	struct config config;
	struct live live;

	config_defaults(&config);
	config.loss_percent = percent;
	config.stats_interval = 10 * NS_PER_S;
	live_init(&live, &config);
	return live;
}

/* One more minute, in which so many packets were seen and so many lost. */
static bool
minute(struct live *live, struct counters *sum, uint64_t seen, uint64_t lost)
{
	sum->value[COUNTER_RX_PKTS] += seen;
	sum->value[COUNTER_PORT_MISSED] += lost;
	return live_minute(live, sum, live->next_minute_ns);
}

static void
loss_above_the_threshold_is_told_once_and_its_end_too(void **state)
{
	struct live live = live_of(1);
	struct counters sum = {{0}};

	(void)state;
	assert_false(minute(&live, &sum, 1000, 0));
	assert_false(minute(&live, &sum, 1000, 0));
	assert_true(minute(&live, &sum, 990, 10));
	assert_true(live.loss.begins);
	assert_int_equal(live.loss.packets, 1000);
	assert_int_equal(live.loss.lost, 10);
	assert_false(minute(&live, &sum, 500, 500));
	assert_true(minute(&live, &sum, 1000, 0));
	assert_false(live.loss.begins);
	assert_int_equal(live.loss.lost, 0);
}

static void
loss_below_the_threshold_is_not_told(void **state)
{
	struct live live = live_of(2);
	struct counters sum = {{0}};

	(void)state;
	assert_false(minute(&live, &sum, 0, 0));
	assert_false(minute(&live, &sum, 981, 19));
	assert_true(minute(&live, &sum, 980, 20));
}

static void
a_port_that_loses_everything_is_told(void **state)
{
	struct live live = live_of(100);
	struct counters sum = {{0}};

	(void)state;
	assert_false(minute(&live, &sum, 0, 0));
	assert_true(minute(&live, &sum, 0, 5));
}

static void
no_threshold_is_no_alert(void **state)
{
	struct live live = live_of(0);
	struct counters sum = {{0}};

	(void)state;
	assert_false(minute(&live, &sum, 10, 0));
	assert_false(minute(&live, &sum, 0, 1000));
}

static void
what_an_earlier_control_saw_lost_is_not_told_again(void **state)
{
	struct live live = live_of(1);
	struct counters sum = {{0}};

	(void)state;
	sum.value[COUNTER_RX_PKTS] = 100;
	sum.value[COUNTER_DISPATCH_FULL] = 100;
	assert_false(minute(&live, &sum, 0, 0));
	assert_false(minute(&live, &sum, 100, 0));
}

static void
every_packet_lost_before_its_worker_counts(void **state)
{
	struct counters sum = {{0}};

	(void)state;
	sum.value[COUNTER_PORT_MISSED] = 1;
	sum.value[COUNTER_PORT_NOMBUF] = 2;
	sum.value[COUNTER_PORT_ERRORS] = 4;
	sum.value[COUNTER_DISPATCH_FULL] = 8;
	sum.value[COUNTER_DECODE_CUT] = 16;
	sum.value[COUNTER_EVENTS_LOST_AUTH] = 32;
	assert_int_equal(live_lost(&sum), 31);
}

static void
shedding_is_told_when_it_begins_and_when_a_minute_went_without(void **state)
{
	struct live live = live_of(1);
	struct counters sum = {{0}};
	uint64_t now_ns = NS_PER_H;

	(void)state;
	sum.value[COUNTER_SHED_USERS] = 100; /* before this control came */
	assert_false(live_shed(&live, &sum, now_ns));
	sum.value[COUNTER_SHED_LEVEL] = 2;
	assert_false(live_shed(&live, &sum, now_ns += NS_PER_S));
	sum.value[COUNTER_SHED_DELIVERIES] = 5;
	sum.value[COUNTER_SHED_PKTS] = 50;
	assert_true(live_shed(&live, &sum, now_ns += NS_PER_S));
	assert_true(live.shed.begins);
	assert_int_equal(live.shed.level, 2);
	assert_int_equal(live.shed.sessions, 5);
	sum.value[COUNTER_SHED_LEVEL] = 3;
	sum.value[COUNTER_SHED_STRANGERS] = 7;
	sum.value[COUNTER_SHED_BODIES] = 3;
	assert_false(live_shed(&live, &sum, now_ns += 59 * NS_PER_S));
	sum.value[COUNTER_SHED_LEVEL] = 0;
	assert_false(live_shed(&live, &sum, now_ns + 59 * NS_PER_S));
	assert_true(live_shed(&live, &sum, now_ns += NS_PER_MIN));
	assert_false(live.shed.begins);
	assert_int_equal(live.shed.level, 3);
	assert_int_equal(live.shed.sessions, 12);
	assert_int_equal(live.shed.packets, 50);
	assert_int_equal(live.shed.bodies, 3);
	assert_false(live_shed(&live, &sum, now_ns += NS_PER_MIN));
}

static void
the_time_of_the_last_packet_is_that_of_the_look_that_saw_it(void **state)
{
	struct live live = live_of(1);
	struct counters sum = {{0}};

	(void)state;
	sum.value[COUNTER_RX_PKTS] = 7; /* an earlier control saw them */
	live_note_packets(&live, &sum, 10 * NS_PER_S);
	assert_int_equal(live.last_packet_ns, 0);
	sum.value[COUNTER_RX_PKTS]++;
	live_note_packets(&live, &sum, 11 * NS_PER_S);
	live_note_packets(&live, &sum, 12 * NS_PER_S);
	assert_int_equal(live.last_packet_ns, 11 * NS_PER_S);
}

static void
stats_are_due_each_interval_and_once_after_a_pause(void **state)
{
	struct live live = live_of(1);
	uint64_t first_ns = live.next_stats_ns;

	(void)state;
	assert_false(live_due_stats(&live, first_ns - 1));
	assert_true(live_due_stats(&live, first_ns));
	assert_false(live_due_stats(&live, first_ns + 10 * NS_PER_S - 1));
	assert_true(live_due_stats(&live, first_ns + 45 * NS_PER_S));
	assert_false(live_due_stats(&live, first_ns + 46 * NS_PER_S));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_above_the_threshold_is_told_once_and_its_end_too),
		cmocka_unit_test(loss_below_the_threshold_is_not_told),
		cmocka_unit_test(a_port_that_loses_everything_is_told),
		cmocka_unit_test(no_threshold_is_no_alert),
		cmocka_unit_test(what_an_earlier_control_saw_lost_is_not_told_again),
		cmocka_unit_test(every_packet_lost_before_its_worker_counts),
		cmocka_unit_test(shedding_is_told_when_it_begins_and_when_a_minute_went_without),
		cmocka_unit_test(the_time_of_the_last_packet_is_that_of_the_look_that_saw_it),
		cmocka_unit_test(stats_are_due_each_interval_and_once_after_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
