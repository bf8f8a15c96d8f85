/* eal: DPDK's environment for captures: no huge pages, no devices, no files, no root. */
#ifndef SMTAP_DATAPLANE_IO_EAL_H
#define SMTAP_DATAPLANE_IO_EAL_H

#include <stddef.h>

/*
 * Start it with the main lcore and `lcores` more (ids 1..lcores), all free to run
 * on each CPU that this process may use: there may be more of them than CPUs.
 * memory_mib: for mbufs. 0, or -errno with DPDK's last words in why.
 */
int eal_start(unsigned lcores, unsigned memory_mib, char *why, size_t why_len);

void eal_stop(void);

#endif
