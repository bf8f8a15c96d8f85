/* pool: where packets lie. */
#ifndef SMTAP_DATAPLANE_IO_POOL_H
#define SMTAP_DATAPLANE_IO_POOL_H

#include "dataplane/io/edge.h"

#include <rte_mempool.h>
#include <stdint.h>

/*
 * A pool of n mbufs with `room` bytes each (headroom among them), for any lcore. NULL: rte_errno.
 *
 * Without hugepages DPDK gives each mbuf pages of its own, so that its addresses on the bus go on
 * without a break, and all of them begin at the same offset of a page: the first cache lines of
 * all packets then share one set of the first cache, which holds a dozen of them. Nothing but
 * the CPU reads packets then, so they are packed as on hugepages: over all sets, and in less
 * memory.
 */
struct rte_mempool *pool_create(
	const char *name, unsigned n, unsigned cache, uint16_t room, int node);

#endif
