/* nic: who drives each network device, and whether configured ports can be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"

#define CLASS_NETWORK 0x02
#define FLAG_UP 0x1
#define FLAG_PROMISCUOUS 0x100
#define INTERFACES_MAX 256

/* "eth0", "eth0 eth1": interfaces of a device, also those behind virtio. */
static void
find_interfaces(const struct tree *t, const char *pci, char out[INTERFACES_MAX])
{
	struct tree_names inside;
	struct tree_names found;
	char path[512];
	size_t at = 0;

	out[0] = '\0';
	tree_list(t, &inside, "/sys/bus/pci/devices/%s", pci);
	for (int i = 0; i < inside.count; i++) {
		const char *name = inside.entry[i]->d_name;

		if (strcmp(name, "net") == 0)
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net", pci);
		else if (strncmp(name, "virtio", 6) == 0)
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s/net", pci, name);
		else
			continue;
		tree_list(t, &found, "%s", path);
		for (int k = 0; k < found.count && at < INTERFACES_MAX; k++)
			at += (size_t)snprintf(out + at, INTERFACES_MAX - at, "%s%s", at ? " " : "",
				found.entry[k]->d_name);
		tree_names_free(&found);
	}
	tree_names_free(&inside);
}

static bool
is_user_driver(const char *driver)
{
	return strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "igb_uio") == 0 ||
	       strcmp(driver, "uio_pci_generic") == 0;
}

static void
mend_binding(struct diag_item *item, const char *pci, const char *interface)
{
	if (interface[0])
		diag_mend(item, "sudo ip link set dev %s down", interface);
	diag_mend(item, "sudo modprobe vfio-pci && sudo dpdk-devbind.py --bind=vfio-pci %s", pci);
}

/* Does this machine reach the world through it? Then no command of ours takes it away. */
static bool
is_way_out(const struct doctor *d, const char *interface)
{
	char *routes = tree_text(&d->tree, "/proc/net/route");
	char *rest = routes;
	char name[DOCTOR_NAME_MAX];
	char target[16];
	bool found = false;

	for (char *line; routes && !found && (line = strsep(&rest, "\n")) != NULL;)
		found = sscanf(line, "%63s %15s", name, target) == 2 &&
			strcmp(name, interface) == 0 && strcmp(target, "00000000") == 0;
	free(routes);
	return found;
}

/* The kernel still drives a port that DPDK is to have. */
static void
examine_kernels(const struct doctor *d, struct diag *r, const char *pci, const char *driver)
{
	char interfaces[INTERFACES_MAX];
	struct diag_item *item;

	find_interfaces(&d->tree, pci, interfaces);
	interfaces[strcspn(interfaces, " ")] = '\0';
	if (interfaces[0] && d->probe->addresses(interfaces) > 0) {
		item = diag_add(r, DIAG_FAULT,
			"port %s is %s, which the kernel drives (%s) and has an address on", pci,
			interfaces, driver);
		diag_so(item, "the port does not start; and to bind it to vfio-pci cuts off "
			      "whatever uses that address, perhaps this session");
		diag_mend(item, "# take another port, or read this one through the kernel: %s",
			interfaces);
		if (is_way_out(d, interfaces))
			return;
		diag_mend(item, "sudo ip addr flush dev %s", interfaces);
	} else {
		item = diag_add(r, DIAG_FAULT, "port %s is bound to %s%s%s", pci,
			driver[0] ? driver : "no driver", interfaces[0] ? " as " : "", interfaces);
		diag_so(item, "DPDK does not find it: \"No such device\"");
	}
	mend_binding(item, pci, interfaces);
}

static void
examine_pci_port(const struct doctor *d, struct diag *r, const struct doctor_port *port)
{
	char driver[DOCTOR_NAME_MAX];
	struct diag_item *item;

	if (!tree_exists(&d->tree, "/sys/bus/pci/devices/%s", port->device)) {
		item = diag_add(r, DIAG_FAULT, "port %s: there is no such device", port->device);
		diag_so(item, "smtap run does not start");
		diag_mend(item, "dpdk-devbind.py --status-dev net    # those that there are");
		return;
	}
	tree_link(&d->tree, driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver", port->device);
	if (strcmp(driver, "vfio-pci") == 0 || !doctor_needs_vfio(d, port)) {
		diag_add(r, DIAG_OK, "port %s is bound to %s", port->device, driver);
	} else if (is_user_driver(driver)) {
		item = diag_add(r, DIAG_WARNING, "port %s is bound to %s", port->device, driver);
		diag_so(item, "it works, as root only, and nothing guards memory from the device");
		mend_binding(item, port->device, "");
	} else {
		examine_kernels(d, r, port->device, driver);
	}
}

static void
examine_address(const struct doctor *d, struct diag *r, const char *name)
{
	int addresses = d->probe->addresses(name);

	if (addresses <= 0)
		return;
	bool way_out = is_way_out(d, name);
	struct diag_item *item = diag_add(r, DIAG_WARNING, "port %s has %d address%s%s", name,
		addresses, addresses == 1 ? "" : "es",
		way_out ? ", and is this machine's way out" : "");
	diag_so(item, "the kernel answers on it: a tap port should be silent, and this host's own "
		      "sessions are inspected too");
	if (way_out)
		diag_mend(item, "# mirror the mail traffic to an interface of its own");
	else
		diag_mend(item, "sudo ip addr flush dev %s", name);
}

static void
examine_interface(const struct doctor *d, struct diag *r, const struct doctor_port *port)
{
	const char *name = port->device;
	int64_t flags = 0;
	int64_t carrier = -1;
	struct diag_item *item;

	if (!tree_exists(&d->tree, "/sys/class/net/%s", name)) {
		item = diag_add(r, DIAG_FAULT, "port %s: there is no such interface", name);
		diag_so(item, "smtap run does not start");
		diag_mend(item, "ip -brief link    # those that there are");
		return;
	}
	tree_number(&d->tree, &flags, "/sys/class/net/%s/flags", name);
	tree_number(&d->tree, &carrier, "/sys/class/net/%s/carrier", name);
	if (!(flags & FLAG_UP)) {
		item = diag_add(r, DIAG_FAULT, "port %s is down", name);
		diag_so(item, "no packet arrives");
		diag_mend(item, "sudo ip link set dev %s up", name);
	} else if (carrier == 0) {
		item = diag_add(r, DIAG_FAULT, "port %s has no link", name);
		diag_so(item, "no packet arrives");
		diag_mend(item,
			"sudo ethtool %s    # look at cable, transceiver and the mirror's end",
			name);
	} else {
		diag_add(r, DIAG_OK, "port %s is up%s", name,
			flags & FLAG_PROMISCUOUS ? ", promiscuous" : "");
	}
	examine_address(d, r, name);
}

/* As smtap run refuses it (dataplane/io/nic_name.c). */
static void
examine_virtual(struct diag *r, const struct doctor_port *port)
{
	if (strncmp(port->device, "net_ring", 8) != 0) {
		diag_add(r, DIAG_OK, "port %s is a device that DPDK makes", port->device);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_FAULT,
		"port %s: nobody else could put packets into its rings", port->device);
	diag_so(item, "smtap run does not start");
	diag_mend(item, "# for packets of another process take net_memif0,role=server,socket=PATH; "
			"for a capture smtap replay");
}

/* libbpf keeps the map of AF_XDP sockets there. */
static void
examine_bpf(const struct doctor *d, struct diag *r)
{
	char *mounts = tree_text(&d->tree, "/proc/mounts");
	char *rest = mounts;
	char type[64];
	bool found = false;

	for (char *line; mounts && !found && (line = strsep(&rest, "\n")) != NULL;)
		found = sscanf(line, "%*s %*s %63s", type) == 1 && strcmp(type, "bpf") == 0;
	free(mounts);
	if (found) {
		diag_add(r, DIAG_OK, "bpffs is mounted");
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_FAULT, "bpffs is not mounted");
	diag_so(item, "a port on AF_XDP does not start");
	diag_mend(item, "sudo mount -t bpf bpf /sys/fs/bpf");
}

/* Devices that are no port: so that a person sees what there is to choose from. */
static void
list_device(const struct doctor *d, struct diag *r, const char *pci)
{
	char driver[DOCTOR_NAME_MAX];
	char interfaces[INTERFACES_MAX];

	find_interfaces(&d->tree, pci, interfaces);
	for (unsigned i = 0; i < d->port_count; i++) {
		if (strcmp(d->ports[i].device, pci) == 0 ||
			doctor_has_word(interfaces, d->ports[i].device))
			return;
	}
	tree_link(&d->tree, driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver", pci);
	diag_add(r, DIAG_OK, "%s is no port of smtap's; bound to %s%s%s", pci,
		driver[0] ? driver : "no driver", interfaces[0] ? " as " : "", interfaces);
}

void
doctor_nic(const struct doctor *d, struct diag *r)
{
	struct tree_names devices;
	int64_t class;

	if (d->port_count == 0)
		diag_add(r, DIAG_OK, "no live port is configured or named");
	for (unsigned i = 0; i < d->port_count; i++) {
		if (d->ports[i].kind == DOCTOR_PCI)
			examine_pci_port(d, r, &d->ports[i]);
		else if (d->ports[i].kind == DOCTOR_VIRTUAL)
			examine_virtual(r, &d->ports[i]);
		else
			examine_interface(d, r, &d->ports[i]);
	}
	if (doctor_has(d, DOCTOR_AF_XDP))
		examine_bpf(d, r);
	tree_list(&d->tree, &devices, "/sys/bus/pci/devices");
	for (int i = 0; i < devices.count; i++) {
		const char *pci = devices.entry[i]->d_name;

		if (tree_number(&d->tree, &class, "/sys/bus/pci/devices/%s/class", pci) &&
			class >> 16 == CLASS_NETWORK)
			list_device(d, r, pci);
	}
	tree_names_free(&devices);
}
