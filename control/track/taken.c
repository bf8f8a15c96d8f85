#include "control/track/taken.h"

#include <errno.h>

#include "control/aggr/memory.h"

#define TAKEN (1u << 16)

int
taken_open(struct taken *taken)
{
	taken->flows = memory_take(TAKEN * sizeof(*taken->flows));
	return taken->flows != NULL ? table_open(&taken->table, TAKEN) : -ENOMEM;
}

void
taken_close(struct taken *taken)
{
	table_close(&taken->table);
	memory_give(taken->flows, TAKEN * sizeof(*taken->flows));
}

void
taken_put(struct taken *taken, uint64_t hash, const struct event_flow *flow)
{
	uint32_t index = table_find(&taken->table, hash);
	bool evicted;

	if (index == TABLE_NONE)
		index = table_insert(&taken->table, hash, TABLE_IDLE, &evicted);
	else
		table_touch(&taken->table, index, TABLE_IDLE);
	if (index != TABLE_NONE)
		taken->flows[index] = *flow;
}

const struct event_flow *
taken_by(const struct taken *taken, uint64_t hash)
{
	uint32_t index = table_find(&taken->table, hash);

	return index != TABLE_NONE ? &taken->flows[index] : NULL;
}
