/*
 * The rules that a NIC is asked to drop by, against a NIC made of the rules themselves: what it
 * was told is kept here, and a packet is judged by it. This file's rte_flow_* take the place of
 * DPDK's.
 */
#include "dataplane/io/edge.h"

#include <rte_flow.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/io/nic.h"

#define RULES_MAX 200

struct rte_flow {
	bool used;
	uint32_t priority;
	bool v6;
	bool whole_only; /* no fragments */
	bool tcp;
	uint16_t src_mask, dst_mask;
	uint16_t src, dst;
	bool drop;
};

/* The NIC. */
static struct {
	struct rte_flow rules[RULES_MAX];
	unsigned made, destroyed;
	unsigned room; /* rules that it takes */
	bool no_v6, no_drop;
} hw;

int
rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	bool drop = actions[0].type == RTE_FLOW_ACTION_TYPE_DROP;

	(void)port;
	assert_int_equal(attr->ingress, 1);
	error->message = "the NIC has no such rule";
	if (hw.no_v6 && pattern[1].type == RTE_FLOW_ITEM_TYPE_IPV6)
		return -1;
	return hw.no_drop && drop ? -1 : 0;
}

static void
note_ports(struct rte_flow *rule, const struct rte_flow_item *item)
{
	rule->tcp = item->type == RTE_FLOW_ITEM_TYPE_TCP;
	if (!item->spec)
		return;
	if (rule->tcp) {
		const struct rte_flow_item_tcp *spec = item->spec, *mask = item->mask;
		rule->src = rte_be_to_cpu_16(spec->hdr.src_port);
		rule->dst = rte_be_to_cpu_16(spec->hdr.dst_port);
		rule->src_mask = mask->hdr.src_port;
		rule->dst_mask = mask->hdr.dst_port;
	} else {
		const struct rte_flow_item_udp *spec = item->spec, *mask = item->mask;
		rule->src = rte_be_to_cpu_16(spec->hdr.src_port);
		rule->dst = rte_be_to_cpu_16(spec->hdr.dst_port);
		rule->src_mask = mask->hdr.src_port;
		rule->dst_mask = mask->hdr.dst_port;
	}
}

struct rte_flow *
rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	(void)port;
	if (hw.made - hw.destroyed == hw.room || hw.made == RULES_MAX) {
		error->message = "the NIC is full";
		return NULL;
	}
	struct rte_flow *rule = &hw.rules[hw.made++];
	*rule = (struct rte_flow){.used = true,
		.priority = attr->priority,
		.v6 = pattern[1].type == RTE_FLOW_ITEM_TYPE_IPV6,
		.drop = actions[0].type == RTE_FLOW_ACTION_TYPE_DROP};
	if (!rule->v6) {
		const struct rte_flow_item_ipv4 *mask = pattern[1].mask;
		rule->whole_only = mask->hdr.fragment_offset == RTE_BE16(0x3fff);
	}
	note_ports(rule, &pattern[2]);
	return rule;
}

int
rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	(void)port;
	(void)error;
	assert_true(flow->used);
	flow->used = false;
	hw.destroyed++;
	return 0;
}

struct packet {
	bool v6;
	bool fragment; /* no ports to be seen */
	bool udp;
	uint16_t src, dst;
};

static bool
matches(const struct rte_flow *rule, const struct packet *p)
{
	/* A fragment's next header in IPv6 is the fragment header: it is no TCP to a NIC. */
	if (!rule->used || rule->v6 != p->v6 || rule->tcp == p->udp ||
		(p->fragment && (p->v6 || rule->whole_only)))
		return false;
	return ((rule->src ^ p->src) & rule->src_mask) == 0 &&
	       ((rule->dst ^ p->dst) & rule->dst_mask) == 0;
}

/* The rule of the lowest number that matches decides; none: it is received. */
static bool
dropped(struct packet p)
{
	const struct rte_flow *best = NULL;

	for (unsigned i = 0; i < hw.made; i++) {
		if (matches(&hw.rules[i], &p) && (!best || hw.rules[i].priority < best->priority))
			best = &hw.rules[i];
	}
	return best && best->drop;
}

static const struct config_ports mail = {.port = {25, 587}, .count = 2};

/* What is said of it. */
static const char *
set_rules(uint16_t queues)
{
	static char said[200];
	struct nic nic = {.port = 3, .queues = queues};

	nic_filter_set(&nic, &mail, said, sizeof(said));
	return said;
}

static int
fresh(void **state)
{
	(void)state;
	memset(&hw, 0, sizeof(hw));
	hw.room = RULES_MAX;
	return 0;
}

static void
mail_is_kept_and_other_tcp_dropped(void **state)
{
	(void)state;
	assert_string_equal(set_rules(1), "it drops by itself other IPv4 TCP, IPv4 UDP, IPv6 TCP, "
					  "IPv6 UDP");
	for (int v6 = 0; v6 < 2; v6++) {
		assert_false(dropped((struct packet){.v6 = v6, .src = 40000, .dst = 25}));
		assert_false(dropped((struct packet){.v6 = v6, .src = 25, .dst = 40000}));
		assert_false(dropped((struct packet){.v6 = v6, .src = 587, .dst = 40000}));
		assert_true(dropped((struct packet){.v6 = v6, .src = 40000, .dst = 443}));
		assert_true(dropped((struct packet){.v6 = v6, .src = 0, .dst = 0}));
	}
}

static void
fragments_are_kept(void **state)
{
	(void)state;
	set_rules(1);
	for (int v6 = 0; v6 < 2; v6++) {
		assert_false(dropped((struct packet){.v6 = v6, .fragment = true}));
		assert_false(dropped((struct packet){.v6 = v6, .fragment = true, .udp = true}));
		assert_false(dropped((struct packet){.v6 = v6, .fragment = true, .dst = 443}));
	}
}

static void
tunnels_are_kept_and_other_udp_dropped(void **state)
{
	static const uint16_t tunnels[] = {2152, 4789, 8472, 6081, 6635};

	(void)state;
	set_rules(1);
	for (int v6 = 0; v6 < 2; v6++) {
		for (unsigned i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++)
			assert_false(dropped((struct packet){
				.v6 = v6, .udp = true, .src = 999, .dst = tunnels[i]}));
		assert_true(dropped((struct packet){.v6 = v6, .udp = true, .dst = 53}));
	}
}

static void
what_the_nic_refuses_is_left_to_software(void **state)
{
	(void)state;
	hw.no_v6 = true;
	assert_string_equal(set_rules(1), "it drops by itself other IPv4 TCP, IPv4 UDP");
	assert_true(dropped((struct packet){.dst = 443}));
	assert_false(dropped((struct packet){.v6 = true, .dst = 443}));
}

static void
rules_that_keep_do_not_stay_without_the_one_that_drops(void **state)
{
	(void)state;
	hw.no_drop = true;
	assert_string_equal(set_rules(1), "no filter: the NIC has no such rule");
	assert_true(hw.made > 0);
	assert_int_equal(hw.made, hw.destroyed);
}

/* However few rules there is room for, nothing that may be mail is dropped. */
static void
a_nic_that_is_full_drops_no_mail(void **state)
{
	for (unsigned room = 0; room < 24; room++) {
		fresh(state);
		hw.room = room;
		set_rules(1);
		for (int v6 = 0; v6 < 2; v6++) {
			assert_false(dropped((struct packet){.v6 = v6, .dst = 25}));
			assert_false(dropped((struct packet){.v6 = v6, .src = 587}));
			assert_false(dropped((struct packet){.v6 = v6, .fragment = true}));
			assert_false(dropped((struct packet){.v6 = v6, .udp = true, .dst = 4789}));
		}
	}
}

static void
a_port_with_several_queues_is_not_asked(void **state)
{
	(void)state;
	assert_string_equal(set_rules(2), "no filter: it has several queues");
	assert_int_equal(hw.made, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(mail_is_kept_and_other_tcp_dropped, fresh),
		cmocka_unit_test_setup(fragments_are_kept, fresh),
		cmocka_unit_test_setup(tunnels_are_kept_and_other_udp_dropped, fresh),
		cmocka_unit_test_setup(what_the_nic_refuses_is_left_to_software, fresh),
		cmocka_unit_test_setup(
			rules_that_keep_do_not_stay_without_the_one_that_drops, fresh),
		cmocka_unit_test_setup(a_nic_that_is_full_drops_no_mail, fresh),
		cmocka_unit_test_setup(a_port_with_several_queues_is_not_asked, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
