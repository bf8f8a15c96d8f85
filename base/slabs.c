/*
 * Theory of operation
 *
 * The arena is pages of 4 KiB. A page in use belongs to one class and is cut into pieces of
 * that class's size; when the last of them is given back the page is free for any class. So no
 * class needs a bound of its own. A piece is named by its offset in units of 32 bytes: to
 * reach it needs no look at its page.
 *
 * Each class has a list of its pages that have both used and free pieces; the page that a piece
 * was given back to last is at its head. Free pieces of a page are chained through their first
 * byte; those never used are not touched.
 *
 * Always: a page is in the list of its class if and only if 0 < used < pieces of the class;
 * pages_in_use + length of the free list == fresh <= capacity.
 *
 * Limits: a page with one piece left stays its class's. A load that takes many small
 * pieces and keeps one of each page could hold the arena with a 128th of it; the bound holds all
 * the same. The reserve keeps the last eighth of the pages for small pieces: who takes large ones
 * (lines that never end) is refused first.
 */
#include "base/slabs.h"

#include <assert.h>
#include <stdbool.h>

#define PIECE_NONE UINT8_MAX

struct slabs_page {
	uint32_t next;
	uint32_t prev;
	uint8_t class;
	uint8_t used;
	uint8_t free;  /* a piece's number, or PIECE_NONE */
	uint8_t fresh; /* pieces never used start here */
};

/* By class: units of a piece. From three units on a step adds at most a half. */
static const uint8_t class_units[SLABS_CLASSES] = {
	1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 42, 64, 128};
static const uint8_t class_pieces[SLABS_CLASSES] = {
	128, 64, 42, 32, 25, 21, 16, 10, 8, 5, 4, 3, 2, 1};

_Static_assert(SLABS_PAGE_BYTES / SLABS_UNIT_BYTES == 128, "a page is 128 units");

static uint8_t
class_of(size_t len)
{
	size_t units = (len + SLABS_UNIT_BYTES - 1) / SLABS_UNIT_BYTES;
	uint8_t class = 0;

	while (class_units[class] < units)
		class ++;
	return class;
}

size_t
slabs_room(size_t len)
{
	return (size_t)class_units[class_of(len)] * SLABS_UNIT_BYTES;
}

size_t
slabs_footprint(uint32_t pages)
{
	size_t heads = ((size_t)pages * sizeof(struct slabs_page) + 63) / 64 * 64;

	return heads + (size_t)pages * SLABS_PAGE_BYTES;
}

void
slabs_init(struct slabs *s, void *memory, uint32_t pages)
{
	assert(pages < SLABS_NONE / (SLABS_PAGE_BYTES / SLABS_UNIT_BYTES));
	*s = (struct slabs){
		.memory = (uint8_t *)memory +
			  (slabs_footprint(pages) - (size_t)pages * SLABS_PAGE_BYTES),
		.pages = memory,
		.capacity = pages,
		.free = SLABS_NONE,
		.reserve = pages / 8,
	};
	for (unsigned i = 0; i < SLABS_CLASSES; i++)
		s->partial[i] = SLABS_NONE;
}

static void
partial_link(struct slabs *s, uint32_t index)
{
	struct slabs_page *p = &s->pages[index];

	p->prev = SLABS_NONE;
	p->next = s->partial[p->class];
	if (p->next != SLABS_NONE)
		s->pages[p->next].prev = index;
	s->partial[p->class] = index;
}

static void
partial_unlink(struct slabs *s, uint32_t index)
{
	const struct slabs_page *p = &s->pages[index];

	if (p->next != SLABS_NONE)
		s->pages[p->next].prev = p->prev;
	if (p->prev != SLABS_NONE)
		s->pages[p->prev].next = p->next;
	else
		s->partial[p->class] = p->next;
}

static uint32_t
page_take(struct slabs *s, uint8_t class)
{
	uint32_t index = s->free;
	bool small = class_units[class] * SLABS_UNIT_BYTES <= SLABS_SMALL_BYTES;

	if (!small && s->capacity - s->pages_in_use <= s->reserve)
		return SLABS_NONE;
	if (index != SLABS_NONE)
		s->free = s->pages[index].next;
	else if (s->fresh < s->capacity)
		index = s->fresh++;
	else
		return SLABS_NONE;
	s->pages_in_use++;
	s->pages[index] = (struct slabs_page){.class = class, .free = PIECE_NONE};
	partial_link(s, index);
	return index;
}

uint32_t
slabs_take(struct slabs *s, size_t len)
{
	uint8_t class = class_of(len);
	uint32_t index = s->partial[class];

	if (index == SLABS_NONE)
		index = page_take(s, class);
	if (index == SLABS_NONE)
		return SLABS_NONE;
	struct slabs_page *p = &s->pages[index];
	uint32_t piece = index * (SLABS_PAGE_BYTES / SLABS_UNIT_BYTES);
	if (p->free != PIECE_NONE) {
		piece += (uint32_t)p->free * class_units[class];
		p->free = *(const uint8_t *)slabs_at(s, piece);
	} else {
		piece += (uint32_t)p->fresh++ * class_units[class];
	}
	if (++p->used == class_pieces[class])
		partial_unlink(s, index);
	s->bytes_in_use += class_units[class] * SLABS_UNIT_BYTES;
	return piece;
}

void
slabs_give(struct slabs *s, uint32_t piece)
{
	uint32_t index = piece / (SLABS_PAGE_BYTES / SLABS_UNIT_BYTES);
	struct slabs_page *p = &s->pages[index];
	uint32_t at = piece % (SLABS_PAGE_BYTES / SLABS_UNIT_BYTES);

	assert(index < s->fresh && p->used > 0);
	s->bytes_in_use -= class_units[p->class] * SLABS_UNIT_BYTES;
	if (p->used == class_pieces[p->class])
		partial_link(s, index);
	*(uint8_t *)slabs_at(s, piece) = p->free;
	p->free = (uint8_t)(at / class_units[p->class]);
	if (--p->used > 0)
		return;
	partial_unlink(s, index);
	p->next = s->free;
	s->free = index;
	s->pages_in_use--;
}
