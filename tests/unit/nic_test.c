/* How live ports are set up and watched, on ports of our making. */
#include "dataplane/io/edge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/io/nic.h"
#include "ethdev_fake.h"

static struct nic_set set;
static struct config config;
static struct counters counters;
static char why[300];

static int
fresh(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	memset(&set, 0, sizeof(set));
	memset(&counters, 0, sizeof(counters));
	config_defaults(&config);
	set.counters = &counters;
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

/* A port that spreads as smtap wants it, with a table of that size. */
static struct fake_port *
add_port(unsigned i, const char *name, uint16_t table)
{
	struct fake_port *p = &fake.ports[i];

	p->name = name;
	p->link = true;
	p->info.max_rx_queues = 8;
	p->info.reta_size = table;
	p->info.hash_key_size = 40;
	p->info.flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP;
	assert_int_equal(config_add_interface(&config, name, why, sizeof(why)), 0);
	return p;
}

static int
open_ports(unsigned workers)
{
	config.workers = workers;
	config.nic_filter = false;
	int r = nic_set_init(&set, &config, why, sizeof(why));
	return r != 0 ? r : nic_set_open(&set, why, sizeof(why));
}

static void
ports_that_spread_have_a_queue_for_each_worker(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 128);
	add_port(1, "net_fake1", 512);
	assert_int_equal(open_ports(3), 0);
	assert_false(set.dispatch);
	assert_int_equal(fake.ports[0].queues_set_up, 3);
	assert_int_equal(fake.ports[1].queues_set_up, 3);
}

/* The client's packets on one port, the server's on another, with tables of other sizes. */
static void
both_legs_of_a_session_come_to_one_queue(void **state)
{
	unsigned used = 0;

	(void)state;
	add_port(0, "net_fake0", 128);
	add_port(1, "net_fake1", 512);
	assert_int_equal(open_ports(4), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t client = 0xc6336400 + i * 2654435761u, server = 0xcb007119 + (i & 7);
		unsigned there = fake_queue(0, client, server);
		assert_int_equal(there, fake_queue(1, server, client));
		assert_int_equal(there, fake_queue(1, client, server));
		used |= 1u << there;
	}
	assert_int_equal(used, 0xf);
}

static void
a_port_that_does_not_take_the_key_makes_one_lcore_do_it_for_all(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 128);
	add_port(1, "net_fake1", 128)->own_key = true;
	assert_int_equal(open_ports(2), 0);
	assert_true(set.dispatch);
	assert_int_equal(fake.ports[0].queues_set_up, 1);
	assert_int_equal(fake.ports[0].starts - fake.ports[0].stops, 1);
	assert_int_equal(fake.ports[1].starts - fake.ports[1].stops, 1);
}

static void
a_port_that_hashes_more_than_addresses_does_not_spread(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 128)->more_hashed = true;
	assert_int_equal(open_ports(2), 0);
	assert_true(set.dispatch);
}

static void
a_port_with_too_few_queues_does_not_spread(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 128)->info.max_rx_queues = 2;
	assert_int_equal(open_ports(3), 0);
	assert_true(set.dispatch);
	assert_int_equal(fake.ports[0].starts, 1);
}

static void
every_queue_that_the_arguments_make_is_read(void **state)
{
	(void)state;
	add_port(0, "net_pcap0", 0)->info.max_rx_queues = 3;
	assert_int_equal(open_ports(1), 0);
	assert_int_equal(set.nics[0].queues, 3);
	fresh(state);
	add_port(0, "net_pcap0", 0)->info.max_rx_queues = 3;
	assert_int_equal(open_ports(2), 0);
	assert_true(set.dispatch);
	assert_int_equal(set.nics[0].queues, 3);
}

static void
more_queues_than_can_be_read_are_refused(void **state)
{
	(void)state;
	add_port(0, "net_pcap0", 0)->info.max_rx_queues = NIC_QUEUES_MAX + 1;
	assert_int_equal(open_ports(1), -E2BIG);
	assert_non_null(strstr(why, "more than 16 queues"));
}

static void
long_frames_are_chained_and_tags_left(void **state)
{
	(void)state;
	struct fake_port *p = add_port(0, "net_fake0", 128);
	p->info.rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	p->info.max_mtu = 9710;
	p->vlan = RTE_ETH_VLAN_STRIP_OFFLOAD;
	struct fake_port *q = add_port(1, "net_fake1", 128);
	q->info.max_mtu = 9710;
	assert_int_equal(open_ports(1), 0);
	assert_int_equal(p->conf.rxmode.offloads, RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_int_equal(p->conf.rxmode.mtu, 9600);
	assert_int_equal(p->vlan, 0);
	assert_true(p->promiscuous);
	assert_int_equal(q->conf.rxmode.mtu, RTE_ETHER_MTU);
}

static uint64_t
count(enum counter id)
{
	return counters.value[id];
}

static void
a_link_that_flaps_is_counted_once_a_flap(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 0)->link = false;
	assert_int_equal(open_ports(1), 0);
	nic_set_watch(&set); /* it never had one */
	fake.ports[0].link = true;
	nic_set_watch(&set);
	assert_int_equal(count(COUNTER_PORT_LINK_DOWN), 0);
	fake.ports[0].link = false;
	nic_set_watch(&set);
	nic_set_watch(&set);
	fake.ports[0].link = true;
	nic_set_watch(&set);
	assert_int_equal(count(COUNTER_PORT_LINK_DOWN), 1);
	atomic_store(&set.nics[0].link_lost, 2); /* down and up between two looks */
	nic_set_watch(&set);
	nic_set_watch(&set);
	assert_int_equal(count(COUNTER_PORT_LINK_DOWN), 2);
}

static void
losses_are_added_up_also_when_a_driver_starts_over(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 0);
	assert_int_equal(open_ports(1), 0);
	fake.ports[0].stats = (struct rte_eth_stats){.ipackets = 100, .imissed = 5, .rx_nombuf = 2};
	nic_set_watch(&set);
	fake.ports[0].stats = (struct rte_eth_stats){.ipackets = 30, .imissed = 1, .rx_nombuf = 2};
	nic_set_watch(&set);
	assert_int_equal(count(COUNTER_PORT_PKTS), 130);
	assert_int_equal(count(COUNTER_PORT_MISSED), 6);
	assert_int_equal(count(COUNTER_PORT_NOMBUF), 2);
}

/* Taken away, and left by all who poll. */
static void
lose_port(void)
{
	add_port(0, "net_fake0", 0);
	assert_int_equal(open_ports(1), 0);
	fake.ports[0].removed = true;
	nic_set_watch(&set);
	assert_int_equal(atomic_load(&set.gone), 1);
}

static void
a_port_is_closed_only_when_all_have_left_it(void **state)
{
	(void)state;
	lose_port();
	assert_int_equal(nic_set_renew(&set, 0, 1), 0);
	assert_int_equal(fake.ports[0].closes, 0);
	assert_int_equal(nic_set_renew(&set, 1, 1), 0);
	assert_int_equal(fake.ports[0].closes, 1);
	assert_int_equal(fake.removals, 1);
	assert_int_equal(count(COUNTER_PORT_REMOVED), 1);
}

static void
a_port_that_is_back_is_opened_with_its_arguments_under_its_new_number(void **state)
{
	(void)state;
	lose_port();
	nic_set_renew(&set, 1, 1);
	fake.probed_as = 2;
	fake.ports[2].link = true;
	fake.ports[2].info.max_rx_queues = 1;
	assert_int_equal(nic_set_renew(&set, 1, 1), 1);
	assert_string_equal(fake.probed, "net_fake0");
	assert_int_equal(set.nics[0].port, 2);
	assert_int_equal(fake.ports[2].starts, 1);
	assert_int_equal(count(COUNTER_PORT_RETURNED), 1);
	assert_int_equal(nic_set_renew(&set, 0, 0), 0);
	assert_int_equal(count(COUNTER_PORT_RETURNED), 1);
}

/* Who has only just begun to poll it must not find it closed. */
static void
a_port_that_goes_again_is_not_closed_before_all_have_seen_it_back(void **state)
{
	(void)state;
	lose_port();
	nic_set_renew(&set, 1, 1);
	assert_int_equal(nic_set_renew(&set, 1, 1), 1);
	fake.ports[0].removed = true;
	atomic_store(&set.gone, 0);
	nic_set_watch(&set);
	nic_set_renew(&set, 0, 1); /* one has not seen it yet */
	nic_set_watch(&set);
	assert_int_equal(atomic_load(&set.gone), 0);
	nic_set_renew(&set, 0, 0);
	nic_set_watch(&set);
	assert_int_equal(atomic_load(&set.gone), 1);
	assert_int_equal(fake.ports[0].closes, 1);
	nic_set_renew(&set, 1, 1);
	assert_int_equal(fake.ports[0].closes, 2);
}

static void
a_port_that_does_not_come_back_is_tried_less_and_less(void **state)
{
	static const unsigned tries[] = {1, 3, 7, 15, 31, 63, 95, 127};
	unsigned at = 0;

	(void)state;
	lose_port();
	nic_set_renew(&set, 1, 1);
	fake.probe_fails = true;
	for (unsigned second = 1; second <= 127; second++) {
		unsigned before = fake.probes;
		nic_set_renew(&set, 1, 1);
		if (fake.probes != before)
			assert_int_equal(second, tries[at++]);
	}
	assert_int_equal(at, sizeof(tries) / sizeof(tries[0]));
}

static void
errors_of_a_port_that_is_gone_are_no_damaged_packets(void **state)
{
	(void)state;
	add_port(0, "net_fake0", 0);
	assert_int_equal(open_ports(1), 0);
	fake.ports[0].removed = true;
	fake.ports[0].stats = (struct rte_eth_stats){.ipackets = 7, .ierrors = 60000};
	nic_set_watch(&set);
	assert_int_equal(count(COUNTER_PORT_PKTS), 7);
	assert_int_equal(count(COUNTER_PORT_ERRORS), 0);
}

static void
rings_that_nobody_can_fill_are_refused(void **state)
{
	(void)state;
	add_port(0, "net_ring0", 0);
	assert_int_equal(open_ports(1), -EINVAL);
	assert_non_null(strstr(why, "net_memif"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		TEST(ports_that_spread_have_a_queue_for_each_worker),
		TEST(both_legs_of_a_session_come_to_one_queue),
		TEST(a_port_that_does_not_take_the_key_makes_one_lcore_do_it_for_all),
		TEST(a_port_that_hashes_more_than_addresses_does_not_spread),
		TEST(a_port_with_too_few_queues_does_not_spread),
		TEST(every_queue_that_the_arguments_make_is_read),
		TEST(more_queues_than_can_be_read_are_refused),
		TEST(long_frames_are_chained_and_tags_left),
		TEST(a_link_that_flaps_is_counted_once_a_flap),
		TEST(losses_are_added_up_also_when_a_driver_starts_over),
		TEST(a_port_is_closed_only_when_all_have_left_it),
		TEST(a_port_that_is_back_is_opened_with_its_arguments_under_its_new_number),
		TEST(a_port_that_goes_again_is_not_closed_before_all_have_seen_it_back),
		TEST(a_port_that_does_not_come_back_is_tried_less_and_less),
		TEST(errors_of_a_port_that_is_gone_are_no_damaged_packets),
		TEST(rings_that_nobody_can_fill_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
