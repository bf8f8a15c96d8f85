/* shed: who is of interest (sketch), and which sessions go. */
#include "tests/unit/shed_rig.h"

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

static uint64_t
hash_of(const struct rig *r, struct addr client, uint16_t port)
{
	static const uint8_t server_bytes[4] = {203, 0, 113, 25};
	struct addr server = addr_from_v4(server_bytes);
	struct flow_key flow;

	memset(&flow, 0, sizeof(flow));
	flow_key_make(&flow, &client, port, &server, 25);
	return shed_hash(r->shed, &flow);
}

static bool
packet(struct rig *r, struct addr client, uint16_t port, enum shed_packet kind)
{
	uint64_t hash = hash_of(r, client, port);
	unsigned what = 0;

	return !shed_knows(r->shed, hash, kind, r->now_ns) &&
	       shed_takes(r->shed, hash, &client, kind, r->now_ns, &what);
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

/* Deliveries are shed but for the least share. */
static void
be_full(struct rig *r)
{
	r->load.table = 900;
	turn(r, US, 0);
}

static void
the_least_interesting_go_first_but_for_a_share(void **state)
{
	struct rig *r = *state;
	struct addr deliverer = v4(0, 1), user = v4(0, 2), guesser = v4(0, 3), stranger = v4(0, 4);

	delivers(r, deliverer);
	logs_in(r, user);
	fails(r, guesser);
	assert_int_equal(taken(r, deliverer), 1600);
	be_full(r);
	assert_in_range(taken(r, deliverer), 10, 45);
	assert_int_equal(taken(r, user), 1600);
	assert_int_equal(taken(r, stranger), 1600);
	r->load.table = 970;
	turn(r, US, 0);
	assert_in_range(taken(r, deliverer), 10, 45);
	assert_in_range(taken(r, user), 10, 45);
	assert_in_range(taken(r, stranger), 10, 45);
	assert_int_equal(taken(r, guesser), 1600);
}

static void
a_smaller_share_is_a_part_of_the_greater_one(void **state)
{
	struct rig *r = *state;
	bool before[1000];

	delivers(r, v4(0, 1));
	press(r, SHED_DELIVERIES);
	unsigned kept = 0;
	for (uint16_t i = 0; i < 1000; i++)
		kept += before[i] = packet(r, v4(0, 1), 2000 + i, SHED_BEGINS);
	be_full(r);
	for (uint16_t i = 0; i < 1000; i++)
		assert_true(before[i] || !packet(r, v4(0, 1), 2000 + i, SHED_BEGINS));
	assert_in_range(kept, 50, 950);
}

static void
a_session_is_cut_when_its_share_is_gone_unless_its_source_failed_meanwhile(void **state)
{
	struct rig *r = *state;
	struct addr client = v4(0, 1);
	unsigned cut = 0, what[200];

	delivers(r, client);
	be_full(r);
	for (uint16_t i = 0; i < 200; i++) {
		what[i] = SHED_DELIVERER + 1;
		cut += shed_cuts(r->shed, hash_of(r, client, i), &client, r->now_ns, &what[i]);
	}
	assert_in_range(cut, 180, 200);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_DELIVERIES), cut);
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_PKTS), cut);
	fails(r, client);
	for (uint16_t i = 0; i < 200; i++) {
		what[i] = SHED_DELIVERER + 1;
		assert_false(
			shed_cuts(r->shed, hash_of(r, client, i), &client, r->now_ns, &what[i]));
	}
}

static void
guessers_without_number_leave_room_for_deliverers(void **state)
{
	struct rig *r = *state;
	unsigned known = 0;

	for (unsigned i = 0; i < 2000; i++)
		delivers(r, v4((uint8_t)(i >> 8), (uint8_t)i));
	for (uint32_t i = 0; i < 8 * SKETCH_SOURCES; i++) {
		const uint8_t bytes[4] = {11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		fails(r, addr_from_v4(bytes));
	}
	for (unsigned i = 0; i < 2000; i++)
		known += class_of(r, v4((uint8_t)(i >> 8), (uint8_t)i)) == SHED_DELIVERER;
	assert_in_range(known, 1990, 2000);
}

static void
each_session_is_counted_once_and_each_packet_of_it(void **state)
{
	struct rig *r = *state;
	unsigned kept = 0;

	delivers(r, v4(0, 1));
	be_full(r);
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

/* A port whose session, of a deliverer, is not in the least share. */
static uint16_t
shed_port(struct rig *r, struct addr client)
{
	uint16_t port = 1;

	while (packet(r, client, port, SHED_BEGINS))
		port++;
	return port;
}

static void
what_was_shed_stays_so_when_the_load_has_gone_and_the_next_on_its_ports_not(void **state)
{
	struct rig *r = *state;
	struct addr client = v4(0, 1);

	delivers(r, client);
	be_full(r);
	uint16_t port = shed_port(r, client);
	r->load.table = 0;
	for (unsigned i = 0; i < 10000; i++)
		turn(r, NS_PER_MS, 0);
	assert_int_equal(r->shed->level, SHED_NOTHING);
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
	be_full(r);
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

	press(r, SHED_GUESSERS);
	assert_true(packet(r, v4(0, 9), 4711, SHED_SIGNS));
	assert_true(packet(r, v4(0, 9), 4711, SHED_ENDS));
	assert_int_equal(counter_read(&r->counters, COUNTER_SHED_PKTS), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_source_is_what_its_sessions_were),
		TEST(who_asks_for_users_is_of_interest_and_who_has_a_few_unknown_is_not),
		TEST(addresses_of_one_v6_64_are_one_source),
		TEST(a_source_is_forgotten_after_a_day),
		TEST(deliverers_without_number_push_out_nobody_of_interest),
		TEST(the_least_interesting_go_first_but_for_a_share),
		TEST(a_smaller_share_is_a_part_of_the_greater_one),
		TEST(a_session_is_cut_when_its_share_is_gone_unless_its_source_failed_meanwhile),
		TEST(guessers_without_number_leave_room_for_deliverers),
		TEST(each_session_is_counted_once_and_each_packet_of_it),
		TEST(what_was_shed_stays_so_when_the_load_has_gone_and_the_next_on_its_ports_not),
		TEST(a_new_session_on_the_ports_of_one_that_ended_is_another_one_shed),
		TEST(an_acknowledgement_out_of_nowhere_begins_nothing_and_sheds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
