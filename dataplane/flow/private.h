/* What the table and its timer wheel share. The theory is at the head of table.c. */
#ifndef SMTAP_DATAPLANE_FLOW_PRIVATE_H
#define SMTAP_DATAPLANE_FLOW_PRIVATE_H

#include "dataplane/flow/flow.h"

#define BUCKET_SLOTS 12
#define WHEEL_SLOTS 4096u

/* One cache line. A slot is empty when its tag is 0. */
struct bucket {
	uint8_t tag[BUCKET_SLOTS];
	uint8_t strayed; /* entries at home here that stand in a later bucket */
	uint8_t reach;   /* how many buckets on the furthest of those may stand */
	uint8_t reserved[2];
	uint32_t index[BUCKET_SLOTS];
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

/* The half-open entries, oldest first: in what lies beside each. */
struct __attribute__((may_alias)) order {
	uint32_t next;
	uint32_t prev;
};

_Static_assert(sizeof(struct order) == FLOW_BESIDE_MIN, "the room that the owner leaves for it");

struct wheel {
	uint32_t now_s;     /* where it stands: no entry is filed before */
	uint32_t far_head;  /* entries beyond the wheel, in no order */
	uint32_t far_min_s; /* none of their deadlines is before */
	bool sorted;        /* the list of now_s, and all of it is due */
	uint64_t summary;   /* words of occupied that are not 0 */
	uint64_t occupied[WHEEL_SLOTS / 64];
	uint32_t head[WHEEL_SLOTS];
};

struct flow_table {
	/* Read by every lookup. */
	struct bucket *buckets;
	uint8_t *entries;
	uint32_t bucket_count;
	uint32_t entry_bytes;
	uint8_t *besides;
	uint32_t beside_bytes;
	struct flow_hash hash;
	struct slabs *slabs; /* may be NULL */
	bool (*before)(const struct flow *a, const struct flow *b);
	/* Changed with the entries. */
	uint32_t capacity;
	uint32_t count;
	uint32_t fresh;     /* entries from here on were never used */
	uint32_t free_head; /* the others that are free, through timer_next */
	uint32_t half_open_head;
	uint32_t half_open_tail;
	uint32_t half_open; /* how many */
	struct wheel wheel;
};

/* A deadline that never comes. */
#define WHEEL_NEVER (UINT32_MAX - 1)

_Static_assert(WHEEL_SLOTS <= 1u << 12, "an entry has twelve bits for its slot");

static inline struct flow *
flow_at(const struct flow_table *t, uint32_t index)
{
	return (struct flow *)(void *)(t->entries + (size_t)index * t->entry_bytes);
}

void timer_init(struct wheel *wheel);
/* File an entry that is not filed, by its deadline. */
void timer_file(struct flow_table *t, uint32_t index);
void timer_unfile(struct flow_table *t, uint32_t index);
/* The entry with the earliest deadline, or nearly; FLOW_NONE when there is none at all. */
uint32_t timer_earliest(struct flow_table *t);

#endif
