/*
 * nic: theory of operation.
 *
 * A port is what a person named: a kernel interface (read by net_af_packet), a PCI address that is
 * bound to a driver of DPDK, or a virtual device in DPDK's own words. The names are taken apart
 * before EAL starts, since EAL is told of the devices; the ports are opened after.
 *
 * Always holds: either every port spreads its packets over as many queues as there are workers,
 * by the two addresses alone and both directions alike, so that worker i polls queue i of every
 * port and the two legs of a tap meet in one worker; or (nic_set.dispatch) one queue of each port
 * is polled by one lcore, which does the same in software. One worker alone needs neither.
 *
 * Limits: NIC_MAX ports. Nothing is ever sent: a transmit queue is set up where a driver insists.
 *
 * A port that goes away (nic.removed: told by an interrupt, or its interface is not there any
 * more) is marked in nic_set.gone; once every lcore that polls has seen that, it is closed.
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/nic.h"

#include <ctype.h>
#include <errno.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/dispatch.h"

/*
 * Frames of a kernel interface: one holds what the kernel merged (GRO, GSO: up to 64 KiB), less
 * what the driver's buffers do not hold. A block is a whole number of frames (else the driver looks
 * for them in the wrong places) and of pages. 1024 frames are 64 MiB of kernel memory, and the
 * driver takes as much again for sending.
 */
#define NIC_FRAME "framesz=65408,blocksz=2093056,framecnt=1024,qpairs=1"
#define NIC_FRAME_BYTES_DEFAULT 2048u /* the driver's own */

#define NIC_ROOM 2048u /* of a NIC's buffer; longer frames are chained */
#define NIC_CACHE 256u
#define NIC_XDP_MBUFS 8191u /* what the driver shares with the kernel */
#define NIC_PACKET_MBUFS 255u
#define NIC_MTU_MAX 9600u
#define NIC_PAGE_BYTES 4096u

/* A name that the kernel gave must be there, and readable. */
static int
nic_check_interface(const struct nic *nic, char *why, size_t why_len)
{
	if (if_nametoindex(nic->interface) == 0) {
		snprintf(why, why_len, "%s: there is no interface %s", nic->name, nic->interface);
		return -ENODEV;
	}
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		snprintf(why, why_len, "%s: %s; packets need root, or the capability CAP_NET_RAW",
			nic->name, strerror(errno));
		return -errno;
	}
	close(fd);
	return 0;
}

/* The value of key= in a device's arguments, into out. False: it is not there. */
static bool
nic_argument(const char *text, const char *key, char *out, size_t out_len)
{
	const char *p = strchr(text, ',');

	for (; p; p = strchr(p + 1, ',')) {
		size_t len = strlen(key);
		if (strncmp(p + 1, key, len) != 0 || p[1 + len] != '=')
			continue;
		size_t n = strcspn(p + 2 + len, ",");
		if (n >= out_len)
			return false;
		memcpy(out, p + 2 + len, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

static void
nic_parse_virtual(struct nic *nic)
{
	size_t head = strcspn(nic->name, ",");

	snprintf(nic->device, sizeof(nic->device), "%.*s", (int)head, nic->name);
	snprintf(nic->argument, sizeof(nic->argument), "--vdev=%s", nic->name);
	if (strncmp(nic->name, "net_af_packet", 13) == 0)
		nic->kind = NIC_AF_PACKET;
	else if (strncmp(nic->name, "net_af_xdp", 10) == 0)
		nic->kind = NIC_AF_XDP;
	if (nic->kind != NIC_DEVICE)
		nic_argument(nic->name, "iface", nic->interface, sizeof(nic->interface));
}

static void
nic_parse_pci(struct nic *nic)
{
	size_t head = strcspn(nic->name, ",");
	char address[16];

	nic->pci = true;
	snprintf(
		address, sizeof(address), "%s%.*s", head == 7 ? "0000:" : "", (int)head, nic->name);
	for (char *p = address; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	snprintf(nic->device, sizeof(nic->device), "%s", address);
	snprintf(nic->argument, sizeof(nic->argument), "--allow=%s%s", address, nic->name + head);
}

static int
nic_init(struct nic *nic, const char *name, char *why, size_t why_len)
{
	nic->name = name;
	nic->kernel_fd = -1;
	nic->node = -1;
	nic->link_up = true;
	if (strncmp(name, "net_", 4) == 0) {
		nic_parse_virtual(nic);
	} else if (strchr(name, ':')) {
		nic_parse_pci(nic);
	} else {
		nic->kind = NIC_AF_PACKET;
		snprintf(nic->interface, sizeof(nic->interface), "%s", name);
		snprintf(nic->device, sizeof(nic->device), "net_af_packet_%s", name);
		snprintf(nic->argument, sizeof(nic->argument),
			"--vdev=net_af_packet_%s,iface=%s," NIC_FRAME, name, name);
	}
	if (nic->kind != NIC_DEVICE && nic->interface[0] == '\0') {
		snprintf(why, why_len, "%s: iface= is missing, or its name is too long", name);
		return -EINVAL;
	}
	if (nic->interface[0]) {
		int r = nic_check_interface(nic, why, why_len);
		if (r != 0)
			return r;
	}
	nic->node = nic_kernel_node(nic);
	return 0;
}

int
nic_set_init(struct nic_set *set, const struct config *config, char *why, size_t why_len)
{
	const char *name = NULL;

	set->workers = (unsigned)config->workers;
	set->descriptors = (uint16_t)config->rx_descriptors;
	set->filter = config->nic_filter;
	set->mail = &config->ports;
	while (set->count < NIC_MAX && (name = config_list_next(&config->interfaces, name))) {
		struct nic *nic = &set->nics[set->count];
		int r = nic_init(nic, name, why, why_len);
		if (r != 0)
			return r;
		set->count++;
		for (unsigned i = 0; i + 1 < set->count; i++) {
			if (strcmp(set->nics[i].device, nic->device) == 0) {
				snprintf(why, why_len, "%s: listed twice", name);
				return -EINVAL;
			}
		}
	}
	return 0;
}

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
	unsigned most = UINT16_MAX - RTE_PKTMBUF_HEADROOM;
	return frame < most ? frame : most;
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

static void
nic_conf(const struct nic_set *set, const struct nic *nic, const struct rte_eth_dev_info *info,
	struct rte_eth_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->rxmode.mtu = nic_mtu(info);
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	conf->intr_conf.lsc = (*info->dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
	conf->intr_conf.rmv = (*info->dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	if (!set->dispatch && nic->queues > 1)
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
	char name[RTE_MEMPOOL_NAMESIZE];

	if (nic->pool)
		return 0;
	snprintf(name, sizeof(name), "port%u", nic->port);
	nic->pool = rte_pktmbuf_pool_create(name, n, n > 4 * NIC_CACHE ? NIC_CACHE : 0, 0,
		(uint16_t)(nic_room(nic) + RTE_PKTMBUF_HEADROOM), nic->node);
	if (!nic->pool && nic->node >= 0) {
		fprintf(stderr,
			"smtap: %s: no memory on its node %d: its packets cross between nodes\n",
			nic->name, nic->node);
		nic->pool = rte_pktmbuf_pool_create(name, n, NIC_CACHE, 0,
			(uint16_t)(nic_room(nic) + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
	}
	return nic->pool ? 0 : -rte_errno;
}

/* Configure and start it for set->dispatch, or not. */
static int
nic_start(struct nic_set *set, struct nic *nic, char *why, size_t why_len)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int r = rte_eth_dev_info_get(nic->port, &info);

	if (r == 0)
		r = nic_make_pool(set, nic);
	nic->queues = set->dispatch ? 1 : (uint16_t)set->workers;
	snprintf(nic->driver, sizeof(nic->driver), "%s", info.driver_name);
	nic_conf(set, nic, &info, &conf);
	if (r == 0)
		r = nic_set_up_queues(set, nic, &info, &conf);
	nic->opened = true;
	nic_listen(set, nic, &conf);
	if (r == 0)
		r = rte_eth_dev_start(nic->port);
	if (r != 0) {
		snprintf(why, why_len, "%s: %s does not take %u queue%s: %s", nic->name,
			nic->driver, nic->queues, nic->queues == 1 ? "" : "s", strerror(-r));
		return r;
	}
	nic->started = true;
	nic_see_all(nic, &conf);
	if (nic->kind != NIC_DEVICE)
		nic->kernel_fd = nic_kernel_socket(set, nic);
	if (set->dispatch || nic->queues == 1)
		return 0;
	char reason[200] = "";
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

int
nic_set_open(struct nic_set *set, char *why, size_t why_len)
{
	int r = 0;

	for (unsigned i = 0; i < set->count && r == 0; i++) {
		r = nic_find(&set->nics[i], why, why_len);
		if (r == 0 && rte_eth_dev_socket_id(set->nics[i].port) >= 0)
			set->nics[i].node = rte_eth_dev_socket_id(set->nics[i].port);
	}
	if (r != 0)
		return r;
	set->dispatch = set->workers > 1 && !nic_set_can_spread(set);
	r = nic_set_start(set, why, why_len);
	if (r != -ENOTSUP)
		return r;
	fprintf(stderr, "smtap: %s: one lcore does it for all ports\n", why);
	for (unsigned i = 0; i < set->count; i++) {
		if (set->nics[i].started)
			rte_eth_dev_stop(set->nics[i].port);
	}
	set->dispatch = true;
	return nic_set_start(set, why, why_len);
}

void
nic_set_tell(const struct nic_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		const struct nic *nic = &set->nics[i];
		char node[24] = "any node";
		char filter[160] = "";

		if (nic->node >= 0)
			snprintf(node, sizeof(node), "node %d", nic->node);
		if (set->filter && nic->kind == NIC_DEVICE)
			nic_filter_set(
				(struct nic *)(uintptr_t)nic, set->mail, filter, sizeof(filter));
		fprintf(stderr, "smtap: port %s is up: %s, %u queue%s%s, %s, %s%s%s\n", nic->name,
			nic->driver, nic->queues, nic->queues == 1 ? "" : "s",
			set->dispatch ? " for all workers" : "", node, nic->offloads,
			filter[0] ? ", " : "", filter);
	}
}

void
nic_set_close(struct nic_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct nic *nic = &set->nics[i];
		if (nic->closed || !nic->opened)
			continue;
		if (nic->started && !nic->was_promiscuous)
			rte_eth_promiscuous_disable(nic->port);
		if (nic->started)
			rte_eth_dev_stop(nic->port);
		rte_eth_dev_close(nic->port);
		nic->closed = true;
	}
}
