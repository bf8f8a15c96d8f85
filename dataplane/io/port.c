#include "dataplane/io/port.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

/* What a port over rings takes (RTE_PMD_RING_MAX_RX_RINGS), and there are but 32 ports. */
#define PORT_QUEUES_MAX 16u

static int
port_start(int port, unsigned queues, struct rte_mempool *pool)
{
	struct rte_eth_conf conf;
	int r;

	memset(&conf, 0, sizeof(conf));
	r = rte_eth_dev_configure((uint16_t)port, (uint16_t)queues, 1, &conf);
	for (unsigned i = 0; i < queues && r == 0; i++)
		r = rte_eth_rx_queue_setup(
			(uint16_t)port, (uint16_t)i, 0, SOCKET_ID_ANY, NULL, pool);
	if (r == 0)
		r = rte_eth_tx_queue_setup((uint16_t)port, 0, 0, SOCKET_ID_ANY, NULL);
	return r != 0 ? r : rte_eth_dev_start((uint16_t)port);
}

/* One port over the rings of queues[0..count). */
static int
port_open(struct queue queues[], unsigned count, unsigned number, struct rte_mempool *pool)
{
	struct rte_ring *rings[PORT_QUEUES_MAX];
	char name[24];

	for (unsigned i = 0; i < count; i++)
		rings[i] = queues[i].ring;
	snprintf(name, sizeof(name), "capture%u", number);
	/* The driver insists on a ring to transmit to; nothing is ever sent. */
	int port = rte_eth_from_rings(name, rings, count, rings, 1, 0);
	if (port < 0)
		return rte_errno ? -rte_errno : -ENODEV;
	for (unsigned i = 0; i < count; i++) {
		queues[i].port = (uint16_t)port;
		queues[i].port_queue = (uint16_t)i;
	}
	return port_start(port, count, pool);
}

int
port_open_rings(struct queue queues[], unsigned count, unsigned slots, struct rte_mempool *pool)
{
	char name[24];
	int r = 0;

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "queue%u", i);
		queues[i].ring =
			rte_ring_create(name, slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!queues[i].ring)
			return -rte_errno;
	}
	for (unsigned i = 0; i < count && r == 0; i += PORT_QUEUES_MAX) {
		unsigned n = count - i < PORT_QUEUES_MAX ? count - i : PORT_QUEUES_MAX;
		r = port_open(&queues[i], n, i / PORT_QUEUES_MAX, pool);
	}
	return r;
}
