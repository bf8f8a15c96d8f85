/* numa: a port, the processors that read it, and the memory of its packets on one node. */
#include <stdio.h>

#include "cli/doctor/doctor.h"

static unsigned
count_nodes(const struct doctor *d)
{
	struct tree_names names;
	unsigned count = 0;
	int node;
	char rest;

	tree_list(&d->tree, &names, "/sys/devices/system/node");
	for (int i = 0; i < names.count; i++)
		count += sscanf(names.entry[i]->d_name, "node%d%c", &node, &rest) == 1;
	tree_names_free(&names);
	return count;
}

static void
examine_port(const struct doctor *d, struct diag *r, const struct doctor_port *port)
{
	int node = doctor_node_of(d, port);
	struct cpus local;
	char list[256];
	struct diag_item *item;

	if (node < 0) {
		item = diag_add(r, DIAG_WARNING,
			"the firmware does not say on which node port %s is", port->device);
		diag_so(item, "workers may be placed on the other side of the machine");
		diag_mend(item, "cat /sys/class/net/*/device/local_cpulist    # or the board's "
				"manual; then start with taskset -c LIST smtap run");
		return;
	}
	if (!doctor_node_cpus(d, node, &local))
		return;
	struct cpus usable = cpus_both(&local, &d->self.cpus);
	cpus_format(&local, list, sizeof(list));
	if (cpus_count(&usable) > doctor_lcores(d)) {
		diag_add(r, DIAG_OK, "port %s and %u usable processors are on node %d",
			port->device, cpus_count(&usable), node);
		return;
	}
	item = diag_add(r, DIAG_WARNING,
		"port %s is on node %d, of whose processors (%s) smtap may use %u; it wants %u",
		port->device, node, list, cpus_count(&usable), doctor_lcores(d) + 1);
	diag_so(item, "packets cross the link between nodes: each costs a remote access more");
	diag_mend(item, "sudo taskset -c %s smtap run", list);
}

void
doctor_numa(const struct doctor *d, struct diag *r)
{
	unsigned nodes = count_nodes(d);

	if (nodes <= 1) {
		diag_add(r, DIAG_OK, "this machine is one node");
		return;
	}
	for (unsigned i = 0; i < d->port_count; i++) {
		if (d->ports[i].kind != DOCTOR_VIRTUAL)
			examine_port(d, r, &d->ports[i]);
	}
	if (d->port_count == 0)
		diag_add(r, DIAG_OK, "%u nodes; no live port is configured or named", nodes);
}
