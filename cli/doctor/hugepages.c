/* hugepages: where packets live. Count and what is free per node, mounts, who may use them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"

#define DEFAULT_KB 2048

struct pages {
	uint64_t total_bytes;
	uint64_t free_bytes;
};

/* One folder of hugepages-*kB folders. */
static struct pages
count_pages(const struct tree *t, const char *folder)
{
	struct pages pages = {0};
	struct tree_names sizes;

	tree_list(t, &sizes, "%s", folder);
	for (int i = 0; i < sizes.count; i++) {
		const char *name = sizes.entry[i]->d_name;
		unsigned long kb;
		int64_t total = 0;
		int64_t free_pages = 0;

		if (sscanf(name, "hugepages-%lukB", &kb) != 1)
			continue;
		tree_number(t, &total, "%s/%s/nr_hugepages", folder, name);
		tree_number(t, &free_pages, "%s/%s/free_hugepages", folder, name);
		pages.total_bytes += (uint64_t)total * kb << 10;
		pages.free_bytes += (uint64_t)free_pages * kb << 10;
	}
	tree_names_free(&sizes);
	return pages;
}

/* Does a port that needs them stand on this node, or on one that is not known? */
static bool
is_wanted_on(const struct doctor *d, int node)
{
	for (unsigned i = 0; i < d->port_count; i++) {
		int at = doctor_node_of(d, &d->ports[i]);

		if (d->ports[i].kind == DOCTOR_PCI && (at == node || at < 0))
			return true;
	}
	return false;
}

static uint64_t
wanted_pages(const struct doctor *d)
{
	uint64_t page = (uint64_t)DEFAULT_KB << 10;
	uint64_t pages = (doctor_packet_bytes(d) + page - 1) / page;

	return (pages + 255) / 256 * 256;
}

/* What is taken is left to who has it. */
static void
mend_count(const struct doctor *d, struct diag_item *item, int node, struct pages now)
{
	uint64_t taken = (now.total_bytes - now.free_bytes) / ((uint64_t)DEFAULT_KB << 10);

	diag_mend(item,
		"echo %llu | sudo tee /sys/devices/system/node/node%d/hugepages/"
		"hugepages-%dkB/nr_hugepages",
		(unsigned long long)(wanted_pages(d) + taken), node, DEFAULT_KB);
}

static void
examine_node(const struct doctor *d, struct diag *r, int node)
{
	char folder[96];
	char total[24];
	char left[24];
	bool wanted = is_wanted_on(d, node);
	struct diag_item *item;

	snprintf(folder, sizeof(folder), "/sys/devices/system/node/node%d/hugepages", node);
	struct pages pages = count_pages(&d->tree, folder);
	doctor_size(pages.total_bytes, total);
	doctor_size(pages.free_bytes, left);
	if (pages.total_bytes == 0) {
		item = diag_add(
			r, wanted ? DIAG_FAULT : DIAG_WARNING, "node %d has no hugepages", node);
		diag_so(item, wanted ? "the port on this node gets no packet buffers: smtap run "
				       "does not start"
				     : "a port on a driver of DPDK does not start here; captures "
				       "and af_packet need none");
		mend_count(d, item, node, pages);
	} else if (pages.free_bytes < doctor_packet_bytes(d)) {
		item = diag_add(r, wanted ? DIAG_FAULT : DIAG_WARNING,
			"node %d: %s of %s of hugepages are free", node, left, total);
		diag_so(item, "%u worker%s take about %s of packet buffers",
			(unsigned)d->config.workers, d->config.workers == 1 ? "" : "s",
			doctor_size(doctor_packet_bytes(d), total));
		mend_count(d, item, node, pages);
		diag_mend(item, "sudo smtap doctor    # its check eal names who holds pages");
	} else {
		diag_add(r, DIAG_OK, "node %d: %s of %s of hugepages are free", node, left, total);
	}
}

/* The second and fourth word of a line of /proc/mounts whose third is hugetlbfs. */
static bool
parse_mount(const char *line, char dir[256], char options[256])
{
	char type[64];

	return sscanf(line, "%*s %255s %63s %255s", dir, type, options) == 3 &&
	       strcmp(type, "hugetlbfs") == 0;
}

static void
examine_mount(const struct doctor *d, struct diag *r, const char *dir, const char *options)
{
	bool wanted = doctor_has(d, DOCTOR_PCI);
	struct diag_item *item;
	struct stat st;

	if (strncmp(options, "ro,", 3) == 0 || strcmp(options, "ro") == 0) {
		item = diag_add(
			r, wanted ? DIAG_FAULT : DIAG_WARNING, "%s is mounted read-only", dir);
		diag_so(item, "DPDK cannot make its files there");
		diag_mend(item, "sudo mount -o remount,rw %s", dir);
	} else if (tree_stat(&d->tree, &st, "%s", dir) != 0) {
		diag_add(r, DIAG_UNSEEN, "%s cannot be seen without root", dir);
	} else if (!doctor_may_write(d, &st)) {
		item = diag_add(r, wanted ? DIAG_FAULT : DIAG_WARNING,
			"user %u may not write to %s (mode %04o)", d->self.uid, dir,
			(unsigned)st.st_mode & 07777);
		diag_so(item, "run by this user, DPDK finds no hugepages");
		diag_mend(item, "sudo chown %u %s", d->self.uid, dir);
	} else {
		diag_add(r, DIAG_OK, "hugetlbfs is at %s (%s)", dir, options);
	}
}

static void
examine_mounts(const struct doctor *d, struct diag *r)
{
	char *mounts = tree_text(&d->tree, "/proc/mounts");
	char dir[256];
	char options[256];
	unsigned found = 0;

	if (!mounts) {
		diag_add(r, DIAG_UNSEEN, "/proc/mounts cannot be read: no mount is known");
		return;
	}
	char *rest = mounts;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (!parse_mount(line, dir, options))
			continue;
		found++;
		examine_mount(d, r, dir, options);
	}
	free(mounts);
	if (found > 0)
		return;
	struct diag_item *item = diag_add(r, doctor_has(d, DOCTOR_PCI) ? DIAG_FAULT : DIAG_WARNING,
		"hugetlbfs is not mounted");
	diag_so(item, "DPDK has nowhere to keep the files of its hugepages");
	diag_mend(item, "sudo mkdir -p /dev/hugepages && sudo mount -t hugetlbfs nodev "
			"/dev/hugepages");
}

/* smtap's own tables ask for transparent ones (madvise). */
static void
examine_transparent(const struct doctor *d, struct diag *r)
{
	char line[64];

	if (!tree_line(&d->tree, line, sizeof(line), "/sys/kernel/mm/transparent_hugepage/enabled"))
		return;
	if (!strstr(line, "[never]")) {
		diag_add(r, DIAG_OK, "transparent hugepages: %s", line);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_WARNING, "transparent hugepages are off");
	diag_so(item, "tables of sessions and sources are on 4 KiB pages: each lookup may walk the "
		      "page tables");
	diag_mend(item, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
}

void
doctor_hugepages(const struct doctor *d, struct diag *r)
{
	struct tree_names nodes;
	unsigned seen = 0;

	tree_list(&d->tree, &nodes, "/sys/devices/system/node");
	for (int i = 0; i < nodes.count; i++) {
		int node;
		char rest;

		if (sscanf(nodes.entry[i]->d_name, "node%d%c", &node, &rest) != 1)
			continue;
		if (!tree_exists(&d->tree, "/sys/devices/system/node/node%d/hugepages", node))
			continue;
		seen++;
		examine_node(d, r, node);
	}
	tree_names_free(&nodes);
	if (seen == 0) {
		struct diag_item *item =
			diag_add(r, doctor_has(d, DOCTOR_PCI) ? DIAG_FAULT : DIAG_WARNING,
				"this kernel has no hugepages, or does not show them");
		diag_so(item, "a port on a driver of DPDK does not start");
		diag_mend(item, "# in a container: mount the host's /sys; else a kernel with "
				"CONFIG_HUGETLBFS");
	}
	examine_mounts(d, r);
	examine_transparent(d, r);
}
