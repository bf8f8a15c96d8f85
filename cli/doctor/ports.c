/* Ports as people write them, and where the kernel keeps their devices. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/doctor/doctor.h"

#define PCI_FULL "0000:00:00.0"
#define PCI_SHORT "00:00.0"

/* Hexadecimal digits where the form has a 0, the same character elsewhere. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form && *text; form++, text++) {
		if (*form == '0' ? !isxdigit((unsigned char)*text) : *form != *text)
			return false;
	}
	return *form == '\0' && (*text == '\0' || *text == ',');
}

/* The value of key= in a list of device arguments. */
static bool
argument(const char *text, const char *key, char *out, size_t len)
{
	const char *at = strstr(text, key);

	if (!at)
		return false;
	at += strlen(key);
	snprintf(out, len, "%.*s", (int)strcspn(at, ","), at);
	return out[0] != '\0';
}

/* A part of a path must not lead elsewhere. */
static bool
is_name(const char *text)
{
	return text[0] != '\0' && text[0] != '.' && !strchr(text, '/') &&
	       strlen(text) < DOCTOR_NAME_MAX;
}

/* "eth1", "net_af_xdp0,iface=eth1", "0000:3b:00.0", "3b:00.0", "net_ring0". */
bool
doctor_add_port(struct doctor *d, const char *text)
{
	struct doctor_port *port = &d->ports[d->port_count];

	if (d->port_count == DOCTOR_PORTS_MAX || !is_name(text))
		return false;
	*port = (struct doctor_port){.kind = DOCTOR_AF_PACKET};
	if (has_form(text, PCI_FULL) || has_form(text, PCI_SHORT)) {
		port->kind = DOCTOR_PCI;
		snprintf(port->device, sizeof(port->device), "%s%.*s",
			has_form(text, PCI_SHORT) ? "0000:" : "", (int)strcspn(text, ","), text);
		d->port_count++;
		return true;
	}
	if (strncmp(text, "net_af_xdp", 10) == 0)
		port->kind = DOCTOR_AF_XDP;
	else if (strncmp(text, "net_", 4) == 0 && strncmp(text, "net_af_packet", 13) != 0)
		port->kind = DOCTOR_VIRTUAL;
	if (!argument(text, "iface=", port->device, sizeof(port->device)))
		snprintf(port->device, sizeof(port->device), "%s", text);
	if (!is_name(port->device))
		return false;
	d->port_count++;
	return true;
}

bool
doctor_has(const struct doctor *d, enum doctor_port_kind kind)
{
	for (unsigned i = 0; i < d->port_count; i++) {
		if (d->ports[i].kind == kind)
			return true;
	}
	return false;
}

bool
doctor_needs_vfio(const struct doctor *d, const struct doctor_port *port)
{
	/* Drivers whose device DPDK and the kernel share; the kernel keeps it. */
	static const char *const shared[] = {"mlx4_core", "mlx5_core", "mana"};
	char driver[DOCTOR_NAME_MAX];

	if (port->kind != DOCTOR_PCI)
		return false;
	tree_link(&d->tree, driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver", port->device);
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		if (strcmp(driver, shared[i]) == 0)
			return false;
	}
	return true;
}

int
doctor_node_of(const struct doctor *d, const struct doctor_port *port)
{
	int64_t node = -1;

	if (port->kind == DOCTOR_PCI)
		tree_number(&d->tree, &node, "/sys/bus/pci/devices/%s/numa_node", port->device);
	else if (port->kind != DOCTOR_VIRTUAL &&
		 !tree_number(&d->tree, &node, "/sys/class/net/%s/device/numa_node", port->device))
		/* A virtio device stands below the one on the bus. */
		tree_number(&d->tree, &node, "/sys/class/net/%s/device/../numa_node", port->device);
	return node >= 0 && node < 1024 ? (int)node : -1;
}

int
doctor_node(const struct doctor *d)
{
	int best = -1;
	unsigned most = 0;

	for (unsigned i = 0; i < d->port_count; i++) {
		int node = doctor_node_of(d, &d->ports[i]);
		unsigned n = 0;

		for (unsigned k = 0; k < d->port_count; k++)
			n += doctor_node_of(d, &d->ports[k]) == node;
		if (node >= 0 && n > most) {
			most = n;
			best = node;
		}
	}
	return best;
}

bool
doctor_node_cpus(const struct doctor *d, int node, struct cpus *out)
{
	char line[1024];

	return tree_line(&d->tree, line, sizeof(line), "/sys/devices/system/node/node%d/cpulist",
		       node) &&
	       cpus_parse(out, line);
}

unsigned
doctor_lcores(const struct doctor *d)
{
	return d->config.workers == 1 ? 1 : (unsigned)d->config.workers + 1;
}

bool
doctor_placement(const struct doctor *d, struct cpus *out)
{
	unsigned count = doctor_lcores(d);
	int node = doctor_node(d);
	struct cpus local;

	if (node >= 0 && doctor_node_cpus(d, node, &local)) {
		struct cpus near = cpus_both(&local, &d->self.cpus);

		*out = cpus_last(&near, count);
		if (cpus_count(out) == count)
			return true;
	}
	*out = cpus_last(&d->self.cpus, count);
	return cpus_count(out) == count;
}
