/*
 * What the tests of the doctor share: a machine made of files in a folder of the test's own,
 * healthy unless a test says otherwise, and what a probe would answer.
 */
#ifndef SMTAP_TESTS_DOCTOR_TREE_H
#define SMTAP_TESTS_DOCTOR_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/doctor/doctor.h"

#define ROOT_STATUS                                                       \
	"Name:\tsmtap\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 \n" \
	"CapEff:\t000001ffffffffff\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\n"
/* Of nobody: its id is that of no file here. */
#define USER_STATUS                                                                          \
	"Name:\tsmtap\nUid:\t54321\t54321\t54321\t54321\nGid:\t54321\t54321\t54321\t54321\n" \
	"Groups:\t54321 54322 \nCapEff:\t0000000000000000\nCpus_allowed_list:\t0-3\n"

#define PCI_A "0000:3b:00.0"
#define PCI_B "0000:3b:00.1"

struct machine {
	char root[64];
	struct doctor doctor;
	struct diag diag;
};

/* What the probe answers; tests set it. */
static struct {
	struct doctor_link link;
	int addresses;
	int synced;
	uint64_t file_capabilities;
} answers;

static void
answer_link(const char *interface, struct doctor_link *out)
{
	(void)interface;
	*out = answers.link;
}

static int
answer_addresses(const char *interface)
{
	(void)interface;
	return answers.addresses;
}

static int
answer_synced(void)
{
	return answers.synced;
}

static uint64_t
answer_file_capabilities(const char *path)
{
	(void)path;
	return answers.file_capabilities;
}

static const struct doctor_probe answering = {
	answer_link, answer_addresses, answer_synced, answer_file_capabilities};

/* The path below the machine's root, its folders made. */
static inline void
make_path(const struct machine *m, const char *path, char out[512])
{
	snprintf(out, 512, "%s%s", m->root, path);
	for (char *p = out + strlen(m->root) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(out, 0755);
		*p = '/';
	}
}

static inline void
put(const struct machine *m, const char *path, const char *text)
{
	char full[512];

	make_path(m, path, full);
	FILE *out = fopen(full, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static inline void
put_folder(const struct machine *m, const char *path, mode_t mode)
{
	char full[512];

	make_path(m, path, full);
	mkdir(full, mode);
	assert_int_equal(chmod(full, mode), 0);
}

static inline void
put_link(const struct machine *m, const char *path, const char *target)
{
	char full[512];

	make_path(m, path, full);
	unlink(full);
	assert_int_equal(symlink(target, full), 0);
}

static inline void
take_away(const struct machine *m, const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s%s'", m->root, path);
	assert_int_equal(system(command), 0);
}

/* "1: FLOCK ADVISORY READ 77 fd:00:1234 0 EOF" for a file: process 77 uses it. */
static inline void
put_lock(const struct machine *m, const char *path)
{
	char full[512];
	char line[256];
	struct stat st;

	make_path(m, path, full);
	assert_int_equal(stat(full, &st), 0);
	snprintf(line, sizeof(line),
		"1: POSIX  ADVISORY  WRITE 5 00:10:3 0 EOF\n"
		"2: FLOCK  ADVISORY  READ 77 %02x:%02x:%llu 0 EOF\n",
		major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
	put(m, "/proc/locks", line);
}

/* A network device and its driver; net: its interface, or NULL. */
static inline void
put_device(const struct machine *m, const char *pci, const char *driver, const char *net)
{
	char path[256];
	char target[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", pci);
	put(m, path, "0x020000\n");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", pci);
	put(m, path, "0\n");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", pci);
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
	put_link(m, path, target);
	if (!net)
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net/%s/mtu", pci, net);
	put(m, path, "1500\n");
}

static inline void
put_interface(const struct machine *m, const char *name, const char *flags, unsigned queues)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	put(m, path, flags);
	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	put(m, path, "1\n");
	for (unsigned i = 0; i < queues; i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/queues/rx-%u/rps_cpus", name, i);
		put(m, path, "0\n");
	}
}

#define PAGES "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"

/* A machine on which nothing is wrong: four processors, two of them isolated. */
static inline void
put_healthy(const struct machine *m)
{
	put(m, "/proc/self/status", ROOT_STATUS);
	put(m, "/proc/self/limits",
		"Limit                     Soft Limit           Hard Limit           Units\n"
		"Max open files            65536                65536                files\n"
		"Max locked memory         unlimited            unlimited            bytes\n"
		"Max address space         unlimited            unlimited            bytes\n");
	put(m, "/proc/self/cgroup", "0::/\n");
	put(m, "/proc/cpuinfo",
		"processor\t: 0\nvendor_id\t: GenuineIntel\n"
		"flags\t\t: fpu constant_tsc nonstop_tsc ssse3 sse4_2 avx2\n");
	put(m, "/proc/cmdline", "quiet isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3\n");
	put(m, "/proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:   15000000 kB\n");
	put(m, "/proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n");
	put(m, "/proc/locks", "");
	put(m, "/proc/net/route", "Iface\tDestination\neth0\t00000000\n");
	put(m, "/proc/sys/kernel/osrelease", "6.1.0-13-amd64\n");
	put_folder(m, "/dev/hugepages", 0755);
	put(m, PAGES "nr_hugepages", "1024\n");
	put(m, PAGES "free_hugepages", "1024\n");
	put(m, "/sys/devices/system/node/node0/cpulist", "0-3\n");
	put(m, "/sys/devices/system/cpu/online", "0-3\n");
	put(m, "/sys/devices/system/cpu/isolated", "2-3\n");
	put(m, "/sys/devices/system/cpu/nohz_full", "2-3\n");
	for (int cpu = 0; cpu < 4; cpu++) {
		char path[128];
		char text[8];

		snprintf(path, sizeof(path),
			"/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
		snprintf(text, sizeof(text), "%d\n", cpu);
		put(m, path, text);
		snprintf(path, sizeof(path),
			"/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu);
		put(m, path, "performance\n");
	}
	put(m, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put(m, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put(m, "/sys/module/vfio_pci/refcnt", "1\n");
	put(m, "/sys/kernel/iommu_groups/7/type", "DMA\n");
}

static int
machine_open(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	strcpy(m->root, "/tmp/smtap-doctor-XXXXXX");
	assert_non_null(mkdtemp(m->root));
	put_healthy(m);
	answers.link = (struct doctor_link){0, 0, 4096, 4096, 0, 1};
	answers.addresses = 0;
	answers.synced = 1;
	answers.file_capabilities = 0;
	*state = m;
	return 0;
}

static int
machine_close(void **state)
{
	struct machine *m = *state;

	take_away(m, "");
	diag_free(&m->diag);
	doctor_close(&m->doctor);
	free(m);
	return 0;
}

/* Run one check with these ports (NULL: none), over the configuration in the file, if any. */
static inline void
examine(struct machine *m, const char *check, const char *ports, const char *file)
{
	char name[64];

	diag_free(&m->diag);
	doctor_close(&m->doctor);
	m->doctor = (struct doctor){.tree = {.root = m->root},
		.probe = &answering,
		.config_file = file ? file : "/nonexistent/smtap.yaml",
		.config_given = file != NULL,
		.program_dir = m->root};
	doctor_open(&m->doctor);
	for (const char *at = ports; at && *at; at += strcspn(at, " "), at += *at == ' ') {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, " "), at);
		assert_true(doctor_add_port(&m->doctor, name));
	}
	assert_true(doctor_examine_one(&m->doctor, &m->diag, check));
	assert_true(m->diag.count > 0);
}

static inline void
print_items(const struct machine *m)
{
	for (unsigned i = 0; i < m->diag.count; i++)
		print_message("# %s: %s | %s | %s\n", diag_status_name(m->diag.items[i].status),
			m->diag.items[i].found, m->diag.items[i].consequence,
			m->diag.items[i].remedy);
}

/* An item of this status whose text has this part; its remedy has that part. */
static inline void
expect_item(const struct machine *m, enum diag_status status, const char *found, const char *remedy)
{
	for (unsigned i = 0; i < m->diag.count; i++) {
		const struct diag_item *item = &m->diag.items[i];

		if (item->status != status || !strstr(item->found, found))
			continue;
		if (!strstr(item->remedy, remedy))
			continue;
		/* What is wrong has a consequence and a way out; what is well has neither. */
		assert_true((item->consequence[0] != '\0') == (status >= DIAG_WARNING));
		assert_true((item->remedy[0] != '\0') == (status >= DIAG_WARNING));
		return;
	}
	print_items(m);
	fail_msg("no %s with '%s' and '%s'", diag_status_name(status), found, remedy);
}

static inline void
expect_well(const struct machine *m)
{
	if (m->diag.by_status[DIAG_OK] == m->diag.count)
		return;
	print_items(m);
	fail_msg("something is wrong");
}

#define DOCTOR_TEST(name) cmocka_unit_test_setup_teardown(name, machine_open, machine_close)

#endif
