/*
 * A capped table from a keyed 64-bit hash to an index, with four lists in the
 * order of use. It holds no values: whoever owns one keeps arrays of the same
 * capacity and uses the index.
 *
 * Where an entry stands depends on the hash's key, so nothing here walks the
 * buckets: what is evicted depends on the order of use alone, and two runs
 * with two keys evict the same.
 */
#ifndef SMTAP_CONTROL_AGGR_TABLE_H
#define SMTAP_CONTROL_AGGR_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

/* Lists, in the order in which they lose entries. */
enum table_list {
	TABLE_IDLE,   /* nothing against it */
	TABLE_LOW,    /* little */
	TABLE_HIGH,   /* much; keeps at most 3/4 of the room */
	TABLE_PINNED, /* never evicted */
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

/* 0, or -ENOMEM. capacity from 1 to 2^30. */
int table_open(struct table *t, uint32_t capacity);
void table_close(struct table *t);

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

/* Used just now: the newest of list. */
void table_touch(struct table *t, uint32_t index, enum table_list list);

/* For prefetching: the bucket's line, then (with the bucket at hand) its first link's. */
static inline void
table_prefetch_bucket(const struct table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[hash & t->bucket_mask]);
}

static inline uint32_t
table_first(const struct table *t, uint64_t hash)
{
	return t->buckets[hash & t->bucket_mask];
}

static inline void
table_prefetch_link(const struct table *t, uint64_t hash)
{
	uint32_t index = table_first(t, hash);

	if (index != TABLE_NONE)
		__builtin_prefetch(&t->links[index], 1);
}

static inline uint64_t
table_hash(const struct table *t, uint32_t index)
{
	return t->links[index].hash;
}

#endif
