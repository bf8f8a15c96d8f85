/*
 * doctor: what DPDK users trip over, looked at without changing anything.
 *
 * A check is a small function: it reads the kernel's files (tree.h) and what is known of ports
 * and configuration, and adds to a report what it found, what follows from it, and the commands
 * that mend it. What no file tells comes from a probe, so that tests can play any machine.
 *
 * Severity: a fault keeps a configured port from working, or makes it lose what it should see; a
 * warning costs speed or certainty, or will be a fault once a live port is configured.
 */
#ifndef SMTAP_CLI_DOCTOR_DOCTOR_H
#define SMTAP_CLI_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cli/doctor/cpus.h"
#include "cli/doctor/diag.h"
#include "cli/doctor/tree.h"
#include "config/config.h"

#define DOCTOR_PORTS_MAX 32
#define DOCTOR_NAME_MAX 64

enum doctor_port_kind {
	DOCTOR_PCI,       /* by a driver of DPDK: device is its address */
	DOCTOR_AF_PACKET, /* by the kernel: device is an interface */
	DOCTOR_AF_XDP,
	DOCTOR_VIRTUAL, /* rings, files, taps: nothing to look at */
};

struct doctor_port {
	enum doctor_port_kind kind;
	char device[DOCTOR_NAME_MAX];
};

/* What a driver says of an interface. Fields that it did not answer are -1. */
struct doctor_link {
	int64_t gro;
	int64_t lro;
	int64_t ring;           /* receive slots */
	int64_t ring_max;       /* that there could be */
	int64_t hash_ports;     /* TCP: the queue depends on ports, not on addresses alone */
	int64_t hash_symmetric; /* by its key, the same queue for both directions */
};

struct doctor_probe {
	void (*link)(const char *interface, struct doctor_link *out);
	int (*addresses)(const char *interface); /* of the kernel, but link-local ones; or -errno */
	int (*clock_synced)(void);               /* 1, 0, or -errno */
	/* The capabilities that the file of a program gives to who runs it; 0 for none. */
	uint64_t (*file_capabilities)(const char *path);
};

extern const struct doctor_probe doctor_probe_machine;

/* Of /proc/self/status. */
struct doctor_self {
	uint32_t uid; /* effective */
	uint32_t gid;
	char groups[512];
	uint64_t capabilities; /* effective */
	struct cpus cpus;
};

struct doctor {
	struct tree tree;
	const struct doctor_probe *probe;
	struct config config;
	const char *config_file;
	bool config_given; /* on the command line: it must be there */
	bool config_wrong; /* config is the defaults then */
	char config_why[512];
	const char *program_dir; /* of smtap's programs; "" when they are not found */
	struct doctor_port ports[DOCTOR_PORTS_MAX];
	unsigned port_count;
	struct doctor_self self;
};

/*
 * Read the configuration and who we are. tree, probe, config_file, config_given and
 * program_dir are set already; doctor_close gives back what this took.
 */
void doctor_open(struct doctor *d);
void doctor_close(struct doctor *d);

/* A port as people write it. false: there is no room, or the name is no name. */
bool doctor_add_port(struct doctor *d, const char *text);

/* Every check in turn. */
void doctor_examine(const struct doctor *d, struct diag *r);

/* One of them by its name; false: there is none. */
bool doctor_examine_one(const struct doctor *d, struct diag *r, const char *check);

/* What the checks share: ports.c, self.c, memory.c. */

/* A file of this owner, group and mode: may we read and write it? */
bool doctor_may_write(const struct doctor *d, const struct stat *st);
bool doctor_can(const struct doctor *d, unsigned capability);
/* Is there a port of this kind? */
bool doctor_has(const struct doctor *d, enum doctor_port_kind kind);
/* The port needs the kernel to let go of its device. */
bool doctor_needs_vfio(const struct doctor *d, const struct doctor_port *port);
/* 0: no IOMMU is on. */
unsigned doctor_iommu_groups(const struct doctor *d);
/* The node of a port's device; -1: unknown. */
int doctor_node_of(const struct doctor *d, const struct doctor_port *port);
/* The node that most ports are on, as smtap run has it; -1: unknown. */
int doctor_node(const struct doctor *d);
bool doctor_node_cpus(const struct doctor *d, int node, struct cpus *out);
/* Threads that poll: workers, and with several of them the one that may have to spread packets. */
unsigned doctor_lcores(const struct doctor *d);
/* Where smtap run puts them: the last processors that it may use, of the ports' node if there are
   enough, and never the first. false: there are too few, and they share. */
bool doctor_placement(const struct doctor *d, struct cpus *out);
/* Is this one of the words in a line of words? */
bool doctor_has_word(const char *words, const char *word);
/* Bytes that packets take, on hugepages if there are enough. */
uint64_t doctor_packet_bytes(const struct doctor *d);
/* Bytes of full tables: control's, one worker's, and all of the configuration. */
uint64_t doctor_control_bytes(const struct config *config);
uint64_t doctor_worker_bytes(const struct config *config);
uint64_t doctor_table_bytes(const struct doctor *d);
/* "1.5 GiB" */
const char *doctor_size(uint64_t bytes, char out[24]);

#define DOCTOR_CHECKS(X)                                            \
	X(configuration, "the configuration file")                  \
	X(patterns, "compiled patterns")                            \
	X(store, "the file of incidents, and room for it")          \
	X(cpu, "what Hyperscan and DPDK want of the processor")     \
	X(memory, "configured tables against what is free")         \
	X(hugepages, "pages, mounts and permissions, node by node") \
	X(eal, "what other DPDK programs hold, or left behind")     \
	X(iommu, "vfio and the IOMMU")                              \
	X(nic, "drivers and state of ports")                        \
	X(numa, "ports, processors and memory on one node")         \
	X(isolation, "processors that workers have to themselves")  \
	X(governor, "processor frequency")                          \
	X(limits, "resource limits")                                \
	X(capabilities, "rights that live ports need")              \
	X(container, "limits of the control group")                 \
	X(offload, "what kernel interfaces do to packets")          \
	X(clock, "time synchronisation")

#define X(name, help) void doctor_##name(const struct doctor *d, struct diag *r);
DOCTOR_CHECKS(X)
#undef X

#endif
