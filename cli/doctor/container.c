/* container: limits of the control groups that we are in, each as tight as the tightest above. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"

#define PATH_LEN 512

/* Where the hierarchy of this type (and, for version 1, this controller) is mounted. */
static bool
find_mount(const struct doctor *d, const char *type, const char *controller, char out[PATH_LEN])
{
	char *mounts = tree_text(&d->tree, "/proc/mounts");
	char *rest = mounts;
	char dir[256];
	char of_type[64];
	char options[256];
	bool found = false;

	for (char *line; mounts && !found && (line = strsep(&rest, "\n")) != NULL;) {
		if (sscanf(line, "%*s %255s %63s %255s", dir, of_type, options) != 3 ||
			strcmp(of_type, type) != 0)
			continue;
		if (controller && !strstr(options, controller))
			continue;
		snprintf(out, PATH_LEN, "%s", dir);
		found = true;
	}
	free(mounts);
	return found;
}

/* Our place in the hierarchy: the end of the line "0::" or "4:memory:". */
static void
find_place(const struct doctor *d, const char *mark, char out[PATH_LEN])
{
	char *text = tree_text(&d->tree, "/proc/self/cgroup");
	const char *at = text ? strstr(text, mark) : NULL;

	out[0] = '\0';
	if (at) {
		at += strlen(mark);
		snprintf(out, PATH_LEN, "%.*s", (int)strcspn(at, "\n"), at);
	}
	free(text);
	if (strcmp(out, "/") == 0)
		out[0] = '\0';
}

struct group {
	char mount[PATH_LEN];
	char place[PATH_LEN]; /* "" or "/a/b" */
};

static bool
find_group(const struct doctor *d, struct group *g)
{
	if (!find_mount(d, "cgroup2", NULL, g->mount))
		return false;
	find_place(d, "0::", g->place);
	/* A container may see its place by the host's name, and not the folder. */
	if (!tree_exists(&d->tree, "%s%s", g->mount, g->place))
		g->place[0] = '\0';
	return true;
}

/* The least number that a file has in our group and those above; "max" is none. */
static bool
least(const struct doctor *d, const struct group *g, const char *file, uint64_t *out)
{
	char place[PATH_LEN];
	char line[64];
	bool found = false;

	snprintf(place, sizeof(place), "%s", g->place);
	for (;;) {
		if (tree_line(&d->tree, line, sizeof(line), "%s%s/%s", g->mount, place, file) &&
			line[0] >= '0' && line[0] <= '9') {
			uint64_t value = strtoull(line, NULL, 10);

			*out = found && *out < value ? *out : value;
			found = true;
		}
		char *slash = strrchr(place, '/');
		if (!slash)
			return found;
		*slash = '\0';
	}
}

static void
examine_memory(const struct doctor *d, struct diag *r, uint64_t limit)
{
	uint64_t want = doctor_table_bytes(d);
	char have[24];
	char need[24];

	doctor_size(limit, have);
	doctor_size(want, need);
	if (limit >= want) {
		diag_add(r, DIAG_OK, "the control group may have %s; full tables take %s", have,
			need);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_FAULT,
		"the control group may have %s of memory; full tables take %s", have, need);
	diag_so(item, "once enough sessions and sources are tracked, the kernel kills smtap");
	diag_mend(item,
		"# raise it (docker run --memory, MemoryMax= of the service), or lower "
		"dataplane.sessions and aggregate.* in %s",
		d->config_file);
}

/* "200000 100000": two processors' worth; "max 100000": no limit. */
static void
examine_quota(const struct doctor *d, struct diag *r, const struct group *g)
{
	char line[64];
	unsigned long long quota;
	unsigned long long period;

	if (!tree_line(&d->tree, line, sizeof(line), "%s%s/cpu.max", g->mount, g->place) ||
		sscanf(line, "%llu %llu", &quota, &period) != 2 || period == 0)
		return;
	/* Who polls takes all of its processor. */
	if (quota >= doctor_lcores(d) * period) {
		diag_add(r, DIAG_OK, "the control group may use %.1f processors",
			(double)quota / (double)period);
		return;
	}
	struct diag_item *item = diag_add(r, d->port_count ? DIAG_FAULT : DIAG_WARNING,
		"the control group may use %.1f processors; %u thread%s poll%s",
		(double)quota / (double)period, doctor_lcores(d), doctor_lcores(d) == 1 ? "" : "s",
		doctor_lcores(d) == 1 ? "s" : "");
	diag_so(item, "all of them stand still for the rest of each %.0f ms: packets are lost",
		(double)period / 1000);
	diag_mend(item, "# start the container without --cpus, the service without CPUQuota=; "
			"give it processors: --cpuset-cpus, AllowedCPUs=");
}

static void
examine_hugetlb(const struct doctor *d, struct diag *r, const struct group *g)
{
	uint64_t limit;
	char have[24];
	char need[24];

	if (!least(d, g, "hugetlb.2MB.max", &limit) || limit >= doctor_packet_bytes(d))
		return;
	struct diag_item *item = diag_add(r, doctor_has(d, DOCTOR_PCI) ? DIAG_FAULT : DIAG_WARNING,
		"the control group may have %s of hugepages; packet buffers take %s",
		doctor_size(limit, have), doctor_size(doctor_packet_bytes(d), need));
	diag_so(item, "the dataplane is killed (SIGBUS) when it touches its buffers");
	diag_mend(item, "# in Kubernetes: resources.limits.hugepages-2Mi: %s; else:", need);
	diag_mend(item, "echo max | sudo tee %s%s/hugetlb.2MB.max", g->mount, g->place);
}

static void
examine_cpuset(const struct doctor *d, struct diag *r, const struct group *g)
{
	char line[1024];
	struct cpus set;
	unsigned want = doctor_lcores(d) + 1;

	if (!tree_line(&d->tree, line, sizeof(line), "%s%s/cpuset.cpus.effective", g->mount,
		    g->place) ||
		!cpus_parse(&set, line) || cpus_count(&set) >= want)
		return;
	struct diag_item *item = diag_add(r, d->port_count ? DIAG_FAULT : DIAG_WARNING,
		"the control group has processors %s; %u are wanted", line, want);
	diag_so(item, "threads that poll take turns on one processor: packets are lost meanwhile");
	diag_mend(item,
		"# docker run --cpuset-cpus, AllowedCPUs= of the service; or lower "
		"dataplane.workers in %s",
		d->config_file);
}

void
doctor_container(const struct doctor *d, struct diag *r)
{
	struct group g;
	struct group old;
	uint64_t limit;
	bool unified = find_group(d, &g);
	bool limited = unified && least(d, &g, "memory.max", &limit);

	if (!limited && find_mount(d, "cgroup", "memory", old.mount)) {
		find_place(d, ":memory:", old.place);
		if (!tree_exists(&d->tree, "%s%s", old.mount, old.place))
			old.place[0] = '\0';
		/* Version 1 writes "no limit" as a number near 2^63. */
		limited = least(d, &old, "memory.limit_in_bytes", &limit) && limit < 1ULL << 60;
	}
	if (limited)
		examine_memory(d, r, limit);
	else
		diag_add(r, DIAG_OK, "no control group limits memory");
	if (!unified)
		return;
	examine_quota(d, r, &g);
	examine_cpuset(d, r, &g);
	examine_hugetlb(d, r, &g);
}
