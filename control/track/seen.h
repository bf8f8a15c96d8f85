/*
 * A small set of things seen lately, each with the time of the last sight. The
 * first stands in the set itself; from the second on it is a block of a pool.
 */
#ifndef SMTAP_CONTROL_TRACK_SEEN_H
#define SMTAP_CONTROL_TRACK_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blocks.h"
#include "base/prefetch.h"

#define SEEN_THINGS 64

struct seen_thing {
	uint32_t hash;
	uint32_t last_s;
};

struct seen {
	uint32_t block; /* BLOCKS_NONE: none */
	uint32_t len;
	union {
		struct seen_thing own; /* while there is no block */
		/* Of a full block: those seen longest ago, as bits; 0: not known. */
		uint64_t oldest;
	};
};

_Static_assert(SEEN_THINGS == 64, "a bit for each");

/* Hashes side by side: a search looks at several at a time. */
struct seen_block {
	uint32_t hash[SEEN_THINGS];
	uint32_t last_s[SEEN_THINGS];
};

#define SEEN_BLOCK_BYTES sizeof(struct seen_block)

void seen_open(struct seen *seen);

/* Forget all, and give back the block. */
void seen_clear(struct seen *seen, struct blocks *pool);

/* Would hash take a block that the set does not have? */
bool seen_needs_block(const struct seen *seen, uint32_t hash);

/* It will be added to soon. */
static inline void
seen_prefetch(const struct seen *seen, const struct blocks *pool)
{
	const struct seen_block *block;

	if (seen->block == BLOCKS_NONE)
		return;
	block = blocks_at(pool, seen->block);
	for (uint32_t i = 0; i < seen->len; i += 64 / sizeof(block->hash[0]))
		prefetch_write(&block->hash[i]);
	prefetch_write(&block->last_s[seen->len - 1]);
}

/*
 * hash was seen at now_s, which never runs back. Its last sight before, or 0
 * when it is new here; then, in a full set, the one seen longest ago goes.
 */
uint32_t seen_add(struct seen *seen, struct blocks *pool, uint32_t hash, uint32_t now_s);

#endif
