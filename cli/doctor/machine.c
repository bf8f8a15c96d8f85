/* What no file tells, asked of the machine. Every question is one that anybody may ask. */
#include <endian.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"

#define KEY_BYTES_MAX 1024u

static bool
ask(int fd, const char *interface, void *question)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	request.ifr_data = question;
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

/* The queue is chosen by a key that repeats every two bytes: then source and target may swap. */
static int64_t
ask_symmetric(int fd, const char *interface)
{
	struct ethtool_rxfh *hash = calloc(1, sizeof(*hash) + KEY_BYTES_MAX);
	int64_t symmetric = -1;

	if (!hash)
		return -1;
	hash->cmd = ETHTOOL_GRSSH;
	if (ask(fd, interface, hash)) {
		uint32_t indices = hash->indir_size;
		uint32_t key_len = hash->key_size;
		size_t body = indices * sizeof(uint32_t) + key_len;
		struct ethtool_rxfh *full = calloc(1, sizeof(*full) + body);

		if (full) {
			full->cmd = ETHTOOL_GRSSH;
			full->indir_size = indices;
			full->key_size = key_len;
		}
		if (full && key_len > 2 && ask(fd, interface, full)) {
			const uint8_t *key = (const uint8_t *)(full->rss_config + indices);

			symmetric = memcmp(key, key + 2, key_len - 2) == 0;
		}
		free(full);
	}
	free(hash);
	return symmetric;
}

static void
machine_link(const char *interface, struct doctor_link *out)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_GGRO};
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	struct ethtool_rxnfc fields = {.cmd = ETHTOOL_GRXFH, .flow_type = TCP_V4_FLOW};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ask(fd, interface, &gro))
		out->gro = gro.data != 0;
	if (ask(fd, interface, &flags))
		out->lro = (flags.data & ETH_FLAG_LRO) != 0;
	if (ask(fd, interface, &ring)) {
		out->ring = ring.rx_pending;
		out->ring_max = ring.rx_max_pending;
	}
	if (ask(fd, interface, &fields))
		out->hash_ports = (fields.data & (RXH_L4_B_0_1 | RXH_L4_B_2_3)) != 0;
	out->hash_symmetric = ask_symmetric(fd, interface);
	close(fd);
}

static int
machine_addresses(const char *interface)
{
	struct ifaddrs *all;
	int count = 0;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (!one->ifa_addr || strcmp(one->ifa_name, interface) != 0)
			continue;
		if (one->ifa_addr->sa_family == AF_INET)
			count++;
		if (one->ifa_addr->sa_family == AF_INET6) {
			const struct sockaddr_in6 *in6 = (const void *)one->ifa_addr;

			count += !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
		}
	}
	freeifaddrs(all);
	return count;
}

/* modes 0 changes nothing. */
static int
machine_clock_synced(void)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	if (state < 0)
		return -errno;
	return state != TIME_ERROR && !(t.status & STA_UNSYNC);
}

static uint64_t
machine_file_capabilities(const char *path)
{
	struct vfs_ns_cap_data data = {0};
	ssize_t n = getxattr(path, "security.capability", &data, sizeof(data));

	/* Permitted ones count when the program gets them at once, as setcap +ep makes it. */
	if (n < (ssize_t)XATTR_CAPS_SZ_2 || !(le32toh(data.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE))
		return 0;
	return le32toh(data.data[0].permitted) | (uint64_t)le32toh(data.data[1].permitted) << 32;
}

const struct doctor_probe doctor_probe_machine = {
	.link = machine_link,
	.addresses = machine_addresses,
	.clock_synced = machine_clock_synced,
	.file_capabilities = machine_file_capabilities,
};
