/*
 * A pool of equal blocks in memory that the caller gives. Nothing is allocated
 * after blocks_init; an empty pool is the caller's to count.
 *
 * Not safe for use by several threads: each worker has its own.
 */
#ifndef SMTAP_BASE_BLOCKS_H
#define SMTAP_BASE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

struct blocks {
	uint8_t *memory;    /* the caller's, until the pool is no longer used */
	uint32_t block_len; /* bytes, a multiple of 16 */
	uint32_t capacity;  /* blocks */
	uint32_t in_use;
	uint32_t free_head; /* BLOCKS_NONE when empty */
	uint32_t fresh;     /* blocks never handed out start here */
};

#define BLOCKS_NONE UINT32_MAX

/* Bytes that blocks_init needs for capacity blocks of block_len bytes. */
size_t blocks_footprint(uint32_t capacity, uint32_t block_len);

/*
 * memory: blocks_footprint() bytes, 64-byte aligned; need not be zeroed, and
 * is not touched until blocks are taken (so untaken pages cost nothing).
 */
void blocks_init(struct blocks *pool, void *memory, uint32_t capacity, uint32_t block_len);

/* An index, or BLOCKS_NONE when the pool is empty. The block is not zeroed. */
uint32_t blocks_take(struct blocks *pool);

/* Give back a block that blocks_take returned. */
void blocks_give(struct blocks *pool, uint32_t index);

struct image;

/* The pool of a process of before, of as many blocks of as many bytes; indices stay true. */
void blocks_image(struct blocks *pool, struct image *image);

static inline void *
blocks_at(const struct blocks *pool, uint32_t index)
{
	return pool->memory + (size_t)index * pool->block_len;
}

#endif
