/*
 * Pieces of memory of a few sizes out of one arena that the caller gives: small things cost
 * little, and one bound holds for all of them. Nothing is allocated after slabs_init; an
 * arena that is full is the caller's to count. The theory is in slabs.c.
 *
 * Not safe for use by several threads: each worker has its own.
 */
#ifndef SMTAP_BASE_SLABS_H
#define SMTAP_BASE_SLABS_H

#include <stddef.h>
#include <stdint.h>

#define SLABS_NONE UINT32_MAX
#define SLABS_UNIT_BYTES 32u
#define SLABS_PAGE_BYTES 4096u
#define SLABS_MAX_BYTES SLABS_PAGE_BYTES /* the largest piece */
#define SLABS_SMALL_BYTES 256u
#define SLABS_CLASSES 14u

struct slabs_page; /* private */

struct slabs {
	uint8_t *memory; /* the caller's, until the arena is no longer used */
	struct slabs_page *pages;
	uint32_t capacity; /* pages */
	uint32_t fresh;    /* pages never used start here */
	uint32_t free;     /* of those used before, the first that is free */
	uint32_t pages_in_use;
	uint32_t reserve; /* pages that only small pieces may take */
	uint32_t partial[SLABS_CLASSES];
	uint64_t bytes_in_use; /* of pieces */
};

/* Bytes that slabs_init needs for so many pages. */
size_t slabs_footprint(uint32_t pages);

/* memory: slabs_footprint() bytes, 64-byte aligned; pages are not touched before their use. */
void slabs_init(struct slabs *s, void *memory, uint32_t pages);

/*
 * A piece of at least len bytes, 1 to SLABS_MAX_BYTES, 32-byte aligned, not zeroed.
 * SLABS_NONE when there is none; pieces over SLABS_SMALL_BYTES get none of the last eighth
 * of the pages.
 */
uint32_t slabs_take(struct slabs *s, size_t len);

void slabs_give(struct slabs *s, uint32_t piece);

/* Bytes of the piece that slabs_take(len) gives. */
size_t slabs_room(size_t len);

static inline void *
slabs_at(const struct slabs *s, uint32_t piece)
{
	return s->memory + (size_t)piece * SLABS_UNIT_BYTES;
}

#endif
