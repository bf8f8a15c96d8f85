/*
 * What waits for the end of a message: a recipient of the null sender, until the header says
 * whether it was a bounce. Of fixed capacity; when full the one longest ago goes.
 */
#include "control/track/track.h"

void
track_pending_put(struct track *t, uint64_t flow_id, const struct track_pending *pending)
{
	uint64_t hash = track_hash(t, &flow_id, sizeof(flow_id));
	uint32_t index = table_find(&t->pending_table, hash);
	bool evicted;

	if (index == TABLE_NONE)
		index = table_insert(&t->pending_table, hash, TABLE_IDLE, &evicted);
	else
		table_touch(&t->pending_table, index, TABLE_IDLE);
	if (index != TABLE_NONE)
		t->pending[index] = *pending;
}

const struct track_pending *
track_pending_get(const struct track *t, uint64_t flow_id)
{
	uint32_t index = table_find(&t->pending_table, track_hash(t, &flow_id, sizeof(flow_id)));

	return index == TABLE_NONE ? NULL : &t->pending[index];
}
