/* limits, capabilities: what this process may take and do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"

#define FILES_SPARE 256u
#define HUGEPAGE_BYTES (2u << 20)

enum { CAP_NET_ADMIN = 12, CAP_NET_RAW = 13, CAP_IPC_LOCK = 14, CAP_SYS_ADMIN = 21, CAP_BPF = 39 };

static const char *const capability_names[64] = {
	[CAP_NET_ADMIN] = "cap_net_admin",
	[CAP_NET_RAW] = "cap_net_raw",
	[CAP_IPC_LOCK] = "cap_ipc_lock",
	[CAP_SYS_ADMIN] = "cap_sys_admin",
	[CAP_BPF] = "cap_bpf",
};

/* The soft limit of a line of /proc/self/limits; UINT64_MAX: unlimited. */
static bool
soft_limit(const char *text, const char *name, uint64_t *out)
{
	char value[128];

	if (!tree_field(text, name, value, sizeof(value)))
		return false;
	*out = strncmp(value, "unlimited", 9) == 0 ? UINT64_MAX : strtoull(value, NULL, 10);
	return true;
}

static void
examine_locked(const struct doctor *d, struct diag *r, uint64_t limit)
{
	uint64_t want = doctor_packet_bytes(d);
	bool live = doctor_has(d, DOCTOR_PCI) || doctor_has(d, DOCTOR_AF_XDP);
	char have[24];
	char need[24];

	if (limit == UINT64_MAX || doctor_can(d, CAP_IPC_LOCK) || limit >= want) {
		diag_add(r, DIAG_OK, "locked memory: %s",
			limit == UINT64_MAX           ? "unlimited"
			: doctor_can(d, CAP_IPC_LOCK) ? "the limit does not bind us (CAP_IPC_LOCK)"
						      : "enough");
		return;
	}
	struct diag_item *item = diag_add(r, live ? DIAG_FAULT : DIAG_WARNING,
		"at most %s of memory may be locked; packet buffers take %s",
		doctor_size(limit, have), doctor_size(want, need));
	diag_so(item, "vfio and AF_XDP lock what a device writes to: \"cannot set up DMA "
		      "remapping\"");
	diag_mend(item, "ulimit -l unlimited    # as root, in the shell that starts smtap");
	diag_mend(item, "# as a service: LimitMEMLOCK=infinity");
}

static void
examine_files(const struct doctor *d, struct diag *r, uint64_t limit)
{
	uint64_t want = FILES_SPARE + doctor_packet_bytes(d) / HUGEPAGE_BYTES;

	if (limit >= want) {
		diag_add(r, DIAG_OK, "open files: enough");
		return;
	}
	struct diag_item *item = diag_add(r, doctor_has(d, DOCTOR_PCI) ? DIAG_FAULT : DIAG_WARNING,
		"at most %llu files may be open; hugepages of 2 MiB take one each, %llu in all",
		(unsigned long long)limit, (unsigned long long)want);
	diag_so(item, "DPDK does not start: \"Too many open files\"");
	diag_mend(item, "ulimit -n %llu    # as root, in the shell that starts smtap",
		(unsigned long long)want * 2);
	diag_mend(item, "# as a service: LimitNOFILE=%llu", (unsigned long long)want * 2);
}

static void
examine_space(const struct doctor *d, struct diag *r, uint64_t limit)
{
	char size[24];

	if (limit == UINT64_MAX)
		return;
	struct diag_item *item = diag_add(r, d->port_count > 0 ? DIAG_FAULT : DIAG_WARNING,
		"the address space is limited to %s", doctor_size(limit, size));
	diag_so(item, "DPDK and the tables reserve far more than they use, and do not start");
	diag_mend(item, "ulimit -v unlimited");
	diag_mend(item, "# as a service: LimitAS=infinity");
}

void
doctor_limits(const struct doctor *d, struct diag *r)
{
	char *text = tree_text(&d->tree, "/proc/self/limits");
	uint64_t limit;

	if (!text) {
		diag_add(r, DIAG_UNSEEN, "/proc/self/limits cannot be read");
		return;
	}
	if (soft_limit(text, "Max locked memory", &limit))
		examine_locked(d, r, limit);
	if (soft_limit(text, "Max open files", &limit))
		examine_files(d, r, limit);
	if (soft_limit(text, "Max address space", &limit))
		examine_space(d, r, limit);
	free(text);
}

static uint64_t
bit(unsigned capability)
{
	return 1ULL << capability;
}

/* A kernel older than this wants CAP_SYS_ADMIN where later ones want CAP_BPF. */
static bool
is_before_5_8(const struct doctor *d)
{
	char line[128];
	unsigned major;
	unsigned minor;

	return tree_line(&d->tree, line, sizeof(line), "/proc/sys/kernel/osrelease") &&
	       sscanf(line, "%u.%u", &major, &minor) == 2 &&
	       (major < 5 || (major == 5 && minor < 8));
}

static uint64_t
needed_by(const struct doctor *d, enum doctor_port_kind kind)
{
	uint64_t raw = bit(CAP_NET_RAW) | bit(CAP_NET_ADMIN);

	switch (kind) {
	case DOCTOR_AF_PACKET:
		return raw;
	case DOCTOR_AF_XDP:
		return raw | bit(CAP_IPC_LOCK) | bit(is_before_5_8(d) ? CAP_SYS_ADMIN : CAP_BPF);
	case DOCTOR_PCI:
		return bit(CAP_IPC_LOCK);
	case DOCTOR_VIRTUAL:
		break;
	}
	return 0;
}

/* "cap_net_raw,cap_net_admin" */
static void
format_capabilities(uint64_t set, char *out, size_t len)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < 64 && at < len; i++) {
		if (set >> i & 1 && capability_names[i])
			at += (size_t)snprintf(
				out + at, len - at, "%s%s", at ? "," : "", capability_names[i]);
	}
}

static void
examine_kind(const struct doctor *d, struct diag *r, enum doctor_port_kind kind, const char *what)
{
	char program[300];
	char missing[128];
	char all[128];

	snprintf(program, sizeof(program), "%s/smtap-dataplane", d->program_dir);
	uint64_t need = needed_by(d, kind);
	uint64_t lack = need & ~(d->self.capabilities | d->probe->file_capabilities(program));
	if (lack == 0) {
		diag_add(r, DIAG_OK, "user %u has the capabilities that %s needs", d->self.uid,
			what);
		return;
	}
	format_capabilities(lack, missing, sizeof(missing));
	format_capabilities(need, all, sizeof(all));
	bool configured = doctor_has(d, kind);
	struct diag_item *item = diag_add(r, configured ? DIAG_FAULT : DIAG_WARNING,
		"user %u lacks %s for %s", d->self.uid, missing, what);
	diag_so(item, configured ? "the port does not start: \"Operation not permitted\""
				 : "such a port would not start; captures need no capability");
	diag_mend(item, "sudo setcap %s+ep %s", all, program);
}

void
doctor_capabilities(const struct doctor *d, struct diag *r)
{
	if (doctor_has(d, DOCTOR_PCI))
		examine_kind(d, r, DOCTOR_PCI, "a port on vfio");
	if (doctor_has(d, DOCTOR_AF_PACKET) || d->port_count == 0)
		examine_kind(d, r, DOCTOR_AF_PACKET, "a port on AF_PACKET");
	if (doctor_has(d, DOCTOR_AF_XDP) || d->port_count == 0)
		examine_kind(d, r, DOCTOR_AF_XDP, "a port on AF_XDP");
}
