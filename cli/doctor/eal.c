/*
 * eal: what other programs on DPDK hold, or left behind.
 *
 * EAL keeps a folder for each file prefix and, on hugetlbfs, PREFIXmap_N for each page it took.
 * A program that was killed leaves both; its pages stay taken until the files go. Who lives holds a
 * lock on its files, which /proc/locks shows to everybody: nothing is opened, nothing is tried.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cli/doctor/doctor.h"

#define PREFIX_MAX 96
#define MAP_MARK "map_"

struct holder {
	int pid;
	char name[64];
};

/* Who has a lock on this file? pid 0: nobody. */
static struct holder
find_holder(const struct doctor *d, const char *locks, const struct stat *st)
{
	struct holder holder = {0};

	for (const char *line = locks; line && *line; line = strchr(line, '\n')) {
		unsigned major_number;
		unsigned minor_number;
		unsigned long long inode;
		int pid;

		line += *line == '\n';
		if (sscanf(line, "%*s %*s %*s %*s %d %x:%x:%llu", &pid, &major_number,
			    &minor_number, &inode) != 4)
			continue;
		if (inode != st->st_ino || major_number != major(st->st_dev) ||
			minor_number != minor(st->st_dev))
			continue;
		holder.pid = pid;
		tree_line(&d->tree, holder.name, sizeof(holder.name), "/proc/%d/comm", pid);
		return holder;
	}
	return holder;
}

static void
examine_prefix(const struct doctor *d, struct diag *r, const char *locks, const char *folder)
{
	const char *prefix = strrchr(folder, '/') + 1;
	struct tree_names inside;
	struct diag_item *item;
	struct stat st;

	tree_list(&d->tree, &inside, "%s", folder);
	int files = inside.count;
	int error = inside.error;
	tree_names_free(&inside);
	if (error != 0) {
		diag_add(r, DIAG_UNSEEN, "%s cannot be seen without root", folder);
		return;
	}
	if (tree_stat(&d->tree, &st, "%s/config", folder) == 0) {
		struct holder holder = find_holder(d, locks, &st);

		if (holder.pid != 0) {
			diag_add(r, DIAG_OK, "file prefix %s is in use by %s (pid %d)", prefix,
				holder.name[0] ? holder.name : "a program", holder.pid);
			return;
		}
	}
	if (files == 0) {
		diag_add(r, DIAG_OK, "%s is empty", folder);
		return;
	}
	item = diag_add(r, DIAG_WARNING, "%s was left behind by a program that ended", folder);
	diag_so(item,
		"smtap keeps no such files; another program with file prefix %s may refuse to "
		"start, "
		"or take over what it finds",
		prefix);
	diag_mend(item, "sudo rm -r %s", folder);
}

static void
examine_runtime(const struct doctor *d, struct diag *r, const char *locks, const char *top)
{
	struct tree_names prefixes;
	char folder[512];

	tree_list(&d->tree, &prefixes, "%s", top);
	if (prefixes.error == -EACCES)
		diag_add(r, DIAG_UNSEEN, "%s cannot be seen without root", top);
	for (int i = 0; i < prefixes.count; i++) {
		snprintf(folder, sizeof(folder), "%s/%s", top, prefixes.entry[i]->d_name);
		examine_prefix(d, r, locks, folder);
	}
	tree_names_free(&prefixes);
}

/* The pages of one prefix in one mount. */
struct held {
	char prefix[PREFIX_MAX];
	unsigned pages;
	uint64_t bytes;
	struct holder holder;
};

static void
tell_held(struct diag *r, const struct held *held, const char *mount)
{
	char size[24];
	struct diag_item *item;

	if (held->pages == 0)
		return;
	doctor_size(held->bytes, size);
	if (held->holder.pid != 0) {
		diag_add(r, DIAG_OK, "%s holds %s of hugepages in %s as %s (pid %d)",
			held->holder.name[0] ? held->holder.name : "a program", size, mount,
			held->prefix, held->holder.pid);
		return;
	}
	item = diag_add(r, DIAG_WARNING, "%u stale files hold %s of hugepages: %s/%s%s*",
		held->pages, size, mount, held->prefix, MAP_MARK);
	diag_so(item, "the program has ended, its pages are still taken: others find too few");
	diag_mend(item, "sudo rm %s/%s%s*", mount, held->prefix, MAP_MARK);
}

static void
examine_mount(const struct doctor *d, struct diag *r, const char *locks, const char *mount)
{
	struct tree_names files;
	struct held held = {0};

	/* Sorted, so that the files of one prefix follow each other. */
	tree_list(&d->tree, &files, "%s", mount);
	for (int i = 0; i < files.count; i++) {
		const char *name = files.entry[i]->d_name;
		const char *mark = strstr(name, MAP_MARK);
		struct stat st;

		if (!mark || mark - name >= PREFIX_MAX)
			continue;
		size_t len = (size_t)(mark - name);
		if (strlen(held.prefix) != len || strncmp(held.prefix, name, len) != 0) {
			tell_held(r, &held, mount);
			held = (struct held){0};
			memcpy(held.prefix, name, len);
		}
		if (tree_stat(&d->tree, &st, "%s/%s", mount, name) != 0)
			continue;
		held.pages++;
		held.bytes += (uint64_t)st.st_size;
		if (held.holder.pid == 0)
			held.holder = find_holder(d, locks, &st);
	}
	tell_held(r, &held, mount);
	tree_names_free(&files);
}

static void
examine_mounts(const struct doctor *d, struct diag *r, const char *locks)
{
	char *mounts = tree_text(&d->tree, "/proc/mounts");
	char *rest = mounts;
	char dir[256];
	char type[64];

	for (char *line; mounts && (line = strsep(&rest, "\n")) != NULL;) {
		if (sscanf(line, "%*s %255s %63s", dir, type) == 2 &&
			strcmp(type, "hugetlbfs") == 0)
			examine_mount(d, r, locks, dir);
	}
	free(mounts);
}

void
doctor_eal(const struct doctor *d, struct diag *r)
{
	char *locks = tree_text(&d->tree, "/proc/locks");
	char own[64];
	unsigned before = r->count;

	/* Without it the living look like the dead, and the remedy would harm them. */
	if (!locks) {
		diag_add(r, DIAG_UNSEEN, "/proc/locks cannot be read: who holds what is unknown");
		return;
	}
	snprintf(own, sizeof(own), "/run/user/%u/dpdk", d->self.uid);
	examine_runtime(d, r, locks, "/var/run/dpdk");
	examine_runtime(d, r, locks, "/tmp/dpdk");
	examine_runtime(d, r, locks, own);
	examine_mounts(d, r, locks);
	if (r->count == before)
		diag_add(r, DIAG_OK, "no other program on DPDK runs here or left files behind");
	free(locks);
}
