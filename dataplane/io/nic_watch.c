/*
 * nic_watch: theory of operation. What befalls live ports while they are polled.
 *
 * Keeps: each port's state, moved on by the main lcore alone, once a second (or when an interrupt
 * says that something happened). A port that went away is marked in nic_set.gone; when every lcore
 * that polls has left it, it is closed and its device given back. From then on it is looked for: a
 * kernel interface by its name, anything else by trying, which makes a tap anew. When trying fails,
 * the next try comes twice as late, up to WATCH_WAIT_MAX_S. One that is open again is told to those
 * who poll by its bit in gone, which the caller clears; until all have seen it, it is not watched:
 * so it cannot be closed again under somebody who has only just begun to poll it.
 *
 * Always holds: an lcore polls a port only between the clearing of its bit and its own answer that
 * it has left; the ethdev is open all that time.
 *
 * Limits: what passes while a port is away is not seen, and by its nature not counted either;
 * port_removed and port_returned say how often that was.
 */
#include "dataplane/io/edge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/io/nic.h"

#define WATCH_WAIT_MAX_S 32u

int
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
nic_leave(struct nic_set *set, unsigned i)
{
	unsigned open = 0;

	set->nics[i].state = NIC_LEAVING;
	for (unsigned k = 0; k < set->count; k++)
		open += set->nics[k].state == NIC_OPEN || set->nics[k].state == NIC_RETURNED;
	fprintf(stderr, "smtap: port %s was taken away; %s, and it is looked for each second\n",
		set->nics[i].name, open ? "the others go on" : "NOTHING IS SEEN NOW");
	counter_add(set->counters, COUNTER_PORT_REMOVED, 1);
	atomic_fetch_or_explicit(&set->gone, 1u << i, memory_order_release);
}

static void
nic_watch_link(struct nic_set *set, unsigned i, int link)
{
	struct nic *nic = &set->nics[i];
	uint32_t lost = atomic_exchange_explicit(&nic->link_lost, 0, memory_order_relaxed);

	if (link == -ENODEV) {
		nic_leave(set, i);
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

/* gone: a driver may count each vain look at what is not there as a packet with an error. */
static void
nic_watch_losses(struct nic_set *set, struct nic *nic, bool gone)
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
	if (!gone)
		counter_add(
			set->counters, COUNTER_PORT_ERRORS, nic_grown(now.ierrors, last->ierrors));
	nic->last = now;
}

void
nic_set_watch(struct nic_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct nic *nic = &set->nics[i];
		if (nic->state != NIC_OPEN && nic->state != NIC_RETURNED)
			continue;
		int link = nic_link(nic);
		nic_watch_losses(set, nic, link == -ENODEV);
		if (nic->state == NIC_OPEN)
			nic_watch_link(set, i, link);
	}
}

/* Nobody polls it: give all of it back but its buffers, of which workers may hold some. */
static void
nic_close_gone(struct nic *nic)
{
	nic->kernel_fd_count = 0;
	if (nic->started)
		rte_eth_dev_stop(nic->port);
	rte_eth_dev_close(nic->port);
	rte_dev_remove(nic->handle);
	nic->state = NIC_AWAY;
	nic->opened = nic->started = false;
	nic->wait_s = 0;
}

/* What its device is called where EAL started it: after --vdev= or --allow=. */
static const char *
nic_device_arguments(const struct nic *nic)
{
	return strchr(nic->argument, '=') + 1;
}

static bool
nic_reopen(struct nic_set *set, struct nic *nic, char *why, size_t why_len)
{
	bool there = nic->interface[0] && !nic->makes_interface;
	int r = there ? nic_check_interface(nic, why, why_len) : 0;

	if (r != 0)
		return false;
	if (rte_dev_probe(nic_device_arguments(nic)) != 0) {
		snprintf(why, why_len, "%s: DPDK does not find it", nic->name);
		return false;
	}
	atomic_store_explicit(&nic->removed, false, memory_order_relaxed);
	atomic_store_explicit(&nic->link_lost, 0, memory_order_relaxed);
	memset(&nic->last, 0, sizeof(nic->last));
	nic->kernel_drops = 0;
	if (nic_open(set, nic, why, why_len) == 0)
		return true;
	if (nic->opened)
		nic_close_gone(nic);
	return false;
}

/* It is away: is it there again? */
static bool
nic_look_for(struct nic_set *set, struct nic *nic)
{
	char why[NIC_TEXT_MAX] = "";

	/* An interface that is not there costs one system call to ask for. */
	if (nic->interface[0] && !nic->makes_interface && if_nametoindex(nic->interface) == 0) {
		nic->failures = 0;
		return false;
	}
	if (nic->wait_s > 0) {
		nic->wait_s--;
		return false;
	}
	if (!nic_reopen(set, nic, why, sizeof(why))) {
		if (nic->failures++ == 0)
			fprintf(stderr, "smtap: %s; it is tried again\n", why);
		nic->wait_s = nic->failures < 6 ? (1u << nic->failures) - 1 : WATCH_WAIT_MAX_S - 1;
		return false;
	}
	nic->failures = 0;
	nic->state = NIC_RETURNED;
	nic_tell(set, nic, "is back");
	counter_add(set->counters, COUNTER_PORT_RETURNED, 1);
	return true;
}

uint32_t
nic_set_renew(struct nic_set *set, uint32_t left_by_all, uint32_t left_by_any)
{
	uint32_t back = 0;

	for (unsigned i = 0; i < set->count; i++) {
		struct nic *nic = &set->nics[i];
		switch (nic->state) {
		case NIC_OPEN:
			break;
		case NIC_LEAVING:
			if (left_by_all >> i & 1)
				nic_close_gone(nic);
			break;
		case NIC_AWAY:
			back |= (uint32_t)nic_look_for(set, nic) << i;
			break;
		case NIC_RETURNED:
			if (!(left_by_any >> i & 1))
				nic->state = NIC_OPEN;
			break;
		}
	}
	return back;
}
