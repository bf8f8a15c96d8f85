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

/* "eth1", "af_packet:eth1", "net_af_xdp0,iface=eth1", "0000:3b:00.0", "3b:00.0", "net_ring0". */
bool
doctor_add_port(struct doctor *d, const char *text)
{
	struct doctor_port *port = &d->ports[d->port_count];
	const char *prefix = strncmp(text, "pci:", 4) == 0 ? text + 4 : text;
	const char *colon = strchr(text, ':');

	if (d->port_count == DOCTOR_PORTS_MAX || !is_name(text))
		return false;
	*port = (struct doctor_port){.kind = DOCTOR_AF_PACKET};
	if (has_form(prefix, PCI_FULL) || has_form(prefix, PCI_SHORT)) {
		port->kind = DOCTOR_PCI;
		snprintf(port->device, sizeof(port->device), "%s%.*s",
			has_form(prefix, PCI_SHORT) ? "0000:" : "", (int)strcspn(prefix, ","),
			prefix);
		d->port_count++;
		return true;
	}
	if (strstr(text, "af_xdp") == text || strstr(text, "net_af_xdp") == text)
		port->kind = DOCTOR_AF_XDP;
	else if (strncmp(text, "net_", 4) == 0 && strncmp(text, "net_af_packet", 13) != 0)
		port->kind = DOCTOR_VIRTUAL;
	if (!argument(text, "iface=", port->device, sizeof(port->device)))
		snprintf(port->device, sizeof(port->device), "%s", colon ? colon + 1 : text);
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
