/* iommu: may a port be handed to DPDK, and does the IOMMU guard memory from it? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"

static bool
needs_vfio(const struct doctor *d)
{
	for (unsigned i = 0; i < d->port_count; i++) {
		if (doctor_needs_vfio(d, &d->ports[i]))
			return true;
	}
	return false;
}

static bool
is_intel(const struct doctor *d)
{
	char *text = tree_text(&d->tree, "/proc/cpuinfo");
	bool intel = text && strstr(text, "GenuineIntel") != NULL;

	free(text);
	return intel;
}

unsigned
doctor_iommu_groups(const struct doctor *d)
{
	struct tree_names groups;

	tree_list(&d->tree, &groups, "/sys/kernel/iommu_groups");
	unsigned count = (unsigned)groups.count;
	tree_names_free(&groups);
	return count;
}

static void
mend_iommu(const struct doctor *d, struct diag_item *item)
{
	diag_mend(item, "# in the firmware: %s on; then", is_intel(d) ? "VT-d" : "IOMMU (AMD-Vi)");
	diag_mend(item,
		"sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%siommu=pt /' /etc/default/grub && "
		"sudo update-grub && sudo reboot",
		is_intel(d) ? "intel_iommu=on " : "");
}

static void
examine_groups(const struct doctor *d, struct diag *r)
{
	unsigned groups = doctor_iommu_groups(d);
	char unsafe[8];
	struct diag_item *item;

	tree_line(&d->tree, unsafe, sizeof(unsafe),
		"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	bool without = unsafe[0] == 'Y' || unsafe[0] == '1';
	if (groups > 0) {
		diag_add(r, DIAG_OK, "the IOMMU is on (%u groups)", groups);
		return;
	}
	if (without) {
		item = diag_add(r, DIAG_WARNING, "no IOMMU; vfio is in its no-IOMMU mode");
		diag_so(item, "a port's device may read and write all memory, and DPDK must run "
			      "as root");
		mend_iommu(d, item);
		return;
	}
	item = diag_add(r, needs_vfio(d) ? DIAG_FAULT : DIAG_WARNING,
		"no IOMMU is on, and vfio is not in its no-IOMMU mode");
	diag_so(item,
		"no device can be bound to vfio-pci; captures, af_packet and af_xdp need none");
	mend_iommu(d, item);
	diag_mend(item, "# or, in a virtual machine that you trust with all of its memory:");
	diag_mend(item, "sudo modprobe vfio enable_unsafe_noiommu_mode=1 && echo 1 | sudo tee "
			"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
}

static void
examine_module(const struct doctor *d, struct diag *r)
{
	if (tree_exists(&d->tree, "/sys/module/vfio_pci") ||
		tree_exists(&d->tree, "/sys/bus/pci/drivers/vfio-pci")) {
		diag_add(r, DIAG_OK, "vfio-pci is loaded");
		return;
	}
	struct diag_item *item =
		diag_add(r, needs_vfio(d) ? DIAG_FAULT : DIAG_WARNING, "vfio-pci is not loaded");
	diag_so(item, "no device can be bound to it; captures, af_packet and af_xdp need none");
	diag_mend(item, "sudo modprobe vfio-pci && echo vfio-pci | sudo tee "
			"/etc/modules-load.d/vfio-pci.conf");
}

/* All devices of a group must have been let go of by the kernel. */
static void
examine_group_of(const struct doctor *d, struct diag *r, const char *pci, const char *group)
{
	struct tree_names devices;

	tree_list(&d->tree, &devices, "/sys/kernel/iommu_groups/%s/devices", group);
	for (int i = 0; i < devices.count; i++) {
		const char *other = devices.entry[i]->d_name;
		char driver[DOCTOR_NAME_MAX];

		tree_link(
			&d->tree, driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver", other);
		if (strcmp(other, pci) == 0 || driver[0] == '\0' ||
			strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "pci-stub") == 0 ||
			strcmp(driver, "pcieport") == 0)
			continue;
		struct diag_item *item = diag_add(r, DIAG_FAULT,
			"%s shares IOMMU group %s with %s, which the kernel drives (%s)", pci,
			group, other, driver);
		diag_so(item, "vfio refuses the group: \"group is not viable\"");
		diag_mend(item, "sudo dpdk-devbind.py --bind=vfio-pci %s", other);
	}
	tree_names_free(&devices);
}

static void
examine_port(const struct doctor *d, struct diag *r, const char *pci)
{
	char group[32];
	struct stat st;

	if (!tree_link(&d->tree, group, sizeof(group), "/sys/bus/pci/devices/%s/iommu_group", pci))
		return;
	examine_group_of(d, r, pci, group);
	if (tree_stat(&d->tree, &st, "/dev/vfio/%s", group) != 0)
		return; /* not bound yet: the check nic says so */
	if (doctor_may_write(d, &st)) {
		diag_add(
			r, DIAG_OK, "%s: /dev/vfio/%s is open to user %u", pci, group, d->self.uid);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_FAULT,
		"user %u may not open /dev/vfio/%s, which is %s", d->self.uid, group, pci);
	diag_so(item, "the port does not start: \"failed to open VFIO group\"");
	diag_mend(item, "sudo chown %u /dev/vfio/%s", d->self.uid, group);
}

void
doctor_iommu(const struct doctor *d, struct diag *r)
{
	examine_groups(d, r);
	examine_module(d, r);
	for (unsigned i = 0; i < d->port_count; i++) {
		if (doctor_needs_vfio(d, &d->ports[i]))
			examine_port(d, r, d->ports[i].device);
	}
}
