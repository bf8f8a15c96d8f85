/* The doctor's checks of ports: drivers, vfio, nodes, rights, offloads; and of what it reads. */
#include "doctor_tree.h"

static void
ports_are_known_by_every_form_they_are_written_in(void **state)
{
	static const struct {
		const char *text;
		enum doctor_port_kind kind;
		const char *device;
	} forms[] = {
		{"0000:3b:00.0", DOCTOR_PCI, PCI_A},
		{"3b:00.0", DOCTOR_PCI, PCI_A},
		{"3b:00.0,rx_vec=1", DOCTOR_PCI, PCI_A},
		{"eth1", DOCTOR_AF_PACKET, "eth1"},
		{"net_af_packet0,iface=eth1,qpairs=2", DOCTOR_AF_PACKET, "eth1"},
		{"net_af_xdp0,iface=eth1", DOCTOR_AF_XDP, "eth1"},
		{"net_ring0", DOCTOR_VIRTUAL, "net_ring0"},
	};
	struct machine *m = *state;

	examine(m, "nic", NULL, NULL);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		m->doctor.port_count = 0;
		assert_true(doctor_add_port(&m->doctor, forms[i].text));
		assert_int_equal(m->doctor.ports[0].kind, forms[i].kind);
		assert_string_equal(m->doctor.ports[0].device, forms[i].device);
	}
	assert_false(doctor_add_port(&m->doctor, ""));
	assert_false(doctor_add_port(&m->doctor, "../../etc/passwd"));
	assert_false(doctor_add_port(&m->doctor, "net_af_packet0,iface=../x"));
	for (int i = 1; i < DOCTOR_PORTS_MAX; i++)
		assert_true(doctor_add_port(&m->doctor, "eth1"));
	assert_false(doctor_add_port(&m->doctor, "eth1"));
}

static void
port_on_vfio_is_well_and_one_on_a_kernel_driver_a_fault(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	examine(m, "nic", PCI_A, NULL);
	expect_item(m, DIAG_OK, "port " PCI_A " is bound to vfio-pci", "");
	put_device(m, PCI_A, "ixgbe", "eth1");
	examine(m, "nic", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "port " PCI_A " is bound to ixgbe as eth1",
		"dpdk-devbind.py --bind=vfio-pci " PCI_A);
	take_away(m, "/sys/bus/pci/devices/" PCI_A "/driver");
	examine(m, "nic", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "bound to no driver", "dpdk-devbind.py");
	examine(m, "nic", PCI_B, NULL);
	expect_item(m, DIAG_FAULT, "port " PCI_B ": there is no such device", "--status-dev net");
	put_device(m, PCI_A, "uio_pci_generic", NULL);
	examine(m, "nic", PCI_A, NULL);
	expect_item(m, DIAG_WARNING, "uio_pci_generic", "--bind=vfio-pci");
}

static void
port_that_smtap_run_refuses_is_a_fault(void **state)
{
	struct machine *m = *state;

	examine(m, "nic", "net_ring0", NULL);
	expect_item(m, DIAG_FAULT, "port net_ring0: nobody else could put packets", "net_memif0");
	examine(m, "nic", "net_memif0,role=server,socket=x", NULL);
	expect_well(m);
}

static void
drivers_that_share_the_device_with_the_kernel_need_no_vfio(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "mlx5_core", "eth1");
	take_away(m, "/sys/module/vfio_pci");
	take_away(m, "/sys/kernel/iommu_groups");
	examine(m, "nic", PCI_A, NULL);
	expect_well(m);
	examine(m, "iommu", PCI_A, NULL);
	assert_int_equal(m->diag.by_status[DIAG_FAULT], 0);
}

static void
no_command_takes_away_the_way_out(void **state)
{
	struct machine *m = *state;

	answers.addresses = 1;
	put_device(m, PCI_A, "e1000e", "eth0");
	examine(m, "nic", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "has an address on", "take another port");
	assert_null(strstr(m->diag.items[0].remedy, "dpdk-devbind"));
	assert_null(strstr(m->diag.items[0].remedy, "flush"));
	/* eth1 has an address too, but nothing leaves by it. */
	put_device(m, PCI_B, "e1000e", "eth1");
	examine(m, "nic", PCI_B, NULL);
	expect_item(m, DIAG_FAULT, "has an address on", "sudo ip addr flush dev eth1");
	put_interface(m, "eth0", "0x1003\n", 1);
	examine(m, "nic", "eth0", NULL);
	expect_item(m, DIAG_WARNING, "is this machine's way out", "an interface of its own");
}

static void
interface_must_be_there_up_linked_and_silent(void **state)
{
	struct machine *m = *state;

	examine(m, "nic", "eth1", NULL);
	expect_item(m, DIAG_FAULT, "port eth1: there is no such interface", "ip -brief link");
	put_interface(m, "eth1", "0x1002\n", 1);
	examine(m, "nic", "eth1", NULL);
	expect_item(m, DIAG_FAULT, "port eth1 is down", "sudo ip link set dev eth1 up");
	put_interface(m, "eth1", "0x1103\n", 1);
	examine(m, "nic", "eth1", NULL);
	expect_item(m, DIAG_OK, "port eth1 is up, promiscuous", "");
	expect_well(m);
	put(m, "/sys/class/net/eth1/carrier", "0\n");
	answers.addresses = 2;
	examine(m, "nic", "eth1", NULL);
	expect_item(m, DIAG_FAULT, "port eth1 has no link", "ethtool eth1");
	expect_item(m, DIAG_WARNING, "port eth1 has 2 addresses", "sudo ip addr flush dev eth1");
}

static void
devices_that_are_no_port_are_listed_with_what_drives_them(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "ixgbe", "eth1");
	put_device(m, PCI_B, "virtio-pci", NULL);
	put(m, "/sys/bus/pci/devices/" PCI_B "/virtio3/net/ens3/mtu", "1500\n");
	put(m, "/sys/bus/pci/devices/0000:00:1f.0/class", "0x060100\n");
	examine(m, "nic", NULL, NULL);
	expect_item(m, DIAG_OK, PCI_A " is no port of smtap's; bound to ixgbe as eth1", "");
	expect_item(m, DIAG_OK, PCI_B " is no port of smtap's; bound to virtio-pci as ens3", "");
	assert_int_equal(m->diag.count, 3);
	put_interface(m, "eth1", "0x1003\n", 1);
	examine(m, "nic", "eth1", NULL);
	for (unsigned i = 0; i < m->diag.count; i++)
		assert_null(strstr(m->diag.items[i].found, PCI_A));
}

static void
vfio_wants_an_iommu_or_says_that_it_does_without(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	take_away(m, "/sys/kernel/iommu_groups/7");
	examine(m, "iommu", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "no IOMMU is on", "intel_iommu=on iommu=pt");
	put(m, "/proc/cpuinfo", "vendor_id\t: AuthenticAMD\n");
	examine(m, "iommu", "eth1", NULL);
	expect_item(m, DIAG_WARNING, "no IOMMU is on", "&iommu=pt ");
	put(m, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	examine(m, "iommu", PCI_A, NULL);
	expect_item(m, DIAG_WARNING, "no-IOMMU mode", "update-grub");
	take_away(m, "/sys/module/vfio_pci");
	examine(m, "iommu", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "vfio-pci is not loaded", "sudo modprobe vfio-pci");
}

static void
group_must_be_vfios_alone_and_open_to_us(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	put_device(m, PCI_B, "ixgbe", "eth1");
	put_link(m, "/sys/bus/pci/devices/" PCI_A "/iommu_group", "../../../kernel/iommu_groups/7");
	put(m, "/sys/kernel/iommu_groups/7/devices/" PCI_A, "");
	put(m, "/sys/kernel/iommu_groups/7/devices/" PCI_B, "");
	examine(m, "iommu", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "shares IOMMU group 7 with " PCI_B, "--bind=vfio-pci " PCI_B);
	take_away(m, "/sys/kernel/iommu_groups/7/devices/" PCI_B);
	put(m, "/dev/vfio/7", "");
	examine(m, "iommu", PCI_A, NULL);
	expect_well(m);
	put(m, "/proc/self/status", USER_STATUS);
	examine(m, "iommu", PCI_A, NULL);
	expect_item(m, DIAG_FAULT, "user 54321 may not open /dev/vfio/7",
		"sudo chown 54321 /dev/vfio/7");
}

static void
port_and_processors_belong_on_one_node(void **state)
{
	struct machine *m = *state;

	put_device(m, PCI_A, "vfio-pci", NULL);
	examine(m, "numa", PCI_A, NULL);
	expect_item(m, DIAG_OK, "one node", "");
	put(m, "/sys/devices/system/node/node0/cpulist", "0-3\n");
	put(m, "/sys/devices/system/node/node1/cpulist", "4-7\n");
	examine(m, "numa", PCI_A, NULL);
	expect_item(m, DIAG_OK, "and 4 usable processors are on node 0", "");
	put(m, "/sys/bus/pci/devices/" PCI_A "/numa_node", "1\n");
	examine(m, "numa", PCI_A, NULL);
	expect_item(m, DIAG_WARNING, "is on node 1, of whose processors (4-7) smtap may use 0",
		"sudo taskset -c 4-7 smtap run");
	put(m, "/sys/bus/pci/devices/" PCI_A "/numa_node", "-1\n");
	examine(m, "numa", PCI_A, NULL);
	expect_item(m, DIAG_WARNING, "does not say on which node", "local_cpulist");
}

static void
missing_capabilities_are_named_for_the_port_that_needs_them(void **state)
{
	struct machine *m = *state;

	put(m, "/proc/self/status", USER_STATUS);
	examine(m, "capabilities", "eth1", NULL);
	expect_item(m, DIAG_FAULT,
		"user 54321 lacks cap_net_admin,cap_net_raw for a port on AF_PACKET",
		"sudo setcap cap_net_admin,cap_net_raw+ep ");
	examine(m, "capabilities", "net_af_xdp0,iface=eth1", NULL);
	expect_item(m, DIAG_FAULT, "cap_ipc_lock,cap_bpf for a port on AF_XDP", "/smtap-dataplane");
	put(m, "/proc/sys/kernel/osrelease", "5.4.0-1-amd64\n");
	examine(m, "capabilities", "net_af_xdp0,iface=eth1", NULL);
	expect_item(m, DIAG_FAULT, "cap_sys_admin", "cap_sys_admin");
	examine(m, "capabilities", NULL, NULL);
	assert_int_equal(m->diag.by_status[DIAG_FAULT], 0);
	assert_int_equal(m->diag.by_status[DIAG_WARNING], 2);
	/* The program's file may give them. */
	answers.file_capabilities = 1ULL << 12 | 1ULL << 13;
	examine(m, "capabilities", "eth1", NULL);
	expect_well(m);
}

static void
merged_segments_and_short_rings_are_warnings(void **state)
{
	struct machine *m = *state;

	put_interface(m, "eth1", "0x1003\n", 1);
	examine(m, "offload", "eth1", NULL);
	expect_well(m);
	answers.link.gro = 1;
	answers.link.lro = 1;
	answers.link.ring = 512;
	examine(m, "offload", "eth1", NULL);
	expect_item(m, DIAG_WARNING, "merges segments (GRO, LRO)",
		"sudo ethtool -K eth1 gro off lro off");
	expect_item(m, DIAG_WARNING, "512 receive slots of 4096", "sudo ethtool -G eth1 rx 4096");
	answers.link = (struct doctor_link){-1, -1, -1, -1, -1, -1};
	examine(m, "offload", "eth1", NULL);
	assert_int_equal(m->diag.by_status[DIAG_UNSEEN], 1);
}

static void
af_xdp_port_with_queues_that_nobody_reads_is_a_fault(void **state)
{
	struct machine *m = *state;

	put_interface(m, "eth1", "0x1003\n", 4);
	examine(m, "offload", "net_af_xdp0,iface=eth1", NULL);
	expect_item(m, DIAG_FAULT, "4 queues, spread by addresses alone; AF_XDP reads one",
		"sudo ethtool -L eth1 combined 1");
	assert_null(strstr(m->diag.items[2].consequence, "one direction"));
	answers.link.hash_ports = 1;
	examine(m, "offload", "net_af_xdp0,iface=eth1", NULL);
	expect_item(m, DIAG_FAULT, "4 queues, spread by ports too", "combined 1");
	assert_non_null(strstr(m->diag.items[2].consequence, "one direction"));
	answers.link.hash_ports = 0;
	answers.link.hash_symmetric = 0;
	examine(m, "offload", "net_af_xdp0,iface=eth1", NULL);
	expect_item(m, DIAG_FAULT, "a hash that depends on direction", "combined 1");
	/* One socket of AF_PACKET gets the packets of all queues. */
	examine(m, "offload", "eth1", NULL);
	expect_well(m);
}

static void
af_xdp_port_wants_bpffs(void **state)
{
	struct machine *m = *state;

	put_interface(m, "eth1", "0x1003\n", 1);
	examine(m, "nic", "net_af_xdp0,iface=eth1", NULL);
	expect_item(m, DIAG_FAULT, "bpffs is not mounted", "sudo mount -t bpf bpf /sys/fs/bpf");
	put(m, "/proc/mounts", "bpf /sys/fs/bpf bpf rw,mode=700 0 0\n");
	examine(m, "nic", "net_af_xdp0,iface=eth1", NULL);
	expect_well(m);
	put(m, "/proc/mounts", "");
	examine(m, "nic", "eth1", NULL);
	expect_well(m);
}

static void
configured_ports_are_looked_at(void **state)
{
	struct machine *m = *state;
	char path[512];

	put(m, "/live.yaml", "dataplane: {interfaces: [eth7, \"0000:3b:00.1\"]}\n");
	make_path(m, "/live.yaml", path);
	examine(m, "nic", "eth8", path);
	expect_item(m, DIAG_FAULT, "port eth7: there is no such interface", "ip -brief link");
	expect_item(m, DIAG_FAULT, "port " PCI_B ": there is no such device", "");
	expect_item(m, DIAG_FAULT, "port eth8: there is no such interface", "");
}

static void
threads_that_poll_are_placed_on_the_node_of_most_ports(void **state)
{
	struct machine *m = *state;
	struct cpus chosen;
	char list[64];

	put(m, "/sys/devices/system/node/node0/cpulist", "0-1\n");
	put(m, "/sys/devices/system/node/node1/cpulist", "2-3\n");
	put_device(m, PCI_A, "vfio-pci", NULL);
	examine(m, "numa", PCI_A, NULL);
	assert_true(doctor_placement(&m->doctor, &chosen));
	cpus_format(&chosen, list, sizeof(list));
	assert_string_equal(list, "1"); /* never the first */
	m->doctor.config.workers = 2;
	assert_true(doctor_placement(&m->doctor, &chosen));
	cpus_format(&chosen, list, sizeof(list));
	assert_string_equal(list, "1-3"); /* the node has too few for three */
	m->doctor.config.workers = 4;
	assert_false(doctor_placement(&m->doctor, &chosen));
}

static void
wrong_configuration_is_a_fault_and_the_rest_is_looked_at(void **state)
{
	struct machine *m = *state;
	char path[512];

	put(m, "/bad.yaml", "dataplane:\n  workers: many\n");
	make_path(m, "/bad.yaml", path);
	examine(m, "configuration", NULL, path);
	expect_item(m, DIAG_FAULT, "bad.yaml:2:", "smtap check -c ");
	assert_true(doctor_examine_one(&m->doctor, &m->diag, "memory"));
	examine(m, "configuration", NULL, "/nonexistent/given.yaml");
	expect_item(m, DIAG_FAULT, "given.yaml", "smtap check -c ");
	examine(m, "configuration", NULL, NULL);
	expect_item(m, DIAG_OK, "is not there; the defaults apply", "");
}

static void
patterns_that_are_missing_or_damaged_are_a_fault(void **state)
{
	struct machine *m = *state;

	put_folder(m, "/patterns", 0755);
	examine(m, "patterns", NULL, NULL);
	expect_item(m, DIAG_FAULT, "banner.hsdb: No such file", "smtap-patterns -o ");
	put(m, "/patterns/banner.hsdb", "smtaphs\nnonsense");
	examine(m, "patterns", NULL, NULL);
	expect_item(m, DIAG_FAULT, "banner.hsdb: ", "smtap-patterns -o ");
	assert_null(strstr(m->diag.items[0].found, "No such file"));
}

static void
lists_of_processors_are_read_as_the_kernel_writes_them(void **state)
{
	struct cpus cpus;
	char text[64];

	(void)state;
	assert_true(cpus_parse(&cpus, "0-3,8,1023\n"));
	assert_int_equal(cpus_count(&cpus), 6);
	cpus_format(&cpus, text, sizeof(text));
	assert_string_equal(text, "0-3,8,1023");
	assert_true(cpus_parse(&cpus, ""));
	assert_int_equal(cpus_count(&cpus), 0);
	assert_false(cpus_parse(&cpus, "3-1"));
	assert_false(cpus_parse(&cpus, "1024"));
	assert_false(cpus_parse(&cpus, "1;2"));
	assert_false(cpus_parse(&cpus, "managed_irq,domain,2"));
	/* What does not fit is cut, not written past the end. */
	assert_true(cpus_parse(&cpus, "100,102,104,106,108"));
	cpus_format(&cpus, text, 8);
	assert_int_equal(strlen(text), 7);
}

static void
items_that_find_no_room_are_counted(void **state)
{
	struct diag diag = {.check = "many"};

	(void)state;
	for (int i = 0; i < DIAG_ITEMS_MAX + 3; i++)
		diag_mend(diag_add(&diag, DIAG_FAULT, "%d", i), "mend %d", i);
	assert_int_equal(diag.count, DIAG_ITEMS_MAX);
	assert_int_equal(diag.missing, 3);
	assert_int_equal(diag.by_status[DIAG_FAULT], DIAG_ITEMS_MAX + 3);
	assert_string_equal(diag.items[DIAG_ITEMS_MAX - 1].found, "255");
	diag_free(&diag);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOCTOR_TEST(ports_are_known_by_every_form_they_are_written_in),
		DOCTOR_TEST(port_on_vfio_is_well_and_one_on_a_kernel_driver_a_fault),
		DOCTOR_TEST(port_that_smtap_run_refuses_is_a_fault),
		DOCTOR_TEST(drivers_that_share_the_device_with_the_kernel_need_no_vfio),
		DOCTOR_TEST(no_command_takes_away_the_way_out),
		DOCTOR_TEST(interface_must_be_there_up_linked_and_silent),
		DOCTOR_TEST(devices_that_are_no_port_are_listed_with_what_drives_them),
		DOCTOR_TEST(vfio_wants_an_iommu_or_says_that_it_does_without),
		DOCTOR_TEST(group_must_be_vfios_alone_and_open_to_us),
		DOCTOR_TEST(port_and_processors_belong_on_one_node),
		DOCTOR_TEST(missing_capabilities_are_named_for_the_port_that_needs_them),
		DOCTOR_TEST(merged_segments_and_short_rings_are_warnings),
		DOCTOR_TEST(af_xdp_port_with_queues_that_nobody_reads_is_a_fault),
		DOCTOR_TEST(af_xdp_port_wants_bpffs),
		DOCTOR_TEST(configured_ports_are_looked_at),
		DOCTOR_TEST(threads_that_poll_are_placed_on_the_node_of_most_ports),
		DOCTOR_TEST(wrong_configuration_is_a_fault_and_the_rest_is_looked_at),
		DOCTOR_TEST(patterns_that_are_missing_or_damaged_are_a_fault),
		cmocka_unit_test(lists_of_processors_are_read_as_the_kernel_writes_them),
		cmocka_unit_test(items_that_find_no_room_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
