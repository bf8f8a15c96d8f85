#include "base/blocks.h"

#include <assert.h>
#include <string.h>

#include "base/image.h"

/*
 * Theory: blocks below `fresh` have been handed out at least once; the free
 * ones among them are chained through their first four bytes, last given first
 * taken (it is the one that the cache still holds). Blocks from `fresh` on were
 * never touched, so memory that a load never needs is never faulted in.
 *
 * Always: in_use + length of the chain == fresh <= capacity.
 */

size_t
blocks_footprint(uint32_t capacity, uint32_t block_len)
{
	return (size_t)capacity * block_len;
}

void
blocks_init(struct blocks *pool, void *memory, uint32_t capacity, uint32_t block_len)
{
	assert(block_len >= 16 && block_len % 16 == 0 && capacity < BLOCKS_NONE);
	*pool = (struct blocks){
		.memory = memory,
		.block_len = block_len,
		.capacity = capacity,
		.free_head = BLOCKS_NONE,
	};
}

uint32_t
blocks_take(struct blocks *pool)
{
	uint32_t index = pool->free_head;

	if (index != BLOCKS_NONE) {
		memcpy(&pool->free_head, blocks_at(pool, index), sizeof(pool->free_head));
	} else if (pool->fresh < pool->capacity) {
		index = pool->fresh++;
	} else {
		return BLOCKS_NONE;
	}
	pool->in_use++;
	return index;
}

void
blocks_give(struct blocks *pool, uint32_t index)
{
	assert(index < pool->fresh && pool->in_use > 0);
	memcpy(blocks_at(pool, index), &pool->free_head, sizeof(pool->free_head));
	pool->free_head = index;
	pool->in_use--;
}

void
blocks_image(struct blocks *pool, struct image *image)
{
	image_same(image, pool->block_len);
	image_same(image, pool->capacity);
	IMAGE_VALUE(image, pool->in_use);
	IMAGE_VALUE(image, pool->free_head);
	pool->fresh = image_count(image, pool->fresh, pool->capacity);
	image_bytes(image, pool->memory, (size_t)pool->fresh * pool->block_len);
}
