/* load: how much a worker of live ports has before it: what shed's meter reads. */
#ifndef SMTAP_DATAPLANE_IO_LOAD_H
#define SMTAP_DATAPLANE_IO_LOAD_H

#include "dataplane/io/edge.h"

#include <stdint.h>

#include "contract/counters.h"
#include "dataplane/io/live.h"
#include "dataplane/io/queue.h"
#include "dataplane/pipeline/pipeline.h"

struct load {
	_Alignas(64) const
		struct live *live; /* whose ports the worker polls itself; NULL: its ring */
	const struct queue *queue; /* of the ring */
	uint32_t slots;            /* packets that a port's queue, or the ring, holds */
	const struct pipeline *pipeline;
	const struct counters *ports; /* where losses of ports and of the dispatcher stand */
};

/* Once the ports run: packets that a queue of theirs holds, at most descriptors. */
uint32_t load_slots(const struct live *live, uint32_t descriptors);

/* arg: struct load. */
void load_read(void *arg, struct shed_load *out);

#endif
