/*
 * Rules that let a NIC drop what is certainly no mail: TCP that is no fragment and has no mail
 * port, UDP that is no fragment and carries no tunnel. All else (fragments, tunnels, tags within
 * tags, what the NIC does not understand) matches no rule and is received as before.
 *
 * A rule that drops takes effect only with those that keep what it would drop wrongly: they are
 * made first, with a higher priority, and a group of them is taken whole or not at all.
 *
 * Only for ports with one queue: with several, a rule that keeps has to name queues, and would
 * spread packets otherwise than the table of queues does, so that a session and its fragments
 * could part.
 */
#include "dataplane/io/edge.h"

#include <rte_flow.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/decode/layer.h"
#include "dataplane/io/nic.h"

#define FILTER_RULES_MAX 160

struct filter {
	uint16_t port;
	struct rte_flow *rules[FILTER_RULES_MAX];
	unsigned count;
	char why[96];
};

/* What a rule matches: a family, a protocol, and a port on one side, or any. */
struct filter_match {
	bool v6;
	bool tcp;
	bool by_src;
	bool by_dst;
	uint16_t number;
};

static bool
filter_add(struct filter *f, const struct filter_match *m, bool keep)
{
	struct rte_flow_attr attr = {.ingress = 1, .priority = keep ? 0 : 1};
	struct rte_flow_item_ipv4 v4_mask = {.hdr.fragment_offset = RTE_BE16(0x3fff)};
	struct rte_flow_item_ipv4 v4 = {.hdr.fragment_offset = 0};
	struct rte_flow_item_tcp tcp = {.hdr.src_port = m->by_src ? rte_cpu_to_be_16(m->number) : 0,
		.hdr.dst_port = m->by_dst ? rte_cpu_to_be_16(m->number) : 0};
	struct rte_flow_item_tcp tcp_mask = {
		.hdr.src_port = m->by_src ? 0xffff : 0, .hdr.dst_port = m->by_dst ? 0xffff : 0};
	struct rte_flow_item_udp udp = {.hdr.dst_port = tcp.hdr.dst_port};
	struct rte_flow_item_udp udp_mask = {.hdr.dst_port = tcp_mask.hdr.dst_port};
	struct rte_flow_item pattern[] = {{.type = RTE_FLOW_ITEM_TYPE_ETH},
		{.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &v4, .mask = &v4_mask},
		{.type = RTE_FLOW_ITEM_TYPE_TCP, .spec = &tcp, .mask = &tcp_mask},
		{.type = RTE_FLOW_ITEM_TYPE_END}};
	struct rte_flow_action_queue queue = {.index = 0};
	struct rte_flow_action actions[] = {
		{.type = keep ? RTE_FLOW_ACTION_TYPE_QUEUE : RTE_FLOW_ACTION_TYPE_DROP,
			.conf = keep ? &queue : NULL},
		{.type = RTE_FLOW_ACTION_TYPE_END}};
	struct rte_flow_error error = {0};

	if (m->v6)
		pattern[1] = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_IPV6};
	if (!m->tcp)
		pattern[2] = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask};
	if (!m->by_src && !m->by_dst)
		pattern[2].spec = pattern[2].mask = NULL;
	if (f->count < FILTER_RULES_MAX &&
		rte_flow_validate(f->port, &attr, pattern, actions, &error) == 0)
		f->rules[f->count] = rte_flow_create(f->port, &attr, pattern, actions, &error);
	if (f->count < FILTER_RULES_MAX && f->rules[f->count]) {
		f->count++;
		return true;
	}
	snprintf(f->why, sizeof(f->why), "%s", error.message ? error.message : "not supported");
	return false;
}

static void
filter_undo(struct filter *f, unsigned count)
{
	struct rte_flow_error error;

	while (f->count > count)
		rte_flow_destroy(f->port, f->rules[--f->count], &error);
	memset(&f->rules[count], 0, sizeof(f->rules) - count * sizeof(f->rules[0]));
}

static bool
filter_tcp(struct filter *f, bool v6, const struct config_ports *mail)
{
	unsigned before = f->count;
	bool taken = true;

	for (unsigned i = 0; i < mail->count && taken; i++) {
		struct filter_match from = {
			.v6 = v6, .tcp = true, .by_src = true, .number = mail->port[i]};
		struct filter_match to = {
			.v6 = v6, .tcp = true, .by_dst = true, .number = mail->port[i]};
		taken = filter_add(f, &from, true) && filter_add(f, &to, true);
	}
	taken = taken && filter_add(f, &(struct filter_match){.v6 = v6, .tcp = true}, false);
	if (!taken)
		filter_undo(f, before);
	return taken;
}

static bool
filter_udp(struct filter *f, bool v6)
{
	static const uint16_t tunnels[] = {DECODE_PORT_GTPU, DECODE_PORT_VXLAN,
		DECODE_PORT_VXLAN_LINUX, DECODE_PORT_GENEVE, DECODE_PORT_MPLS};
	unsigned before = f->count;
	bool taken = true;

	for (unsigned i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]) && taken; i++)
		taken = filter_add(f,
			&(struct filter_match){.v6 = v6, .by_dst = true, .number = tunnels[i]},
			true);
	taken = taken && filter_add(f, &(struct filter_match){.v6 = v6}, false);
	if (!taken)
		filter_undo(f, before);
	return taken;
}

void
nic_filter_set(struct nic *nic, const struct config_ports *mail, char *said, size_t said_len)
{
	struct filter f = {.port = nic->port};
	size_t len = 0;

	if (nic->queues > 1) {
		snprintf(said, said_len, "no filter: it has several queues");
		return;
	}
	const struct {
		bool taken;
		const char *name;
	} groups[] = {{filter_tcp(&f, false, mail), "IPv4 TCP"},
		{filter_udp(&f, false), "IPv4 UDP"}, {filter_tcp(&f, true, mail), "IPv6 TCP"},
		{filter_udp(&f, true), "IPv6 UDP"}};
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].taken && len < said_len)
			len += (size_t)snprintf(said + len, said_len - len, "%s%s",
				len ? ", " : "it drops by itself other ", groups[i].name);
	}
	if (len == 0)
		snprintf(said, said_len, "no filter: %s", f.why);
}
