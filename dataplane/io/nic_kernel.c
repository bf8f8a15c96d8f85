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
	for (unsigned i = 0; i < set->count; i++)
		if (set->nics[i].kernel_fd == fd)
			return true;
	return false;
}

int
nic_kernel_socket(const struct nic_set *set, const struct nic *nic)
{
	DIR *dir = opendir("/proc/self/fd");
	int found = -1;

	if (!dir)
		return -1;
	for (struct dirent *e; found < 0 && (e = readdir(dir));) {
		int fd = atoi(e->d_name);
		if (e->d_name[0] != '.' && !nic_socket_taken(set, fd) && nic_socket_is(nic, fd))
			found = fd;
	}
	closedir(dir);
	return found;
}

int
nic_kernel_link(const struct nic *nic)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return 1;
	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, nic->interface, sizeof(request.ifr_name));
	r = ioctl(fd, SIOCGIFFLAGS, &request) != 0 ? -errno : 0;
	close(fd);
	if (r != 0)
		return r == -ENODEV ? r : 1;
	return (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
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

uint64_t
nic_kernel_drops(struct nic *nic)
{
	struct xdp_statistics stats = {0};
	socklen_t len = sizeof(stats);

	if (nic->kernel_fd < 0)
		return nic->kernel_drops;
	if (nic->kind == NIC_AF_PACKET)
		nic->kernel_drops += nic_packet_drops(nic->kernel_fd);
	/* What had no buffer (rx_dropped) the driver tells itself, as missed. */
	else if (getsockopt(nic->kernel_fd, SOL_XDP, XDP_STATISTICS, &stats, &len) == 0)
		nic->kernel_drops = stats.rx_ring_full;
	return nic->kernel_drops;
}
