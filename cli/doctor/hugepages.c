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

/* Those of 2 MiB: smtap counts no others. */
static struct pages
count_pages(const struct tree *t, const char *folder)
{
	int64_t total = 0;
	int64_t free_pages = 0;

	tree_number(t, &total, "%s/hugepages-%dkB/nr_hugepages", folder, DEFAULT_KB);
	tree_number(t, &free_pages, "%s/hugepages-%dkB/free_hugepages", folder, DEFAULT_KB);
	return (struct pages){.total_bytes = (uint64_t)total * DEFAULT_KB << 10,
		.free_bytes = (uint64_t)free_pages * DEFAULT_KB << 10};
}

/*
 * smtap run does without hugepages when there are too few: slower; but a device that no IOMMU
 * translates for must be told where in memory its buffers are, which ordinary pages do not keep.
 */
static enum diag_status
severity_on(const struct doctor *d, int node)
{
	bool translated = doctor_iommu_groups(d) > 0;

	for (unsigned i = 0; i < d->port_count; i++) {
		int at = doctor_node_of(d, &d->ports[i]);

		if (doctor_needs_vfio(d, &d->ports[i]) && !translated && (at == node || at < 0))
			return DIAG_FAULT;
	}
	return DIAG_WARNING;
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
	char want[24];
	enum diag_status severity = severity_on(d, node);

	snprintf(folder, sizeof(folder), "/sys/devices/system/node/node%d/hugepages", node);
	struct pages pages = count_pages(&d->tree, folder);
	doctor_size(pages.total_bytes, total);
	doctor_size(pages.free_bytes, left);
	if (pages.free_bytes >= doctor_packet_bytes(d)) {
		diag_add(r, DIAG_OK, "node %d: %s of %s of hugepages are free", node, left, total);
		return;
	}
	struct diag_item *item;
	if (pages.total_bytes == 0)
		item = diag_add(r, severity, "node %d has no hugepages of 2 MiB", node);
	else
		item = diag_add(r, severity,
			"node %d: %s of %s of hugepages are free; packets take %s", node, left,
			total, doctor_size(doctor_packet_bytes(d), want));
	diag_so(item,
		severity == DIAG_FAULT
			? "without an IOMMU the port on this node needs them: smtap run does "
			  "not start"
			: "smtap run does without: packets are on pages of 4 KiB, and slower; "
			  "captures need none");
	mend_count(d, item, node, pages);
}

/* The second and fourth word of a line of /proc/mounts whose third is hugetlbfs. */
static bool
parse_mount(const char *line, char dir[256], char options[256])
{
	char type[64];

	return sscanf(line, "%*s %255s %63s %255s", dir, type, options) == 3 &&
	       strcmp(type, "hugetlbfs") == 0;
}

/* smtap makes no files there (EAL's --in-memory): a mount is what other programs need. */
static void
examine_mounts(const struct doctor *d, struct diag *r)
{
	char *mounts = tree_text(&d->tree, "/proc/mounts");
	char *rest = mounts;
	char dir[256];
	char options[256];
	unsigned found = 0;

	for (char *line; mounts && (line = strsep(&rest, "\n")) != NULL;) {
		struct stat st;
		const char *more = "";

		if (!parse_mount(line, dir, options))
			continue;
		found++;
		if (tree_stat(&d->tree, &st, "%s", dir) != 0)
			more = ", not to be seen without root";
		else if (!doctor_may_write(d, &st) || strncmp(options, "ro", 2) == 0)
			more = ", not for this user to write to";
		diag_add(r, DIAG_OK, "hugetlbfs is at %s (%s)%s; smtap needs no mount", dir,
			options, more);
	}
	free(mounts);
	if (found == 0)
		diag_add(r, DIAG_OK, "hugetlbfs is not mounted; smtap needs no mount");
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
		struct diag_item *item = diag_add(
			r, DIAG_WARNING, "this kernel has no hugepages, or does not show them");
		diag_so(item, "packets are on pages of 4 KiB, and slower");
		diag_mend(item, "# in a container: mount the host's /sys; else a kernel with "
				"CONFIG_HUGETLBFS");
	}
	examine_mounts(d, r);
	examine_transparent(d, r);
}
