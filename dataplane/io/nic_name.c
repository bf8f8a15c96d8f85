/* What a person calls a port, and how EAL is told of it: no EAL is needed for that. */
#include "dataplane/io/edge.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/nic.h"

/*
 * Frames of a kernel interface: one holds what the kernel merged (GRO, GSO: up to 64 KiB), less
 * what the driver's buffers do not hold. A block is a whole number of frames (else the driver looks
 * for them in the wrong places) and of pages. 1024 frames are 64 MiB of kernel memory, and the
 * driver takes as much again for sending.
 */
#define NIC_FRAME "framesz=65408,blocksz=2093056,framecnt=1024,qpairs=1"

int
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

bool
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

/* Drivers whose ports have a queue for each argument, or as many as an argument says. */
static bool
nic_has_own_queues(const struct nic *nic)
{
	return nic->kind != NIC_DEVICE || strncmp(nic->device, "net_pcap", 8) == 0;
}

static int
nic_parse_virtual(struct nic *nic, char *why, size_t why_len)
{
	size_t head = strcspn(nic->name, ",");

	if (strncmp(nic->name, "net_ring", 8) == 0) {
		snprintf(why, why_len,
			"%s: nobody else could put packets into its rings; for those of another "
			"process use net_memif, for a capture smtap replay",
			nic->name);
		return -EINVAL;
	}
	snprintf(nic->device, sizeof(nic->device), "%.*s", (int)head, nic->name);
	snprintf(nic->argument, sizeof(nic->argument), "--vdev=%s", nic->name);
	if (strncmp(nic->name, "net_af_packet", 13) == 0)
		nic->kind = NIC_AF_PACKET;
	else if (strncmp(nic->name, "net_af_xdp", 10) == 0)
		nic->kind = NIC_AF_XDP;
	nic->own_queues = nic_has_own_queues(nic);
	/* A pcap port reads files, or an interface by one of these names. */
	static const char *const keys[] = {"iface", "rx_iface", "rx_iface_in"};
	size_t known = nic->kind != NIC_DEVICE ? 1 : nic->own_queues ? 3 : 0;
	for (size_t i = 0; i < known && nic->interface[0] == '\0'; i++)
		nic_argument(nic->name, keys[i], nic->interface, sizeof(nic->interface));
	return 0;
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
	nic->node = -1;
	if (strncmp(name, "net_", 4) == 0) {
		int r = nic_parse_virtual(nic, why, why_len);
		if (r != 0)
			return r;
	} else if (strchr(name, ':')) {
		nic_parse_pci(nic);
	} else {
		nic->kind = NIC_AF_PACKET;
		nic->own_queues = true;
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
