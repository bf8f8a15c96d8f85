/* What befalls live ports while they are polled: links, removal, losses. */
#include "dataplane/io/edge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/io/nic.h"

/* 1: up; 0: down; -ENODEV: gone. */
static int
nic_link(struct nic *nic)
{
	struct rte_eth_link link;

	if (nic->interface[0])
		return nic_kernel_link(nic);
	if (atomic_load_explicit(&nic->removed, memory_order_relaxed) ||
		rte_eth_dev_is_removed(nic->port) == 1)
		return -ENODEV;
	if (rte_eth_link_get_nowait(nic->port, &link) != 0)
		return nic->link_up;
	return link.link_status == RTE_ETH_LINK_UP;
}

static void
nic_watch_link(struct nic_set *set, unsigned i)
{
	struct nic *nic = &set->nics[i];
	int link = nic_link(nic);
	uint32_t lost = atomic_exchange_explicit(&nic->link_lost, 0, memory_order_relaxed);

	if (link == -ENODEV) {
		fprintf(stderr, "smtap: port %s was taken away; the others go on\n", nic->name);
		counter_add(set->counters, COUNTER_PORT_REMOVED, 1);
		atomic_fetch_or_explicit(&set->gone, 1u << i, memory_order_release);
		return;
	}
	if (link == 0 && nic->link_up) {
		fprintf(stderr, "smtap: port %s lost its link\n", nic->name);
		counter_add(set->counters, COUNTER_PORT_LINK_DOWN, 1);
	} else if (link == 1 && !nic->link_up) {
		fprintf(stderr, "smtap: port %s has its link again\n", nic->name);
	} else if (link == 1 && lost >= 2) { /* down and up again since the last look */
		fprintf(stderr, "smtap: port %s lost its link for a moment\n", nic->name);
		counter_add(set->counters, COUNTER_PORT_LINK_DOWN, 1);
	}
	nic->link_up = link == 1;
}

/* What a counter of a driver has grown by; one that starts over starts at 0. */
static uint64_t
nic_grown(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void
nic_watch_losses(struct nic_set *set, struct nic *nic)
{
	uint64_t drops = nic->kernel_drops;
	struct rte_eth_stats now;

	counter_add(set->counters, COUNTER_PORT_MISSED, nic_kernel_drops(nic) - drops);
	if (rte_eth_stats_get(nic->port, &now) != 0)
		return;
	const struct rte_eth_stats *last = &nic->last;
	counter_add(set->counters, COUNTER_PORT_PKTS, nic_grown(now.ipackets, last->ipackets));
	counter_add(set->counters, COUNTER_PORT_MISSED, nic_grown(now.imissed, last->imissed));
	counter_add(set->counters, COUNTER_PORT_NOMBUF, nic_grown(now.rx_nombuf, last->rx_nombuf));
	counter_add(set->counters, COUNTER_PORT_ERRORS, nic_grown(now.ierrors, last->ierrors));
	nic->last = now;
}

void
nic_set_watch(struct nic_set *set)
{
	uint32_t gone = atomic_load_explicit(&set->gone, memory_order_relaxed);

	for (unsigned i = 0; i < set->count; i++) {
		if (gone >> i & 1)
			continue;
		nic_watch_losses(set, &set->nics[i]);
		nic_watch_link(set, i);
	}
}

void
nic_set_close_gone(struct nic_set *set, uint32_t left)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct nic *nic = &set->nics[i];
		if (!(left >> i & 1) || nic->closed)
			continue;
		rte_eth_dev_stop(nic->port);
		rte_eth_dev_close(nic->port);
		nic->closed = true;
	}
}
