/* The doctor's checks of the machine: memory, processors, limits, control groups, clock. */
#include "doctor_tree.h"

#include "store/store.h"

static const char *const all_checks[] = {
#define X(name, help) #name,
	DOCTOR_CHECKS(X)
#undef X
};

#define CHECKS (sizeof(all_checks) / sizeof(all_checks[0]))

static void
put_config(const struct machine *m, const char *text, char path[512])
{
	put(m, "/etc/smtap.yaml", text);
	make_path(m, "/etc/smtap.yaml", path);
}

static void
healthy_machine_has_no_complaint(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	for (size_t i = 0; i < CHECKS; i++) {
		if (strcmp(all_checks[i], "patterns") == 0)
			continue; /* there are none in this folder */
		examine(m, all_checks[i], PCI_A, NULL);
		expect_well(m);
		assert_string_equal(m->diag.items[0].check, all_checks[i]);
	}
	assert_false(doctor_examine_one(&m->doctor, &m->diag, "nonsense"));
}

/* The store of this machine, in a folder of its own: its path. */
static const char *
configure_store(const struct machine *m)
{
	static char path[512];
	char text[700], config[512];

	put(m, "/var/smtap/keep", "");
	make_path(m, "/var/smtap/a.db", path);
	snprintf(text, sizeof(text), "store: {file: '%s'}\n", path);
	put_config(m, text, config);
	return path;
}

static void
examine_store(struct machine *m)
{
	char config[512];

	make_path(m, "/etc/smtap.yaml", config);
	examine(m, "store", NULL, config);
}

static void
a_store_is_missing_whole_damaged_or_of_somebody_else(void **state)
{
	struct machine *m = *state;
	const char *path = configure_store(m);
	struct store *store;
	char why[512];

	examine_store(m);
	expect_well(m);
	assert_int_equal(store_open(&store, path, STORE_WRITE, why, sizeof(why)), 0);
	store_close(store);
	examine_store(m);
	expect_well(m);
	FILE *f = fopen(path, "r+");
	for (long at = 4096; at < 40000; at += 16) {
		fseek(f, at, SEEK_SET);
		fputs("damage", f);
	}
	fclose(f);
	examine_store(m);
	expect_item(m, DIAG_FAULT, "a.db: ", ".recover");
	put(m, "/var/smtap/a.db",
		"a letter to a friend, longer than the head of a database, "
		"which has a hundred bytes, as the manual of SQLite says.\n");
	examine_store(m);
	expect_item(m, DIAG_FAULT, "not a database", "another store.file");
}

static void
empty_tree_is_unseen_or_wrong_but_never_a_crash(void **state)
{
	struct machine *m = *state;

	take_away(m, "/proc");
	take_away(m, "/sys");
	take_away(m, "/dev");
	for (size_t i = 0; i < CHECKS; i++)
		examine(m, all_checks[i], "eth1 " PCI_A " net_af_xdp0,iface=eth2 net_ring0", NULL);
	examine(m, "memory", NULL, NULL);
	assert_int_equal(m->diag.by_status[DIAG_UNSEEN], 1);
}

static void
node_without_hugepages_is_a_fault_where_no_iommu_helps(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	put(m, PAGES "nr_hugepages", "0\n");
	put(m, PAGES "free_hugepages", "0\n");
	examine(m, "hugepages", PCI_A, NULL);
	expect_item(m, DIAG_WARNING, "node 0 has no hugepages",
		"echo 256 | sudo tee " PAGES "nr_hugepages");
	take_away(m, "/sys/kernel/iommu_groups/7");
	examine(m, "hugepages", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "node 0 has no hugepages", "sudo tee");
	examine(m, "hugepages", "eth1", NULL);
	expect_item(m, DIAG_WARNING, "node 0 has no hugepages", "sudo tee");
	assert_int_equal(m->diag.by_status[DIAG_FAULT], 0);
	/* A driver that shares the device pins its buffers itself. */
	put_device(m, PCI_A, "mlx5_core", "eth1");
	examine(m, "hugepages", PCI_A, NULL);
	assert_int_equal(m->diag.by_status[DIAG_FAULT], 0);
}

static void
hugepages_on_the_other_node_do_not_help(void **state)
{
	struct machine *m = *state;
	const char *other =
		"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages";

	take_away(m, "/sys/kernel/iommu_groups/7");
	put_device(m, PCI_A, "vfio-pci", NULL);
	put(m, "/sys/bus/pci/devices/" PCI_A "/numa_node", "1\n");
	put(m, other, "0\n");
	examine(m, "hugepages", PCI_A, NULL);
	expect_item(m, DIAG_OK, "node 0: 2.0 GiB of 2.0 GiB", "");
	expect_item(m, DIAG_FAULT, "node 1 has no hugepages", other);
}

static void
pages_that_others_hold_are_left_to_them(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	put(m, PAGES "free_hugepages", "24\n");
	examine(m, "hugepages", PCI_A, NULL);
	/* 1000 are taken; 256 more are wanted. */
	expect_item(m, DIAG_WARNING, "48 MiB of 2.0 GiB of hugepages are free", "echo 1256 | ");
}

static void
pages_of_a_gigabyte_are_not_counted(void **state)
{
	struct machine *m = *state;

	put(m, PAGES "nr_hugepages", "0\n");
	put(m, PAGES "free_hugepages", "0\n");
	put(m, "/sys/devices/system/node/node0/hugepages/hugepages-1048576kB/free_hugepages",
		"4\n");
	examine(m, "hugepages", NULL, NULL);
	expect_item(m, DIAG_WARNING, "node 0 has no hugepages of 2 MiB", "hugepages-2048kB");
}

static void
mount_of_hugepages_is_told_and_not_asked_for(void **state)
{
	struct machine *m = *state;

	examine(m, "hugepages", NULL, NULL);
	expect_item(m, DIAG_OK, "at /dev/hugepages (rw,pagesize=2M); smtap needs no mount", "");
	put(m, "/proc/self/status", USER_STATUS);
	examine(m, "hugepages", NULL, NULL);
	expect_item(m, DIAG_OK, "(rw,pagesize=2M), not for this user to write to", "");
	put(m, "/proc/self/status", ROOT_STATUS);
	put(m, "/proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs ro,pagesize=2M 0 0\n");
	examine(m, "hugepages", NULL, NULL);
	expect_item(m, DIAG_OK, "(ro,pagesize=2M), not for this user to write to", "");
	put(m, "/proc/mounts", "proc /proc proc rw 0 0\n");
	examine(m, "hugepages", NULL, NULL);
	expect_item(m, DIAG_OK, "hugetlbfs is not mounted", "");
}

static void
transparent_hugepages_that_are_off_are_a_warning(void **state)
{
	struct machine *m = *state;

	put(m, "/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	examine(m, "hugepages", NULL, NULL);
	expect_item(m, DIAG_WARNING, "transparent hugepages are off", "echo madvise | sudo tee");
}

static void
runtime_folder_is_in_use_while_its_lock_is_held(void **state)
{
	struct machine *m = *state;

	put(m, "/var/run/dpdk/rte/config", "");
	put(m, "/proc/77/comm", "dpdk-testpmd\n");
	examine(m, "eal", NULL, NULL);
	expect_item(m, DIAG_WARNING, "/var/run/dpdk/rte was left behind",
		"sudo rm -r /var/run/dpdk/rte");
	put_lock(m, "/var/run/dpdk/rte/config");
	examine(m, "eal", NULL, NULL);
	expect_item(m, DIAG_OK, "file prefix rte is in use by dpdk-testpmd (pid 77)", "");
	expect_well(m);
}

static void
stale_hugepage_files_are_told_by_prefix_and_living_ones_spared(void **state)
{
	struct machine *m = *state;
	char full[512];

	for (int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/dev/hugepages/dead%smap_%d", i ? "" : "er", i);
		put(m, path, "");
		make_path(m, path, full);
		assert_int_equal(truncate(full, 2 << 20), 0);
	}
	put(m, "/dev/hugepages/rtemap_0", "");
	put_lock(m, "/dev/hugepages/rtemap_0");
	put(m, "/dev/hugepages/other", "");
	examine(m, "eal", NULL, NULL);
	expect_item(
		m, DIAG_WARNING, "2 stale files hold 4.0 MiB", "sudo rm /dev/hugepages/deadmap_*");
	expect_item(m, DIAG_WARNING, "1 stale files hold 2.0 MiB",
		"sudo rm /dev/hugepages/deadermap_*");
	expect_item(m, DIAG_OK, "as rte (pid 77)", "");
	assert_int_equal(m->diag.count, 3);
}

static void
nothing_is_called_stale_when_locks_cannot_be_read(void **state)
{
	struct machine *m = *state;

	put(m, "/var/run/dpdk/rte/config", "");
	take_away(m, "/proc/locks");
	examine(m, "eal", NULL, NULL);
	assert_int_equal(m->diag.by_status[DIAG_UNSEEN], 1);
	assert_int_equal(m->diag.count, 1);
}

static void
processor_without_what_hyperscan_wants_is_a_fault(void **state)
{
	struct machine *m = *state;

	put(m, "/proc/cpuinfo", "flags\t\t: fpu constant_tsc nonstop_tsc sse3 sse4_2\n");
	examine(m, "cpu", NULL, NULL);
	expect_item(m, DIAG_FAULT, "no SSSE3", "x86-64-v2");
	put(m, "/proc/cpuinfo", "flags\t\t: ssse3 sse4_2\n");
	examine(m, "cpu", NULL, NULL);
	expect_item(m, DIAG_WARNING, "no AVX2", "x86-64-v3");
	expect_item(m, DIAG_WARNING, "not invariant", "invtsc");
	put(m, "/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n");
	examine(m, "cpu", NULL, NULL);
	expect_well(m);
}

static void
processors_that_nobody_isolated_are_a_warning_with_the_command_line(void **state)
{
	struct machine *m = *state;

	put(m, "/sys/devices/system/cpu/isolated", "\n");
	examine(m, "isolation", NULL, NULL);
	expect_item(m, DIAG_WARNING, "no processor is isolated",
		"isolcpus=managed_irq,domain,3 nohz_full=3 rcu_nocbs=3");
}

static void
isolated_processors_must_be_ours_and_quiet(void **state)
{
	struct machine *m = *state;

	/* A shell's processes are kept off isolated processors unless they ask. */
	put(m, "/proc/self/status", "Cpus_allowed_list:\t0-1\n");
	examine(m, "isolation", NULL, NULL);
	expect_item(m, DIAG_WARNING, "2-3 are isolated, yet threads that poll would run on 1",
		"sudo taskset -c 0,2-3 smtap run");
	/* One of many is not enough. */
	char path[512];
	put(m, "/proc/self/status", ROOT_STATUS);
	put_config(m, "dataplane: {workers: 2}\n", path);
	examine(m, "isolation", NULL, path);
	expect_item(m, DIAG_WARNING, "2-3 are isolated, yet threads that poll would run on 1",
		"sudo taskset -c 0,2-3 smtap run");
	put(m, "/proc/self/status", ROOT_STATUS);
	put(m, "/sys/devices/system/cpu/nohz_full", "2\n");
	examine(m, "isolation", NULL, NULL);
	expect_item(m, DIAG_WARNING, "isolated processors 3 are not in nohz_full", "nohz_full=3");
	put(m, "/proc/cmdline", "quiet isolcpus=2-3 nohz_full=2\n");
	examine(m, "isolation", NULL, NULL);
	expect_item(m, DIAG_WARNING, "3 are not in nohz_full, nor in rcu_nocbs", "rcu_nocbs=3");
}

static void
more_workers_than_processors_are_a_warning(void **state)
{
	struct machine *m = *state;
	char path[512];

	put_config(m, "dataplane:\n  workers: 8\n", path);
	examine(m, "isolation", NULL, path);
	expect_item(m, DIAG_WARNING, "smtap may use 4 processors; 8 workers and all else want 10",
		"workers: 2");
}

static void
two_polling_threads_of_one_core_are_a_warning(void **state)
{
	struct machine *m = *state;
	char path[512];

	for (int cpu = 0; cpu < 4; cpu++) {
		char file[128];

		snprintf(file, sizeof(file),
			"/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
		put(m, file, cpu / 2 ? "2-3\n" : "0-1\n");
	}
	/* One worker, on 3: nobody else polls. */
	examine(m, "isolation", NULL, NULL);
	expect_item(m, DIAG_OK, "no two threads that poll", "");
	/* Two and the one that spreads, on 1 to 3. */
	put_config(m, "dataplane: {workers: 2}\n", path);
	examine(m, "isolation", NULL, path);
	expect_item(m, DIAG_WARNING, "1 threads that poll would run beside another",
		"taskset -c 0,2 smtap run");
}

static void
governor_that_saves_power_is_a_warning(void **state)
{
	struct machine *m = *state;

	put(m, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
	examine(m, "governor", NULL, NULL);
	expect_item(m, DIAG_WARNING, "processors 1 is powersave", "echo performance | sudo tee");
	for (int cpu = 0; cpu < 4; cpu++) {
		char path[64];
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cpufreq", cpu);
		take_away(m, path);
	}
	examine(m, "governor", NULL, NULL);
	expect_well(m);
}

static void
limits_that_bind_are_faults_for_ports_that_they_bind(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	put(m, "/proc/self/limits",
		"Max open files            64                   65536                files\n"
		"Max locked memory         8388608              8388608              bytes\n"
		"Max address space         1073741824           unlimited            bytes\n");
	put(m, "/proc/self/status", USER_STATUS);
	examine(m, "limits", PCI_A, NULL);
	expect_item(
		m, DIAG_FAULT, "at most 8.0 MiB of memory may be locked", "LimitMEMLOCK=infinity");
	expect_item(m, DIAG_FAULT, "at most 64 files may be open", "ulimit -n ");
	expect_item(m, DIAG_FAULT, "limited to 1.0 GiB", "ulimit -v unlimited");
	examine(m, "limits", NULL, NULL);
	assert_int_equal(m->diag.by_status[DIAG_FAULT], 0);
	assert_int_equal(m->diag.by_status[DIAG_WARNING], 3);
	/* With CAP_IPC_LOCK the limit of locked memory says nothing. */
	put(m, "/proc/self/status", ROOT_STATUS);
	examine(m, "limits", PCI_A, NULL);
	expect_item(m, DIAG_OK, "CAP_IPC_LOCK", "");
}

static void
tables_larger_than_memory_are_a_fault_and_than_free_memory_a_warning(void **state)
{
	struct machine *m = *state;
	char path[512];

	put_config(m, "dataplane:\n  workers: 2\n  sessions: 1000000\n", path);
	put(m, "/proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:   200000 kB\n");
	examine(m, "memory", NULL, path);
	expect_item(m, DIAG_WARNING, "; 195 MiB is free", "lower dataplane.sessions");
	put(m, "/proc/meminfo", "MemTotal:       1000000 kB\nMemAvailable:   200000 kB\n");
	examine(m, "memory", NULL, path);
	expect_item(m, DIAG_FAULT, "; 195 MiB is free", path);
}

static void
control_group_binds_through_the_tightest_above_it(void **state)
{
	struct machine *m = *state;

	put(m, "/proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
	put(m, "/proc/self/cgroup", "0::/a/b\n");
	put(m, "/sys/fs/cgroup/a/b/memory.max", "max\n");
	put(m, "/sys/fs/cgroup/a/memory.max", "104857600\n");
	put(m, "/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
	put(m, "/sys/fs/cgroup/a/b/cpuset.cpus.effective", "2\n");
	put(m, "/sys/fs/cgroup/a/b/hugetlb.2MB.max", "0\n");
	put_device(m, PCI_A, "vfio-pci", NULL);
	examine(m, "container", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "may have 100 MiB of memory", "--memory");
	expect_item(m, DIAG_FAULT, "may use 0.5 processors; 1 thread polls", "--cpus");
	expect_item(m, DIAG_FAULT, "has processors 2; 2 are wanted", "--cpuset-cpus");
	expect_item(m, DIAG_FAULT, "may have 0 B of hugepages",
		"sudo tee /sys/fs/cgroup/a/b/hugetlb.2MB.max");
}

static void
control_group_without_limits_is_well_by_whatever_name_it_is_seen(void **state)
{
	struct machine *m = *state;

	put(m, "/proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
	put(m, "/proc/self/cgroup", "0::/../../not/seen/here\n");
	put(m, "/sys/fs/cgroup/memory.max", "max\n");
	put(m, "/sys/fs/cgroup/cpu.max", "max 100000\n");
	put(m, "/sys/fs/cgroup/cpuset.cpus.effective", "0-3\n");
	examine(m, "container", NULL, NULL);
	expect_well(m);
}

static void
limit_of_an_old_control_group_is_seen(void **state)
{
	struct machine *m = *state;

	put(m, "/proc/mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n");
	put(m, "/proc/self/cgroup", "4:memory:/job\n0::/\n");
	put(m, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
	examine(m, "container", NULL, NULL);
	expect_well(m);
	put(m, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "104857600\n");
	examine(m, "container", NULL, NULL);
	expect_item(m, DIAG_FAULT, "may have 100 MiB", "--memory");
}

static void
clock_that_drifts_or_has_a_poor_source_is_a_warning(void **state)
{
	struct machine *m = *state;

	answers.synced = 0;
	put(m, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	examine(m, "clock", NULL, NULL);
	expect_item(m, DIAG_WARNING, "not synchronised", "chrony");
	expect_item(m, DIAG_WARNING, "source is hpet", "dmesg");
	answers.synced = -1;
	examine(m, "clock", NULL, NULL);
	assert_int_equal(m->diag.by_status[DIAG_UNSEEN], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOCTOR_TEST(healthy_machine_has_no_complaint),
		DOCTOR_TEST(a_store_is_missing_whole_damaged_or_of_somebody_else),
		DOCTOR_TEST(empty_tree_is_unseen_or_wrong_but_never_a_crash),
		DOCTOR_TEST(node_without_hugepages_is_a_fault_where_no_iommu_helps),
		DOCTOR_TEST(hugepages_on_the_other_node_do_not_help),
		DOCTOR_TEST(pages_that_others_hold_are_left_to_them),
		DOCTOR_TEST(pages_of_a_gigabyte_are_not_counted),
		DOCTOR_TEST(mount_of_hugepages_is_told_and_not_asked_for),
		DOCTOR_TEST(transparent_hugepages_that_are_off_are_a_warning),
		DOCTOR_TEST(runtime_folder_is_in_use_while_its_lock_is_held),
		DOCTOR_TEST(stale_hugepage_files_are_told_by_prefix_and_living_ones_spared),
		DOCTOR_TEST(nothing_is_called_stale_when_locks_cannot_be_read),
		DOCTOR_TEST(processor_without_what_hyperscan_wants_is_a_fault),
		DOCTOR_TEST(processors_that_nobody_isolated_are_a_warning_with_the_command_line),
		DOCTOR_TEST(isolated_processors_must_be_ours_and_quiet),
		DOCTOR_TEST(more_workers_than_processors_are_a_warning),
		DOCTOR_TEST(two_polling_threads_of_one_core_are_a_warning),
		DOCTOR_TEST(governor_that_saves_power_is_a_warning),
		DOCTOR_TEST(limits_that_bind_are_faults_for_ports_that_they_bind),
		DOCTOR_TEST(tables_larger_than_memory_are_a_fault_and_than_free_memory_a_warning),
		DOCTOR_TEST(control_group_binds_through_the_tightest_above_it),
		DOCTOR_TEST(control_group_without_limits_is_well_by_whatever_name_it_is_seen),
		DOCTOR_TEST(limit_of_an_old_control_group_is_seen),
		DOCTOR_TEST(clock_that_drifts_or_has_a_poor_source_is_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
