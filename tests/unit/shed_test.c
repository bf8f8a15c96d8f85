/* shed: how much is left out (gauge), who is of interest (sketch), and which sessions go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/shed/shed.h"

#define T0 (1700000000ULL * NS_PER_S)
#define US 1000ULL

static const struct siphash_key key = {{1, 2}};

struct rig {
	struct counters counters;
	struct shed_load load;
	uint64_t now_ns;
	struct shed *shed;
};

static void
read_load(void *arg, struct shed_load *load)
{
	struct rig *r = arg;

	*load = r->load;
}

static int
set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct shed_meter meter = {read_load, r};
	size_t bytes = (shed_footprint() + 63) & ~(size_t)63;
	void *memory = aligned_alloc(64, bytes);

	assert_non_null(r);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	r->now_ns = T0;
	r->shed = shed_init(memory, &key, &meter, &r->counters);
	*state = r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;

	free(r->shed);
	free(r);
	return 0;
}

/* A turn some time later, in which the queue was so full; the level afterwards. */
static unsigned
turn(struct rig *r, uint64_t later_ns, uint32_t queue)
{
	r->now_ns += later_ns;
	r->load.queue = queue;
	shed_turn(r->shed, 256, queue == 0, r->now_ns);
	return r->shed->gauge.level;
}

static void
a_queue_that_fills_raises_the_level_at_once(void **state)
{
	struct rig *r = *state;

	assert_int_equal(turn(r, US, 0), SHED_NOTHING);
	assert_int_equal(turn(r, US, 249), SHED_NOTHING);
	assert_int_equal(turn(r, US, 250), SHED_BODIES);
	assert_int_equal(turn(r, US, 500), SHED_DELIVERIES);
	assert_int_equal(turn(r, US, 750), SHED_STRANGERS);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_LEVEL), SHED_STRANGERS);
}

static void
a_level_can_be_skipped_on_the_way_up_and_not_on_the_way_down(void **state)
{
	struct rig *r = *state;
	unsigned seen[SHED_LEVEL_COUNT] = {0};
	unsigned level = turn(r, US, 1000);

	assert_int_equal(level, SHED_STRANGERS);
	for (unsigned i = 0; i < 1000 && level != SHED_NOTHING; i++) {
		unsigned now = turn(r, NS_PER_MS, 0);
		assert_true(now == level || now + 1 == level);
		level = now;
		seen[level]++;
	}
	assert_int_equal(level, SHED_NOTHING);
	assert_in_range(seen[SHED_DELIVERIES], 9, 11);
	assert_in_range(seen[SHED_BODIES], 9, 11);
}

static void
a_load_between_the_bounds_keeps_the_level(void **state)
{
	struct rig *r = *state;

	turn(r, US, 500);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(turn(r, NS_PER_MS, 250), SHED_DELIVERIES);
}

/* How long level 1 is held after the load has gone. */
static uint64_t
held_ns(struct rig *r)
{
	uint64_t began_ns = r->now_ns;

	while (turn(r, 100 * US, 0) != SHED_NOTHING)
		;
	return r->now_ns - began_ns;
}

static void
a_level_needed_again_at_once_is_held_ever_longer_up_to_a_second(void **state)
{
	struct rig *r = *state;
	uint64_t before_ns = 0;

	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(turn(r, US, 300), SHED_BODIES);
		uint64_t ns = held_ns(r);
		assert_true(ns >= before_ns);
		before_ns = ns;
	}
	assert_in_range(before_ns, NS_PER_S, NS_PER_S + NS_PER_MS);
	r->now_ns += 10 * NS_PER_S;
	turn(r, US, 300);
	assert_in_range(held_ns(r), 10 * NS_PER_MS, 11 * NS_PER_MS);
}

static void
without_a_measure_of_the_queue_the_time_without_a_dry_look_tells(void **state)
{
	struct rig *r = *state;

	r->load.queue = SHED_UNKNOWN;
	turn(r, US, 0);
	for (unsigned ms = 1; ms < 100; ms++) {
		unsigned level = turn(r, NS_PER_MS, SHED_UNKNOWN);
		assert_int_equal(level, ms < 20   ? SHED_NOTHING
					: ms < 40 ? SHED_BODIES
					: ms < 80 ? SHED_DELIVERIES
						  : SHED_STRANGERS);
	}
	assert_true(held_ns(r) < 40 * NS_PER_MS);
}

static void
packets_lost_while_busy_are_a_load_and_those_lost_before_are_not(void **state)
{
	struct rig *r = *state;

	r->load.lost = 1000;
	assert_int_equal(turn(r, US, 0), SHED_NOTHING);
	assert_int_equal(turn(r, 2 * NS_PER_MS, 100), SHED_NOTHING);
	r->load.lost = 1001;
	assert_int_equal(turn(r, US, 100), SHED_BODIES);
}

static void
packets_that_another_worker_lost_are_no_load_of_a_dry_one(void **state)
{
	struct rig *r = *state;

	turn(r, US, 0);
	r->load.lost = 50;
	assert_int_equal(turn(r, US, 0), SHED_NOTHING);
}

static void
a_full_table_sheds_sessions_and_not_only_bodies(void **state)
{
	struct rig *r = *state;

	r->load.table = 899;
	assert_int_equal(turn(r, US, 0), SHED_NOTHING);
	r->load.table = 900;
	assert_int_equal(turn(r, US, 0), SHED_DELIVERIES);
	r->load.table = 970;
	assert_int_equal(turn(r, US, 0), SHED_STRANGERS);
}

static void
the_time_at_each_level_is_counted(void **state)
{
	struct rig *r = *state;

	turn(r, US, 300);
	turn(r, 7 * NS_PER_MS, 600);
	turn(r, 5 * NS_PER_MS, 800);
	turn(r, 3 * NS_PER_MS, 800);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_MS_BODIES), 7);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_MS_DELIVERIES), 5);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_MS_STRANGERS), 3);
}

static struct addr
v4(uint8_t a, uint8_t b)
{
	const uint8_t bytes[4] = {10, 0, a, b};

	return addr_from_v4(bytes);
}

static struct event
event_of(const struct rig *r, enum event_type type, struct addr client)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.head.type = (uint16_t)type;
	e.head.clock_ns = r->now_ns;
	e.head.flow.client = client;
	return e;
}

static void
fails(struct rig *r, struct addr client)
{
	struct event e = event_of(r, EVENT_AUTH, client);

	e.auth.outcome = OUTCOME_FAILURE;
	shed_learn(r->shed, &e);
}

static void
logs_in(struct rig *r, struct addr client)
{
	struct event e = event_of(r, EVENT_AUTH, client);

	e.auth.outcome = OUTCOME_SUCCESS;
	shed_learn(r->shed, &e);
}

static void
delivers(struct rig *r, struct addr client)
{
	struct event e = event_of(r, EVENT_SESSION, client);

	e.session.transactions = 1;
	shed_learn(r->shed, &e);
}

static void
asks_for(struct rig *r, struct addr client, uint16_t code)
{
	struct event e = event_of(r, EVENT_RCPT, client);

	e.rcpt.reply_code = code;
	e.rcpt.accepted = code < 300;
	shed_learn(r->shed, &e);
}

static enum shed_class
class_of(const struct rig *r, struct addr client)
{
	return sketch_class(&r->shed->sketch, &client, r->now_ns);
}

static void
a_source_is_what_its_sessions_were(void **state)
{
	struct rig *r = *state;

	delivers(r, v4(0, 1));
	logs_in(r, v4(0, 2));
	fails(r, v4(0, 3));
	assert_int_equal(class_of(r, v4(0, 1)), SHED_DELIVERER);
	assert_int_equal(class_of(r, v4(0, 2)), SHED_USER);
	assert_int_equal(class_of(r, v4(0, 3)), SHED_INTEREST);
	assert_int_equal(class_of(r, v4(0, 4)), SHED_STRANGER);
	delivers(r, v4(0, 3));
	logs_in(r, v4(0, 3));
	assert_int_equal(class_of(r, v4(0, 3)), SHED_INTEREST);
}

static void
who_asks_for_users_is_of_interest_and_who_has_a_few_unknown_is_not(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 100; i++) {
		asks_for(r, v4(1, 1), 550);
		asks_for(r, v4(1, 1), 250);
		asks_for(r, v4(1, 2), 450);
	}
	assert_int_not_equal(class_of(r, v4(1, 1)), SHED_INTEREST);
	assert_int_not_equal(class_of(r, v4(1, 2)), SHED_INTEREST);
	for (unsigned i = 0; i < 8; i++)
		asks_for(r, v4(1, 3), 550);
	assert_int_equal(class_of(r, v4(1, 3)), SHED_INTEREST);
}

static void
addresses_of_one_v6_64_are_one_source(void **state)
{
	struct rig *r = *state;
	struct addr a = {{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5}}, b = a, c = a;

	b.bytes[15] = 9;
	c.bytes[7] = 9;
	fails(r, a);
	assert_int_equal(class_of(r, b), SHED_INTEREST);
	assert_int_equal(class_of(r, c), SHED_STRANGER);
}

static void
a_source_is_forgotten_after_a_day(void **state)
{
	struct rig *r = *state;

	fails(r, v4(0, 1));
	r->now_ns += (SKETCH_REMEMBER_S - 60) * NS_PER_S;
	assert_int_equal(class_of(r, v4(0, 1)), SHED_INTEREST);
	r->now_ns += 120 * NS_PER_S;
	assert_int_equal(class_of(r, v4(0, 1)), SHED_STRANGER);
}

static void
deliverers_without_number_push_out_nobody_of_interest(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 1000; i++)
		fails(r, v4((uint8_t)(i >> 8), (uint8_t)i));
	for (uint32_t i = 0; i < 4 * SKETCH_SOURCES; i++) {
		const uint8_t bytes[4] = {11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		delivers(r, addr_from_v4(bytes));
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(class_of(r, v4((uint8_t)(i >> 8), (uint8_t)i)), SHED_INTEREST);
}

static bool
packet(struct rig *r, struct addr client, uint16_t port, enum shed_packet kind)
{
	static const uint8_t server_bytes[4] = {203, 0, 113, 25};
	struct addr server = addr_from_v4(server_bytes);
	struct flow_key flow;

	memset(&flow, 0, sizeof(flow));
	flow_key_make(&flow, &client, port, &server, 25);
	return shed_takes(r->shed, &flow, &client, kind, r->now_ns);
}

/* How many of 1600 new sessions of a client are taken up. */
static unsigned
taken(struct rig *r, struct addr client)
{
	unsigned n = 0;

	for (uint16_t port = 2000; port < 3600; port++)
		n += packet(r, client, port, SHED_BEGINS);
	return n;
}

static void
the_least_interesting_go_first_but_for_probes(void **state)
{
	struct rig *r = *state;
	struct addr deliverer = v4(0, 1), user = v4(0, 2), guesser = v4(0, 3), stranger = v4(0, 4);

	delivers(r, deliverer);
	logs_in(r, user);
	fails(r, guesser);
	turn(r, US, 300);
	assert_int_equal(taken(r, deliverer), 1600);
	turn(r, US, 600);
	assert_in_range(taken(r, deliverer), 60, 140);
	assert_int_equal(taken(r, user), 1600);
	assert_int_equal(taken(r, stranger), 1600);
	turn(r, US, 800);
	assert_in_range(taken(r, deliverer), 60, 140);
	assert_in_range(taken(r, user), 60, 140);
	assert_in_range(taken(r, stranger), 60, 140);
	assert_int_equal(taken(r, guesser), 1600);
}

static void
each_session_is_counted_once_and_each_packet_of_it(void **state)
{
	struct rig *r = *state;
	unsigned kept = 0;

	delivers(r, v4(0, 1));
	turn(r, US, 600);
	for (uint16_t port = 1; port <= 100; port++) {
		if (packet(r, v4(0, 1), port, SHED_BEGINS)) {
			kept++;
			continue;
		}
		assert_false(packet(r, v4(0, 1), port, SHED_BEGINS));
		assert_false(packet(r, v4(0, 1), port, SHED_TALKS));
		assert_false(packet(r, v4(0, 1), port, SHED_SIGNS));
		assert_false(packet(r, v4(0, 1), port, SHED_ENDS));
		assert_false(packet(r, v4(0, 1), port, SHED_ENDS));
	}
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_DELIVERIES), 100 - kept);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_PKTS), 6 * (100 - kept));
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_STRANGERS), 0);
}

/* A port whose session, of a deliverer, is none of the probes. */
static uint16_t
shed_port(struct rig *r, struct addr client)
{
	uint16_t port = 1;

	while (packet(r, client, port, SHED_BEGINS))
		port++;
	return port;
}

static void
what_was_shed_stays_so_when_the_level_falls_and_the_next_on_its_ports_not(void **state)
{
	struct rig *r = *state;
	struct addr client = v4(0, 1);

	delivers(r, client);
	turn(r, US, 600);
	uint16_t port = shed_port(r, client);
	for (unsigned i = 0; i < 100; i++)
		turn(r, NS_PER_MS, 0);
	assert_int_equal(r->shed->gauge.level, SHED_NOTHING);
	assert_true(shed_asks(r->shed, r->now_ns));
	assert_false(packet(r, client, port, SHED_TALKS));
	assert_true(packet(r, client, port, SHED_BEGINS));
	assert_true(packet(r, client, port, SHED_TALKS));
	r->now_ns += 2 * SHED_GONE_S * NS_PER_S;
	assert_false(shed_asks(r->shed, r->now_ns));
}

static void
a_new_session_on_the_ports_of_one_that_ended_is_another_one_shed(void **state)
{
	struct rig *r = *state;
	struct addr client = v4(0, 1);

	delivers(r, client);
	turn(r, US, 600);
	uint16_t port = shed_port(r, client);
	uint64_t before = counter_read(&r->counters, COUNTER_SHED_DELIVERIES);
	packet(r, client, port, SHED_ENDS);
	packet(r, client, port, SHED_BEGINS);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_DELIVERIES), before + 1);
}

static void
an_acknowledgement_out_of_nowhere_begins_nothing_and_sheds_nothing(void **state)
{
	struct rig *r = *state;

	turn(r, US, 1000);
	assert_true(packet(r, v4(0, 9), 4711, SHED_SIGNS));
	assert_true(packet(r, v4(0, 9), 4711, SHED_ENDS));
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_PKTS), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_queue_that_fills_raises_the_level_at_once),
		TEST(a_level_can_be_skipped_on_the_way_up_and_not_on_the_way_down),
		TEST(a_load_between_the_bounds_keeps_the_level),
		TEST(a_level_needed_again_at_once_is_held_ever_longer_up_to_a_second),
		TEST(without_a_measure_of_the_queue_the_time_without_a_dry_look_tells),
		TEST(packets_lost_while_busy_are_a_load_and_those_lost_before_are_not),
		TEST(packets_that_another_worker_lost_are_no_load_of_a_dry_one),
		TEST(a_full_table_sheds_sessions_and_not_only_bodies),
		TEST(the_time_at_each_level_is_counted),
		TEST(a_source_is_what_its_sessions_were),
		TEST(who_asks_for_users_is_of_interest_and_who_has_a_few_unknown_is_not),
		TEST(addresses_of_one_v6_64_are_one_source),
		TEST(a_source_is_forgotten_after_a_day),
		TEST(deliverers_without_number_push_out_nobody_of_interest),
		TEST(the_least_interesting_go_first_but_for_probes),
		TEST(each_session_is_counted_once_and_each_packet_of_it),
		TEST(what_was_shed_stays_so_when_the_level_falls_and_the_next_on_its_ports_not),
		TEST(a_new_session_on_the_ports_of_one_that_ended_is_another_one_shed),
		TEST(an_acknowledgement_out_of_nowhere_begins_nothing_and_sheds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
