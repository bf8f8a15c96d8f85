/* port: the workers' queues as queues of DPDK ports, so that a capture is polled like a NIC. */
#ifndef SMTAP_DATAPLANE_IO_PORT_H
#define SMTAP_DATAPLANE_IO_PORT_H

#include "dataplane/io/edge.h"

#include <rte_mempool.h>

#include "dataplane/io/queue.h"

/*
 * Make count rings of `slots` and ports over them, started; fills in ring, port and
 * port_queue of each queue. pool: what rx queues are set up with; rings do not
 * allocate from it. 0, or -errno.
 */
int port_open_rings(
	struct queue queues[], unsigned count, unsigned slots, struct rte_mempool *pool);

#endif
