/*
 * nic: theory of operation.
 *
 * A port is what a person named: a kernel interface (read by net_af_packet), a PCI address that is
 * bound to a driver of DPDK, or a virtual device in DPDK's own words. The names are taken apart
 * before EAL starts, since EAL is told of the devices; the ports are opened after.
 *
 * Always holds: either every port spreads its packets over as many queues as there are workers,
 * by the two addresses alone and both directions alike, so that worker i polls queue i of every
 * port and the two legs of a tap meet in one worker; or (nic_set.dispatch) one lcore polls each
 * port and does the same in software. One worker alone needs neither. Who polls a port alone polls
 * one queue of it, where all packets come then; but every queue of a port that has as many as its
 * arguments say (nic.own_queues), since whoever feeds it spreads packets over them in his own way:
 * for AF_PACKET the kernel does, and when one socket is full it takes the next, so that a
 * session's packets may be on each of them.
 *
 * Limits: NIC_MAX ports. Nothing is ever sent: a transmit queue is set up where a driver insists.
 *
 * A port that goes away is taken up again when it comes back: nic_watch.c.
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/nic.h"

#include <errno.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dataplane/io/dispatch.h"
#include "dataplane/io/pool.h"

#define NIC_FRAME_BYTES_DEFAULT 2048u /* the driver's own */

#define NIC_FRAME_BYTES_MAX (UINT16_MAX - RTE_PKTMBUF_HEADROOM)

#define NIC_ROOM 2048u /* of a NIC's buffer; longer frames are chained */
#define NIC_CACHE 256u
#define NIC_XDP_MBUFS 8191u /* what the driver shares with the kernel */
#define NIC_PACKET_MBUFS 255u
#define NIC_STRAYS_BURST 32u
#define NIC_STRAYS_BURSTS 64u
#define NIC_MTU_MAX 9600u
#define NIC_PAGE_BYTES 4096u

int
nic_set_node(const struct nic_set *set)
{
	int best = -1;
	unsigned most = 0;

	for (unsigned i = 0; i < set->count; i++) {
		unsigned n = 0;
		for (unsigned k = 0; k < set->count; k++)
			n += set->nics[k].node == set->nics[i].node;
		if (set->nics[i].node >= 0 && n > most) {
			most = n;
			best = set->nics[i].node;
		}
	}
	return best;
}

/* Bytes of data that one buffer of the port holds. */
static unsigned
nic_room(const struct nic *nic)
{
	char text[16];
	unsigned frame = NIC_FRAME_BYTES_DEFAULT;

	if (nic->kind != NIC_AF_PACKET)
		return NIC_ROOM;
	if (sscanf(nic->argument, "%*[^=]=%15s", text) == 1 &&
		nic_argument(nic->argument, "framesz", text, sizeof(text)))
		frame = (unsigned)strtoul(text, NULL, 10);
	return frame < NIC_FRAME_BYTES_MAX ? frame : NIC_FRAME_BYTES_MAX;
}

static unsigned
nic_mbufs(const struct nic_set *set, const struct nic *nic)
{
	if (nic->kind == NIC_AF_PACKET)
		return NIC_PACKET_MBUFS;
	if (nic->kind == NIC_AF_XDP)
		return NIC_XDP_MBUFS + set->workers * DISPATCH_LIVE_SLOTS;
	return set->workers * (set->descriptors + DISPATCH_LIVE_SLOTS + 2 * NIC_CACHE) + 1024;
}

unsigned
nic_set_memory_mib(const struct nic_set *set)
{
	size_t pages = 0;

	/* Without huge pages, no two mbufs share a page. */
	for (unsigned i = 0; i < set->count; i++)
		pages += (size_t)nic_mbufs(set, &set->nics[i]) *
			 (nic_room(&set->nics[i]) / NIC_PAGE_BYTES + 1);
	return (unsigned)(pages * NIC_PAGE_BYTES >> 20) + 16;
}

/* Interrupts' thread: note it, and wake the main lcore. */
static int
nic_event(uint16_t port, enum rte_eth_event_type type, void *arg, void *result)
{
	struct nic_set *set = arg;

	(void)result;
	for (unsigned i = 0; i < set->count; i++) {
		struct nic *nic = &set->nics[i];
		if (!nic->opened || nic->port != port)
			continue;
		if (type == RTE_ETH_EVENT_INTR_RMV)
			atomic_store_explicit(&nic->removed, true, memory_order_relaxed);
		else
			atomic_fetch_add_explicit(&nic->link_lost, 1, memory_order_relaxed);
	}
	return eventfd_write(set->wake_fd, 1);
}

/* Its port number. */
static int
nic_find(struct nic *nic, char *why, size_t why_len)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(nic->device, &port) == 0) {
		nic->port = port;
		return 0;
	}
	RTE_ETH_FOREACH_DEV(port)
	{
		struct rte_eth_dev_info info;
		if (rte_eth_dev_info_get(port, &info) == 0 &&
			strcmp(rte_dev_name(info.device), nic->device) == 0) {
			nic->port = port;
			return 0;
		}
	}
	snprintf(why, why_len, "%s: DPDK has no such port%s", nic->name,
		nic->pci ? "; is it bound to vfio-pci (dpdk-devbind.py --status)?" : "");
	return -ENODEV;
}

/* Jumbo frames where buffers can be chained. */
static uint32_t
nic_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint32_t most = info->max_mtu;

	if (!(info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER))
		return RTE_ETHER_MTU;
	if (info->max_rx_pktlen > overhead && info->max_rx_pktlen - overhead < most)
		most = info->max_rx_pktlen - overhead;
	most = most < NIC_MTU_MAX ? most : NIC_MTU_MAX;
	return most > RTE_ETHER_MTU ? most : RTE_ETHER_MTU;
}

/* Does every worker poll a queue of its own? */
static bool
nic_spreads(const struct nic_set *set)
{
	return !set->dispatch && set->workers > 1;
}

/* How many queues it is to have; 0: more than can be polled. */
static uint16_t
nic_count_queues(
	const struct nic_set *set, const struct nic *nic, const struct rte_eth_dev_info *info)
{
	if (nic_spreads(set))
		return (uint16_t)set->workers;
	if (!nic->own_queues)
		return 1;
	return info->max_rx_queues <= NIC_QUEUES_MAX ? info->max_rx_queues : 0;
}

static void
nic_conf(const struct nic_set *set, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->rxmode.mtu = nic_mtu(info);
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	conf->intr_conf.lsc = (*info->dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
	conf->intr_conf.rmv = (*info->dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	if (nic_spreads(set))
		nic_rss_configure(info, conf);
}

static int
nic_set_up_queues(struct nic_set *set, struct nic *nic, const struct rte_eth_dev_info *info,
	const struct rte_eth_conf *conf)
{
	uint16_t rx = set->descriptors;
	uint16_t tx = info->tx_desc_lim.nb_min ? info->tx_desc_lim.nb_min : 64;
	struct rte_eth_rxconf rx_conf = info->default_rxconf;
	int r = rte_eth_dev_configure(nic->port, nic->queues, 1, conf);

	if (r == 0)
		r = rte_eth_dev_adjust_nb_rx_tx_desc(nic->port, &rx, &tx);
	rx_conf.offloads = conf->rxmode.offloads;
	for (uint16_t q = 0; q < nic->queues && r == 0; q++)
		r = rte_eth_rx_queue_setup(
			nic->port, q, rx, (unsigned)nic->node, &rx_conf, nic->pool);
	if (r == 0)
		r = rte_eth_tx_queue_setup(nic->port, 0, tx, (unsigned)nic->node, NULL);
	return r;
}

static void
nic_listen(struct nic_set *set, const struct nic *nic, const struct rte_eth_conf *conf)
{
	if (conf->intr_conf.lsc)
		rte_eth_dev_callback_register(nic->port, RTE_ETH_EVENT_INTR_LSC, nic_event, set);
	if (conf->intr_conf.rmv)
		rte_eth_dev_callback_register(nic->port, RTE_ETH_EVENT_INTR_RMV, nic_event, set);
}

/* All that passes, as it is. */
static void
nic_see_all(struct nic *nic, const struct rte_eth_conf *conf)
{
	int vlan = rte_eth_dev_get_vlan_offload(nic->port);
	bool vlan_kept = vlan < 0 || !(vlan & RTE_ETH_VLAN_STRIP_OFFLOAD) ||
			 rte_eth_dev_set_vlan_offload(nic->port, 0) == 0;

	nic->was_promiscuous = rte_eth_promiscuous_get(nic->port) == 1;
	bool all = rte_eth_promiscuous_enable(nic->port) == 0;
	rte_eth_allmulticast_enable(nic->port);
	snprintf(nic->offloads, sizeof(nic->offloads), "%s%s, frames up to %u bytes%s",
		all ? "promiscuous" : "NOT PROMISCUOUS: it shows its own packets only",
		vlan_kept ? "" : ", VLAN TAGS ARE STRIPPED",
		nic->kind == NIC_AF_PACKET ? nic_room(nic)
					   : conf->rxmode.mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN,
		conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER ? " (chained)" : "");
}

static int
nic_make_pool(const struct nic_set *set, struct nic *nic)
{
	unsigned n = nic_mbufs(set, nic);
	unsigned cache = n > 4 * NIC_CACHE ? NIC_CACHE : 0;
	uint16_t room = (uint16_t)(nic_room(nic) + RTE_PKTMBUF_HEADROOM);
	char name[RTE_MEMPOOL_NAMESIZE];

	if (nic->pool)
		return 0;
	snprintf(name, sizeof(name), "port%u", nic->port);
	nic->pool = pool_create(name, n, cache, room, nic->node);
	if (!nic->pool && nic->node >= 0) {
		fprintf(stderr,
			"smtap: %s: no memory on its node %d: its packets cross between nodes\n",
			nic->name, nic->node);
		nic->pool = pool_create(name, n, cache, room, SOCKET_ID_ANY);
	}
	return nic->pool ? 0 : -rte_errno;
}

/* What its driver cannot give, but the interface may bring. */
static void
nic_tell_limits(const struct nic *nic)
{
	unsigned frame = nic_kernel_frame_bytes(nic);

	if (frame <= nic_room(nic))
		return;
	/* Of the longest there can be, nothing can be mended. */
	if (nic->kind == NIC_AF_PACKET && nic_room(nic) < NIC_FRAME_BYTES_MAX)
		fprintf(stderr,
			"smtap: %s: what is longer than %u bytes is cut (decode_cut), and %s has "
			"frames of %u: name the interface alone, or give framesz=\n",
			nic->name, nic_room(nic), nic->interface, frame);
	else if (nic->kind == NIC_AF_XDP)
		fprintf(stderr,
			"smtap: %s: what is longer than %u bytes does not come through AF_XDP, and "
			"%s has frames of %u: use -i %s\n",
			nic->name, nic_room(nic), nic->interface, frame, nic->interface);
}

static int
nic_set_up(struct nic_set *set, struct nic *nic, struct rte_eth_dev_info *info,
	struct rte_eth_conf *conf)
{
	int r = rte_eth_dev_info_get(nic->port, info);

	if (r != 0)
		return r;
	snprintf(nic->driver, sizeof(nic->driver), "%s", info->driver_name);
	nic->handle = info->device;
	if (strcmp(nic->driver, "net_tap") == 0) {
		nic->makes_interface = true;
		nic->interface_index = info->if_index;
		if (!if_indextoname(info->if_index, nic->interface))
			nic->interface[0] = '\0';
	}
	nic->queues = nic_count_queues(set, nic, info);
	nic_conf(set, info, conf);
	nic->opened = true;
	if (nic->queues == 0)
		return -E2BIG;
	r = nic_set_up_queues(set, nic, info, conf);
	nic_listen(set, nic, conf);
	return r == 0 ? rte_eth_dev_start(nic->port) : r;
}

/* Why it does not start, and what to do instead. */
static void
nic_tell_failure(const struct nic *nic, int r, const char *reason, char *why, size_t why_len)
{
	char instead[48] = "";

	if (nic->kind == NIC_AF_XDP)
		snprintf(instead, sizeof(instead), "; without AF_XDP: -i %s", nic->interface);
	if (r == -E2BIG)
		snprintf(why, why_len,
			"%s: it has more than %d queues, which one lcore cannot read", nic->name,
			NIC_QUEUES_MAX);
	else
		snprintf(why, why_len, "%s: %s does not take %u queue%s: %s%s%s", nic->name,
			nic->driver, nic->queues, nic->queues == 1 ? "" : "s", strerror(-r), reason,
			instead);
}

/*
 * Between its making and its binding a socket hears every interface: what it holds by now may be
 * nothing of this port. It goes, and is not counted.
 */
static void
nic_drop_strays(struct nic *nic)
{
	struct rte_mbuf *mbufs[NIC_STRAYS_BURST];

	for (uint16_t q = 0; q < nic->queues; q++) {
		uint16_t n = NIC_STRAYS_BURST;
		for (unsigned i = 0; i < NIC_STRAYS_BURSTS && n > 0; i++) {
			n = rte_eth_rx_burst(nic->port, q, mbufs, NIC_STRAYS_BURST);
			rte_pktmbuf_free_bulk(mbufs, n);
		}
	}
	nic_kernel_drops(nic);
	rte_eth_stats_get(nic->port, &nic->last);
}

/* Configure and start it for set->dispatch, or not. */
static int
nic_start(struct nic_set *set, struct nic *nic, char *why, size_t why_len)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	struct nic_noise noise;
	char reason[200];

	int r = nic_make_pool(set, nic);
	nic_noise_begin(&noise);
	if (r == 0)
		r = nic_set_up(set, nic, &info, &conf);
	nic_noise_end(&noise, reason, sizeof(reason));
	if (r != 0) {
		nic_tell_failure(nic, r, reason, why, why_len);
		return r;
	}
	nic->started = true;
	nic_see_all(nic, &conf);
	if (nic->kind != NIC_DEVICE)
		nic_kernel_find_sockets(set, nic);
	if (nic->kind == NIC_AF_PACKET)
		nic_drop_strays(nic);
	nic_tell_limits(nic);
	if (!nic_spreads(set))
		return 0;
	if (nic_rss_check(nic->port, &info, nic->queues, reason, sizeof(reason)))
		return 0;
	snprintf(why, why_len, "%s: %s", nic->name, reason);
	return -ENOTSUP;
}

/* Can every port spread over the workers by itself? else say which cannot, and what that means. */
static bool
nic_set_can_spread(const struct nic_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct rte_eth_dev_info info;
		if (rte_eth_dev_info_get(set->nics[i].port, &info) == 0 &&
			nic_rss_can(&info, set->workers))
			continue;
		fprintf(stderr,
			"smtap: %s cannot spread sessions over %u queues: one lcore does it for "
			"all ports\n",
			set->nics[i].name, set->workers);
		return false;
	}
	return true;
}

static int
nic_set_start(struct nic_set *set, char *why, size_t why_len)
{
	int r = 0;

	for (unsigned i = 0; i < set->count && r == 0; i++)
		r = nic_start(set, &set->nics[i], why, why_len);
	return r;
}

/* The interface first: one that is made anew meanwhile is another one. */
static int
nic_identify(struct nic *nic, char *why, size_t why_len)
{
	nic->interface_index = nic->interface[0] ? if_nametoindex(nic->interface) : 0;
	int r = nic_find(nic, why, why_len);
	if (r == 0 && rte_eth_dev_socket_id(nic->port) >= 0)
		nic->node = rte_eth_dev_socket_id(nic->port);
	return r;
}

int
nic_open(struct nic_set *set, struct nic *nic, char *why, size_t why_len)
{
	int r = nic_identify(nic, why, why_len);

	if (r == 0)
		r = nic_start(set, nic, why, why_len);
	if (r == 0)
		nic->link_up = nic_link(nic) == 1;
	return r;
}

int
nic_set_open(struct nic_set *set, char *why, size_t why_len)
{
	int r = 0;

	for (unsigned i = 0; i < set->count && r == 0; i++)
		r = nic_identify(&set->nics[i], why, why_len);
	if (r != 0)
		return r;
	set->dispatch = set->workers > 1 && !nic_set_can_spread(set);
	r = nic_set_start(set, why, why_len);
	if (r == -ENOTSUP) {
		fprintf(stderr, "smtap: %s: one lcore does it for all ports\n", why);
		for (unsigned i = 0; i < set->count; i++) {
			if (set->nics[i].started)
				rte_eth_dev_stop(set->nics[i].port);
		}
		set->dispatch = true;
		r = nic_set_start(set, why, why_len);
	}
	for (unsigned i = 0; i < set->count && r == 0; i++)
		set->nics[i].link_up = nic_link(&set->nics[i]) == 1;
	return r;
}

void
nic_tell(const struct nic_set *set, struct nic *nic, const char *how)
{
	char node[24] = "any node";
	char filter[160] = "";

	if (nic->node >= 0)
		snprintf(node, sizeof(node), "node %d", nic->node);
	if (set->filter && nic->kind == NIC_DEVICE)
		nic_filter_set(nic, set->mail, filter, sizeof(filter));
	fprintf(stderr, "smtap: port %s %s: %s, %u queue%s%s, %s, %s%s%s%s\n", nic->name, how,
		nic->driver, nic->queues, nic->queues == 1 ? "" : "s",
		set->dispatch ? " for all workers" : "", node, nic->offloads, filter[0] ? ", " : "",
		filter, nic->link_up ? "" : "; it has no link yet: nothing comes until it has");
}

void
nic_set_tell(struct nic_set *set)
{
	for (unsigned i = 0; i < set->count; i++)
		nic_tell(set, &set->nics[i], "is up");
}

void
nic_set_close(struct nic_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct nic *nic = &set->nics[i];
		if (nic->state == NIC_AWAY || !nic->opened)
			continue;
		if (nic->started && !nic->was_promiscuous)
			rte_eth_promiscuous_disable(nic->port);
		if (nic->started)
			rte_eth_dev_stop(nic->port);
		rte_eth_dev_close(nic->port);
		nic->state = NIC_AWAY;
	}
}
