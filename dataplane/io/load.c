/* How full a worker's queues are. Asked once for some hundred packets: a driver counts by walking
   descriptors. */
#include "dataplane/io/edge.h"

#include "dataplane/io/load.h"

#include <rte_ethdev.h>

uint32_t
load_slots(const struct live *live, uint32_t descriptors)
{
	struct rte_eth_rxq_info info;

	for (unsigned i = 0; i < live->input_count; i++) {
		const struct live_input *in = &live->inputs[i];
		if (rte_eth_rx_queue_info_get(in->port, in->queue, &info) == 0 &&
			info.nb_desc > 0 && info.nb_desc < descriptors)
			descriptors = info.nb_desc;
	}
	return descriptors;
}

/* The fullest of the ports' queues; SHED_UNKNOWN when a driver cannot say. */
static uint32_t
load_of_ports(const struct load *l)
{
	uint32_t most = 0;

	for (unsigned i = 0; i < l->live->input_count; i++) {
		const struct live_input *in = &l->live->inputs[i];
		int waiting = rte_eth_rx_queue_count(in->port, in->queue);
		if (waiting < 0)
			return SHED_UNKNOWN;
		if ((uint32_t)waiting > most)
			most = (uint32_t)waiting;
	}
	return most * 1000 / l->slots;
}

void
load_read(void *arg, struct shed_load *out)
{
	const struct load *l = arg;

	out->queue = l->live ? load_of_ports(l) : rte_ring_count(l->queue->ring) * 1000 / l->slots;
	out->table = pipeline_fill(l->pipeline);
	out->lost = counter_read(l->ports, COUNTER_PORT_MISSED) +
		    counter_read(l->ports, COUNTER_PORT_NOMBUF) +
		    counter_read(l->ports, COUNTER_DISPATCH_FULL);
}
