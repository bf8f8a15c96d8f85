#include "control/track/seen.h"

_Static_assert(SEEN_BLOCK_BYTES % 16 == 0, "a block");

void
seen_open(struct seen *seen)
{
	*seen = (struct seen){.block = BLOCKS_NONE};
}

void
seen_clear(struct seen *seen, struct blocks *pool)
{
	if (seen->block != BLOCKS_NONE)
		blocks_give(pool, seen->block);
	seen_open(seen);
}

bool
seen_needs_block(const struct seen *seen, uint32_t hash)
{
	return seen->block == BLOCKS_NONE && seen->len == 1 && seen->own.hash != hash;
}

uint32_t
seen_add(struct seen *seen, struct blocks *pool, uint32_t hash, uint32_t now_s)
{
	struct seen_thing *things = &seen->own;
	uint32_t room = 1;
	uint32_t oldest = 0;
	uint32_t at = 0;
	uint32_t before = 0;

	if (seen_needs_block(seen, hash)) {
		seen->block = blocks_take(pool);
		if (seen->block != BLOCKS_NONE)
			*(struct seen_thing *)blocks_at(pool, seen->block) = seen->own;
	}
	if (seen->block != BLOCKS_NONE) {
		things = blocks_at(pool, seen->block);
		room = SEEN_THINGS;
	}
	while (at < seen->len && things[at].hash != hash) {
		if (things[at].last_s < things[oldest].last_s)
			oldest = at;
		at++;
	}
	if (at < seen->len)
		before = things[at].last_s;
	else if (seen->len < room)
		seen->len++;
	else
		at = oldest;
	things[at] = (struct seen_thing){hash, now_s};
	return before;
}
