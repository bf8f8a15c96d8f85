#include "control/track/seen.h"

#include <string.h>

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

/* Compared at once; a vector of four is what each of our machines has. */
typedef uint32_t seen_four __attribute__((vector_size(16)));

#define STRIDE 16u /* hashes looked at without a branch between them */

_Static_assert(SEEN_THINGS % STRIDE == 0, "a search ends with the block");

/* n: a constant. */
static inline __attribute__((always_inline)) bool
is_among(const uint32_t *hashes, unsigned n, uint32_t hash)
{
	const seen_four sought = {hash, hash, hash, hash};
	seen_four four, found = {0};
	uint64_t any[2];

	for (unsigned i = 0; i < n; i += 4) {
		memcpy(&four, hashes + i, sizeof(four));
		found |= (seen_four)(four == sought);
	}
	memcpy(any, &found, sizeof(any));
	return (any[0] | any[1]) != 0;
}

/* Where hash stands, or len. What stands from len on is of no account. */
static uint32_t
find(const struct seen_block *block, uint32_t len, uint32_t hash)
{
	/* Among many it mostly is not: whoever tries as many is not to cost more for it. */
	if (len > STRIDE && !is_among(block->hash, SEEN_THINGS, hash))
		return len;
	for (uint32_t from = 0; from < len; from += STRIDE) {
		if (!is_among(&block->hash[from], STRIDE, hash))
			continue;
		for (uint32_t i = from; i < from + STRIDE && i < len; i++)
			if (block->hash[i] == hash)
				return i;
	}
	return len;
}

/*
 * The first of those seen longest ago, of a full block. Times only grow, so these stay the ones
 * until the last of them was seen again: all are looked at once per second at most.
 */
static uint32_t
oldest(struct seen *seen, const struct seen_block *block)
{
	if (seen->oldest == 0) {
		uint32_t least = block->last_s[0];

		for (unsigned i = 1; i < SEEN_THINGS; i++)
			least = block->last_s[i] < least ? block->last_s[i] : least;
		for (unsigned i = 0; i < SEEN_THINGS; i++)
			seen->oldest |= (uint64_t)(block->last_s[i] == least) << i;
	}
	return (uint32_t)__builtin_ctzll(seen->oldest);
}

static uint32_t
add_own(struct seen *seen, uint32_t hash, uint32_t now_s)
{
	uint32_t before = seen->len > 0 && seen->own.hash == hash ? seen->own.last_s : 0;

	seen->len = 1;
	seen->own = (struct seen_thing){hash, now_s};
	return before;
}

/* A second thing: a block, if there is one to be had. */
static void
widen(struct seen *seen, struct blocks *pool)
{
	struct seen_block *block;

	seen->block = blocks_take(pool);
	if (seen->block == BLOCKS_NONE)
		return;
	block = blocks_at(pool, seen->block);
	block->hash[0] = seen->own.hash;
	block->last_s[0] = seen->own.last_s;
	seen->oldest = 0;
}

uint32_t
seen_add(struct seen *seen, struct blocks *pool, uint32_t hash, uint32_t now_s)
{
	struct seen_block *block;
	uint32_t before = 0;
	uint32_t at;

	if (seen_needs_block(seen, hash))
		widen(seen, pool);
	if (seen->block == BLOCKS_NONE)
		return add_own(seen, hash, now_s);
	block = blocks_at(pool, seen->block);
	at = find(block, seen->len, hash);
	if (at < seen->len)
		before = block->last_s[at];
	else if (seen->len < SEEN_THINGS)
		seen->len++;
	else
		at = oldest(seen, block);
	/* Seen again within the second that was its last, it is still one of them. */
	if (block->last_s[at] != now_s)
		seen->oldest &= ~(1ULL << at);
	block->hash[at] = hash;
	block->last_s[at] = now_s;
	return before;
}
