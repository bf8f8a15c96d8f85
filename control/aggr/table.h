/*
 * A capped table from a keyed 64-bit hash to an index, with lists in the
 * order of use, one for each grade of evidence. It holds no values: whoever owns one keeps arrays
 * of the same capacity and uses the index.
 *
 * Where an entry stands depends on the hash's key, so nothing here walks the
 * lines: what is evicted depends on how entries were used alone, and two runs
 * with two keys evict the same.
 */
#ifndef SMTAP_CONTROL_AGGR_TABLE_H
#define SMTAP_CONTROL_AGGR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/prefetch.h"

#define TABLE_NONE UINT32_MAX

/* Lists, in the order in which they lose entries. */
enum table_list {
	TABLE_IDLE,    /* nothing against it */
	TABLE_LOW,     /* once */
	TABLE_SOME,    /* a few times */
	TABLE_HIGH,    /* much */
	TABLE_HIGHER,  /* twice as much */
	TABLE_HIGHEST, /* four times as much */
	TABLE_PINNED,  /* never evicted */
	TABLE_LISTS
};

#define TABLE_END 0x1fffffffu /* no entry, as links have it */

/* Four in a line of the cache, none of them in two. */
struct table_link {
	uint64_t hash;
	uint32_t older : 29; /* or next free; TABLE_END: none */
	uint32_t list : 3;   /* enum table_list; TABLE_LISTS: free */
	uint32_t newer : 29;
	uint32_t used : 1; /* since it came to this end of the list */
	uint32_t reserved : 2;
};

_Static_assert(sizeof(struct table_link) == 16, "never in two lines of the cache");
_Static_assert(TABLE_LISTS < 8, "three bits");

#define TABLE_SLOTS 12u /* of a line */
#define TABLE_USUAL 8u  /* entries for each line of a full table, so that few lines overflow */

/* A line of the cache: where entries stand, each with a tag, so that a search reads no link but,
   nearly always, the one that it looks for; and hardly any for what is not there. */
struct table_line {
	_Alignas(64) uint8_t tag[TABLE_SLOTS];
	uint8_t len;
	uint8_t reserved;
	uint16_t past; /* entries that stand in a line after this one, since it was full */
	uint32_t index[TABLE_SLOTS];
};

_Static_assert(sizeof(struct table_line) == 64, "a line of the cache");
_Static_assert(offsetof(struct table_line, index) == 16, "tags are looked at sixteen at a time");

/* Of an entry, of a large table. */
#define TABLE_ENTRY_BYTES \
	(sizeof(struct table_link) + (sizeof(struct table_line) + TABLE_USUAL - 1) / TABLE_USUAL)

struct table {
	struct table_link *links; /* owned; capacity */
	struct table_line *lines; /* owned; line_count */
	const uint8_t *values;    /* the owner's, to be asked for before one is evicted; or NULL */
	size_t value_bytes;
	uint32_t line_count;
	uint32_t capacity;
	uint32_t in_use;
	uint32_t fresh; /* links from here on were never used */
	uint32_t free;  /* used before, and free; chained; TABLE_END: none */
	uint64_t inserted;
	uint64_t evicted;
	uint32_t oldest[TABLE_LISTS]; /* or TABLE_END */
	uint32_t newest[TABLE_LISTS];
	uint32_t count[TABLE_LISTS];
};

/* The grade of so many bad things. */
static inline enum table_list
table_grade(uint32_t evidence)
{
	if (evidence < 4)
		return evidence < 2 ? (enum table_list)evidence : TABLE_SOME;
	return evidence < 8 ? TABLE_HIGH : evidence < 16 ? TABLE_HIGHER : TABLE_HIGHEST;
}

/* Would one more be of another grade? */
static inline bool
table_grade_ends(uint32_t evidence)
{
	return evidence < 16 && (evidence & (evidence + 1)) == 0;
}

/* 0, or -ENOMEM. capacity from 1 to 2^29 - 1. */
int table_open(struct table *t, uint32_t capacity);
void table_close(struct table *t);

struct image;

/* The table of a process of before, of the same capacity: entries keep their index. */
void table_image(struct table *t, struct image *image);

/* Have all memory now (memory_touch). */
void table_touch_memory(struct table *t);

/* The index of hash, or TABLE_NONE. */
uint32_t table_find(const struct table *t, uint64_t hash);

/*
 * An index for hash, which is not in the table; it starts as the newest of
 * list. *evicted: it was taken from another entry, whose values are still
 * there to be let go of. TABLE_NONE when all are pinned.
 */
uint32_t table_insert(struct table *t, uint64_t hash, enum table_list list, bool *evicted);

/* For table_image: put an entry that has its hash, and stands in no line, into one. */
void table_place(struct table *t, uint32_t index);

/* Free the entry that is next to be evicted; its index, or TABLE_NONE when all are pinned. */
uint32_t table_evict(struct table *t);

/* The entries that are probably evicted next, or TABLE_NONE. */
void table_victims(const struct table *t, uint32_t out[2]);

/* To another list, as its newest. */
void table_move(struct table *t, uint32_t index, enum table_list list);

/* Used just now, and in this list. */
static inline void
table_touch(struct table *t, uint32_t index, enum table_list list)
{
	struct table_link *link = &t->links[index];

	if (link->list == list)
		link->used = 1;
	else
		table_move(t, index, list);
}

/* Not by the low bits: hashes that are never 0 have one of them set. */
static inline struct table_line *
table_line(const struct table *t, uint64_t hash)
{
	return &t->lines[(hash >> 32) * t->line_count >> 32];
}

static inline uint8_t
table_tag(uint64_t hash)
{
	return (uint8_t)(hash >> 16);
}

/* The slots in use in which the hash's tag stands, as bits. */
static inline unsigned
table_tagged(const struct table_line *line, uint64_t hash)
{
	unsigned bits = 0;

#ifdef __SSE2__
	const __m128i tags = _mm_set1_epi8((char)table_tag(hash));
	const __m128i all = _mm_load_si128((const __m128i *)line->tag);

	bits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(all, tags));
#else
	for (unsigned at = 0; at < TABLE_SLOTS; at++)
		bits |= (unsigned)(line->tag[at] == table_tag(hash)) << at;
#endif
	return bits & ((1u << line->len) - 1);
}

/* For prefetching, each step some time after the one before. */
static inline void
table_prefetch_line(const struct table *t, uint64_t hash)
{
	prefetch_write(table_line(t, hash));
}

enum table_step {
	TABLE_STEP_LINE,
	TABLE_STEP_VALUES, /* and the link */
	TABLE_STEP_MORE,   /* what these refer to */
	TABLE_STEPS
};

/* With the line at hand: where hash probably stands, or TABLE_NONE. Asks for the link. */
static inline uint32_t
table_guess(const struct table *t, uint64_t hash)
{
	const struct table_line *line = table_line(t, hash);
	const unsigned tagged = table_tagged(line, hash);
	uint32_t index;

	if (tagged == 0)
		return TABLE_NONE;
	index = line->index[__builtin_ctz(tagged)];
	prefetch_write(&t->links[index]);
	return index;
}

/* With the link at hand: ask for those beside it in its list, which table_move changes. */
static inline void
table_prefetch_beside(const struct table *t, uint32_t guess)
{
	const struct table_link *link = &t->links[guess];

	if (link->older != TABLE_END)
		prefetch_write(&t->links[link->older]);
	if (link->newer != TABLE_END)
		prefetch_write(&t->links[link->newer]);
}

/* All lines of a value. */
static inline void
table_prefetch_value(const void *values, size_t bytes, uint32_t index)
{
	const uint8_t *value = (const uint8_t *)values + index * bytes;

	for (size_t at = 0; at < bytes; at += 64)
		prefetch_write(value + at);
	/* One that does not begin with a line may end in one more. */
	if (bytes % 64 != 0)
		prefetch_write(value + bytes - 1);
}

static inline bool
table_is_at(const struct table *t, uint64_t hash, uint32_t index)
{
	return t->links[index].hash == hash && t->links[index].list != TABLE_LISTS;
}

/* As table_find; guess: where it may stand, or TABLE_NONE. */
static inline uint32_t
table_find_guessed(const struct table *t, uint64_t hash, uint32_t guess)
{
	if (guess != TABLE_NONE && table_is_at(t, hash, guess))
		return guess;
	return table_find(t, hash);
}

static inline uint64_t
table_hash(const struct table *t, uint32_t index)
{
	return t->links[index].hash;
}

#endif
