/*
 * What the kernel knows of an interface. The drivers af_packet and af_xdp of DPDK 22.11 do not tell
 * what the kernel dropped before them: their sockets do, and they are ours to ask, since the
 * drivers run in this process. A socket is found by its family and the interface that it is
 * bound to, or, where it does not say, by being the one that came last.
 */
#include "dataplane/io/edge.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/nic.h"

int
nic_kernel_node(const struct nic *nic)
{
	char path[128];
	int node = -1;

	if (nic->pci)
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", nic->device);
	else
		snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", nic->interface);
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &node) != 1)
		node = -1;
	fclose(f);
	return node;
}

static bool
nic_socket_is(const struct nic *nic, int fd)
{
	struct sockaddr_ll name = {0};
	socklen_t len = sizeof(name);
	int domain = 0;
	socklen_t domain_len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) != 0)
		return false;
	/* This one has no name to be asked for. */
	if (nic->kind == NIC_AF_XDP)
		return domain == AF_XDP;
	return domain == AF_PACKET && getsockname(fd, (struct sockaddr *)&name, &len) == 0 &&
	       (unsigned)name.sll_ifindex == if_nametoindex(nic->interface);
}

static bool
nic_socket_taken(const struct nic_set *set, int fd)
{
	for (unsigned i = 0; i < set->count; i++) {
		for (unsigned k = 0; k < set->nics[i].kernel_fd_count; k++) {
			if (set->nics[i].kernel_fds[k] == fd)
				return true;
		}
	}
	return false;
}

void
nic_kernel_find_sockets(const struct nic_set *set, struct nic *nic)
{
	DIR *dir = opendir("/proc/self/fd");

	nic->kernel_fd_count = 0;
	if (!dir)
		return;
	for (struct dirent *e; nic->kernel_fd_count < nic->queues && (e = readdir(dir));) {
		int fd = atoi(e->d_name);
		if (e->d_name[0] != '.' && !nic_socket_taken(set, fd) && nic_socket_is(nic, fd))
			nic->kernel_fds[nic->kernel_fd_count++] = fd;
	}
	closedir(dir);
}

/* Ask the kernel about the interface. 0 or -errno. */
static int
nic_kernel_ask(const struct nic *nic, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memset(request, 0, sizeof(*request));
	memcpy(request->ifr_name, nic->interface, sizeof(request->ifr_name));
	int r = ioctl(fd, what, request) != 0 ? -errno : 0;
	close(fd);
	return r;
}

int
nic_kernel_link(const struct nic *nic)
{
	struct ifreq request;
	int r = nic_kernel_ask(nic, SIOCGIFINDEX, &request);

	/* Removed and made anew since the last look: what is open hears nothing any more. */
	if (r == 0 && nic->interface_index != 0 &&
		(unsigned)request.ifr_ifindex != nic->interface_index)
		return -ENODEV;
	if (r == 0)
		r = nic_kernel_ask(nic, SIOCGIFFLAGS, &request);
	if (r != 0)
		return r == -ENODEV ? r : 1;
	return (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
}

unsigned
nic_kernel_frame_bytes(const struct nic *nic)
{
	struct ifreq request;

	if (!nic->interface[0] || nic_kernel_ask(nic, SIOCGIFMTU, &request) != 0)
		return 0;
	return (unsigned)request.ifr_mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
}

/* The count starts over with each reading (packet(7)). */
static uint64_t
nic_packet_drops(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) != 0)
		return 0;
	return stats.tp_drops;
}

/* What had no buffer (rx_dropped) the driver tells itself, as missed. */
static uint64_t
nic_xdp_drops(int fd)
{
	struct xdp_statistics stats = {0};
	socklen_t len = sizeof(stats);

	return getsockopt(fd, SOL_XDP, XDP_STATISTICS, &stats, &len) == 0 ? stats.rx_ring_full : 0;
}

uint64_t
nic_kernel_drops(struct nic *nic)
{
	uint64_t xdp = 0;

	for (unsigned i = 0; i < nic->kernel_fd_count; i++) {
		if (nic->kind == NIC_AF_PACKET)
			nic->kernel_drops += nic_packet_drops(nic->kernel_fds[i]);
		else
			xdp += nic_xdp_drops(nic->kernel_fds[i]);
	}
	if (xdp > nic->kernel_drops)
		nic->kernel_drops = xdp;
	return nic->kernel_drops;
}
