/* offload: what the kernel and its driver do to the packets of an interface before we see them. */
#include <stdio.h>

#include "cli/doctor/doctor.h"

static void
examine_merging(struct diag *r, const char *name, const struct doctor_link *link)
{
	bool gro = link->gro > 0;
	bool lro = link->lro > 0;

	if (!gro && !lro) {
		diag_add(r, link->gro < 0 ? DIAG_UNSEEN : DIAG_OK,
			link->gro < 0 ? "port %s does not say whether it merges segments"
				      : "port %s does not merge segments",
			name);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_WARNING, "port %s merges segments (%s%s%s)", name,
		gro ? "GRO" : "", gro && lro ? ", " : "", lro ? "LRO" : "");
	diag_so(item,
		"what the wire had as several packets counts as one, and its checksum is made "
		"up; with frames smaller than 64 KiB (framesz) the merged ones are lost");
	diag_mend(
		item, "sudo ethtool -K %s%s%s", name, gro ? " gro off" : "", lro ? " lro off" : "");
}

static void
examine_ring(struct diag *r, const char *name, const struct doctor_link *link)
{
	if (link->ring < 0 || link->ring_max <= 0)
		return;
	if (link->ring >= link->ring_max) {
		diag_add(r, DIAG_OK, "port %s has %lld receive slots, all that it can", name,
			(long long)link->ring);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_WARNING, "port %s has %lld receive slots of %lld",
		name, (long long)link->ring, (long long)link->ring_max);
	diag_so(item, "a burst overflows the ring sooner than it must");
	diag_mend(item, "sudo ethtool -G %s rx %lld", name, (long long)link->ring_max);
}

static unsigned
count_queues(const struct doctor *d, const char *name)
{
	struct tree_names names;
	unsigned count = 0;
	unsigned number;

	tree_list(&d->tree, &names, "/sys/class/net/%s/queues", name);
	for (int i = 0; i < names.count; i++)
		count += sscanf(names.entry[i]->d_name, "rx-%u", &number) == 1;
	tree_names_free(&names);
	return count;
}

/* AF_PACKET takes the packets of all queues; AF_XDP sees one. */
static void
examine_queues(const struct doctor *d, struct diag *r, const struct doctor_port *port,
	const struct doctor_link *link)
{
	const char *name = port->device;
	unsigned queues = count_queues(d, name);
	bool by_addresses = link->hash_ports == 0 && link->hash_symmetric > 0;

	if (queues <= 1 || port->kind != DOCTOR_AF_XDP) {
		diag_add(r, DIAG_OK, "port %s: %u queue%s, all read", name, queues,
			queues == 1 ? "" : "s");
		return;
	}
	const char *spread = "a hash that its driver does not tell";
	if (link->hash_ports > 0)
		spread = "ports too";
	else if (link->hash_symmetric == 0)
		spread = "a hash that depends on direction";
	else if (by_addresses)
		spread = "addresses alone";
	struct diag_item *item = diag_add(r, DIAG_FAULT,
		"port %s has %u queues, spread by %s; AF_XDP reads one of them", name, queues,
		spread);
	diag_so(item, "packets of the other queues are not seen%s",
		by_addresses ? "" : ", among them one direction of many sessions");
	diag_mend(item, "sudo ethtool -L %s combined 1", name);
}

void
doctor_offload(const struct doctor *d, struct diag *r)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < d->port_count; i++) {
		const struct doctor_port *port = &d->ports[i];
		struct doctor_link link = {-1, -1, -1, -1, -1, -1};

		if (port->kind != DOCTOR_AF_PACKET && port->kind != DOCTOR_AF_XDP)
			continue;
		if (!tree_exists(&d->tree, "/sys/class/net/%s", port->device))
			continue; /* the check nic says so */
		seen++;
		d->probe->link(port->device, &link);
		examine_merging(r, port->device, &link);
		examine_ring(r, port->device, &link);
		examine_queues(d, r, port, &link);
	}
	if (seen == 0)
		diag_add(r, DIAG_OK, "no port is read through the kernel");
}
