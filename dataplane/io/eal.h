/* eal: DPDK's environment: for captures with no huge pages, no devices, no files, no root. */
#ifndef SMTAP_DATAPLANE_IO_EAL_H
#define SMTAP_DATAPLANE_IO_EAL_H

#include <stdbool.h>
#include <stddef.h>

#define EAL_DEVICES_MAX 16

struct eal_options {
	unsigned lcores;     /* besides the main lcore */
	unsigned memory_mib; /* for mbufs */
	/* Lcores 1 to lcores: the CPU of each; NULL, or -1: free to run on each CPU that this
	   process may use, as the main lcore always is. */
	const int *cpus;
	/* Whole arguments, "--vdev=net_null0", "--allow=0000:01:00.0"; count 0: no device at all.
	 */
	const char *const *devices;
	unsigned device_count;
	bool pci;        /* some are PCI devices */
	bool huge_pages; /* take the memory from them */
};

/*
 * Start it: lcore ids 0..lcores. There may be more of them than CPUs. 0, or -errno with DPDK's
 * last words in why.
 */
int eal_start(const struct eal_options *options, char *why, size_t why_len);

/* MiB of huge pages that are free now, and, with a node of 0 and more, on it. */
unsigned eal_huge_mib(int node);

void eal_stop(void);

#endif
