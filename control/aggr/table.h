/*
 * A capped table from a keyed 64-bit hash to an index, with lists in the
 * order of use, one for each grade of evidence. It holds no values: whoever owns one keeps arrays
 * of the same capacity and uses the index.
 *
 * Where an entry stands depends on the hash's key, so nothing here walks the
 * buckets: what is evicted depends on the order of use alone, and two runs
 * with two keys evict the same.
 */
#ifndef SMTAP_CONTROL_AGGR_TABLE_H
#define SMTAP_CONTROL_AGGR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct table_link {
	uint64_t hash;
	uint32_t chain; /* next in the bucket, or next free */
	uint32_t older;
	uint32_t newer;
	uint8_t list; /* enum table_list; TABLE_LISTS: free */
};

/* Of an entry, at a capacity that is a power of two. */
#define TABLE_ENTRY_BYTES (sizeof(struct table_link) + sizeof(uint32_t))

struct table {
	struct table_link *links; /* owned; capacity */
	uint32_t *buckets;        /* owned; a power of two */
	uint32_t bucket_mask;
	uint32_t capacity;
	uint32_t in_use;
	uint32_t fresh; /* links from here on were never used */
	uint32_t free;  /* used before, and free; chained */
	uint64_t inserted;
	uint64_t evicted;
	uint32_t oldest[TABLE_LISTS];
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

/* 0, or -ENOMEM. capacity from 1 to 2^30. */
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

/* Free the entry that is next to be evicted; its index, or TABLE_NONE when all are pinned. */
uint32_t table_evict(struct table *t);

/* The entries that are probably evicted next, or TABLE_NONE. */
void table_victims(const struct table *t, uint32_t out[2]);

/* Used just now: the newest of list. */
void table_touch(struct table *t, uint32_t index, enum table_list list);

/* Not by the low bits: hashes that are never 0 have one of them set. */
static inline uint32_t *
table_bucket(const struct table *t, uint64_t hash)
{
	return &t->buckets[hash >> 16 & t->bucket_mask];
}

/* For prefetching, each step some time after the one before. */
static inline void
table_prefetch_bucket(const struct table *t, uint64_t hash)
{
	prefetch_write(table_bucket(t, hash));
}

enum table_step {
	TABLE_STEP_BUCKET,
	TABLE_STEP_LINK,
	TABLE_STEP_VALUES,
	TABLE_STEP_MORE, /* what the values refer to; nothing of the table itself */
	TABLE_STEPS
};

static inline uint32_t
table_first(const struct table *t, uint64_t hash)
{
	return *table_bucket(t, hash);
}

static inline void
table_prefetch_link(const struct table *t, uint64_t hash)
{
	uint32_t index = table_first(t, hash);

	if (index != TABLE_NONE)
		prefetch_write(&t->links[index]);
}

/*
 * With the first link at hand: where hash probably stands, or TABLE_NONE. Asks for the links
 * that table_touch changes: those beside it in its list.
 */
static inline uint32_t
table_guess(const struct table *t, uint64_t hash)
{
	uint32_t index = table_first(t, hash);
	const struct table_link *link = &t->links[index];

	if (index == TABLE_NONE)
		return TABLE_NONE;
	if (link->hash != hash) {
		if (link->chain != TABLE_NONE)
			prefetch_write(&t->links[link->chain]);
		return link->chain;
	}
	if (link->older != TABLE_NONE)
		prefetch_write(&t->links[link->older]);
	if (link->newer != TABLE_NONE)
		prefetch_write(&t->links[link->newer]);
	return index;
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

/* As table_find, where table_guess gave the guess since the entry was last seen. */
static inline uint32_t
table_find_guessed(const struct table *t, uint64_t hash, uint32_t guess)
{
	if (guess != TABLE_NONE && t->links[guess].hash == hash &&
		t->links[guess].list != TABLE_LISTS)
		return guess;
	return table_find(t, hash);
}

static inline uint64_t
table_hash(const struct table *t, uint32_t index)
{
	return t->links[index].hash;
}

#endif
