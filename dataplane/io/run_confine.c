/*
 * What the dataplane gives up before the first packet. It parses what strangers send; so by then it
 * is another user, no thread that touches a packet has a capability, and nothing can be started.
 *
 * The main lcore keeps what a kernel interface takes that goes and comes back, or is to be put back
 * as it was at the end: CAP_NET_RAW and CAP_NET_ADMIN, CAP_IPC_LOCK, since its rings are locked and
 * larger than what a user may lock, and for AF_XDP CAP_BPF. Ports that DPDK drives itself need
 * none. AF_XDP is put back, but is opened again only where it has xdp_prog=, a program of its own
 * (packaging/xdp): libxdp asks for programs and maps by their ids, which the kernel keeps for
 * CAP_SYS_ADMIN, and that is root.
 */
#include "dataplane/io/edge.h"

#include <linux/capability.h>
#include <stdio.h>

#include "confine/confine.h"
#include "dataplane/io/run_internal.h"

#define KEPT_MAX 4

/* Besides what every program needs. */
static const char *const run_calls[] = {
	/* Ports: links and counters; devices that come back. */
	"ioctl",
	"bpf",
	"getsockname",
	"mknodat",
	"fchownat",
	/* DPDK: memory of a node, threads of its own, capabilities asked for by libbpf. */
	"get_mempolicy",
	"mbind",
	"set_mempolicy",
	"move_pages",
	"mlockall",
	"munlockall",
	"mincore",
	"memfd_create",
	"sched_getparam",
	"sched_getscheduler",
	"sched_setscheduler",
	"capget",
	"setpriority",
	"inotify_init1",
	"inotify_add_watch",
};

static struct confine_user
run_user(const struct run *run, unsigned keep[KEPT_MAX])
{
	struct confine_user to = {.user = run->options->config.dataplane_user, .keep = keep};

	for (unsigned i = 0; i < run->nics.count; i++) {
		const struct nic *nic = &run->nics.nics[i];
		unsigned count = !nic->interface[0] ? 0 : nic->kind == NIC_AF_XDP ? KEPT_MAX : 3;
		if (count > to.keep_count)
			to.keep_count = count;
	}
	keep[0] = CAP_NET_RAW;
	keep[1] = CAP_NET_ADMIN;
	keep[2] = CAP_IPC_LOCK;
	keep[3] = CAP_BPF;
	return to;
}

/* A step: 0, or an exit status after one line on stderr. */
int
run_confine(struct run *run)
{
	unsigned keep[KEPT_MAX];
	const struct config *config = &run->options->config;
	const struct confine_user to = run_user(run, keep);
	const struct confine_calls calls = {.names = run_calls,
		.count = sizeof(run_calls) / sizeof(run_calls[0]),
		.network = run->options->live ? CONFINE_PACKETS : CONFINE_UNIX_ONLY};
	char why[CONFINE_WHY_MAX] = "";

	if (run->options->live && confine_user(&to, why) != 0)
		return run_fail(EXIT_BAD_INPUT, "dataplane.user: %s", why);
	if (config->confine_calls && confine_calls(&calls, why) != 0)
		return run_fail(EXIT_FAILED, "%s; confine.system_calls: false goes without", why);
	return 0;
}
