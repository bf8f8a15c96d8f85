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

/* Where hash stands, or len. */
static uint32_t
find(const struct seen_thing *things, uint32_t len, uint32_t hash)
{
	uint32_t at = 0;

	/* A full set seldom has it: looked at without stopping, several at a time. */
	if (len == SEEN_THINGS) {
		uint32_t any = 0;

		for (unsigned i = 0; i < SEEN_THINGS; i++)
			any |= things[i].hash == hash;
		if (any == 0)
			return len;
	}
	while (at < len && things[at].hash != hash)
		at++;
	return at;
}

/*
 * The first of those seen longest ago, of a full set. Times only grow, so the least of the last
 * search is a bound: who has it is the one, and all need to be looked at once per second at most.
 */
static uint32_t
oldest(struct seen_thing *things, uint32_t *least_s)
{
	uint32_t at = 0;
	uint32_t least = things[0].last_s;

	for (uint32_t i = 0; i < SEEN_THINGS; i++)
		if (things[i].last_s == *least_s)
			return i;
	for (uint32_t i = 1; i < SEEN_THINGS; i++)
		if (things[i].last_s < least) {
			least = things[i].last_s;
			at = i;
		}
	*least_s = least;
	return at;
}

uint32_t
seen_add(struct seen *seen, struct blocks *pool, uint32_t hash, uint32_t now_s)
{
	struct seen_thing *things = &seen->own;
	uint32_t room = 1;
	uint32_t before = 0;
	uint32_t at;

	if (seen_needs_block(seen, hash)) {
		seen->block = blocks_take(pool);
		if (seen->block != BLOCKS_NONE)
			*(struct seen_thing *)blocks_at(pool, seen->block) = seen->own;
	}
	if (seen->block != BLOCKS_NONE) {
		things = blocks_at(pool, seen->block);
		room = SEEN_THINGS;
	}
	at = find(things, seen->len, hash);
	if (at < seen->len)
		before = things[at].last_s;
	else if (seen->len < room)
		seen->len++;
	else
		at = room == 1 ? 0 : oldest(things, &seen->own.last_s);
	things[at] = (struct seen_thing){hash, now_s};
	return before;
}
