/*
 * flow: which session a segment belongs to. One table per worker: no locks, a
 * keyed hash, a fixed capacity, bulk lookup with prefetch, expiry on packet
 * time. The theory is at the head of flow/table.c.
 */
#ifndef SMTAP_DATAPLANE_FLOW_H
#define SMTAP_DATAPLANE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/siphash.h"
#include "base/slabs.h"
#include "contract/addr.h"

#define FLOW_NONE UINT32_MAX
#define FLOW_BULK_MAX 96

/*
 * The same for both directions: endpoint 0 is the smaller (addr, port). Between two IPv4
 * addresses it is short; any other pair is long.
 */
struct flow_key {
	uint32_t v4[2];      /* the addresses as they are on the wire; 0 in a long key */
	uint16_t port[2];    /* host order */
	uint32_t is_long;    /* 0 or 1 */
	struct addr addr[2]; /* of a long key; not set in a short one */
};

/* Returns whether src is endpoint 1 (the order was swapped). */
bool flow_key_make_long(struct flow_key *key, const struct addr *src, uint16_t src_port,
	const struct addr *dst, uint16_t dst_port);

static inline bool
flow_key_make(struct flow_key *key, const struct addr *src, uint16_t src_port,
	const struct addr *dst, uint16_t dst_port)
{
	if (!addr_is_v4(src) || !addr_is_v4(dst))
		return flow_key_make_long(key, src, src_port, dst, dst_port);
	uint32_t a = load_be32(src->bytes + 12);
	uint32_t b = load_be32(dst->bytes + 12);
	bool swapped = ((uint64_t)a << 16 | src_port) > ((uint64_t)b << 16 | dst_port);

	key->v4[swapped] = load_le32(src->bytes + 12);
	key->v4[!swapped] = load_le32(dst->bytes + 12);
	key->port[swapped] = src_port;
	key->port[!swapped] = dst_port;
	key->is_long = 0;
	return swapped;
}

static inline struct addr
flow_key_addr(const struct flow_key *key, unsigned end)
{
	return key->is_long ? key->addr[end] : addr_from_v4(&key->v4[end]);
}

/* Words of the longest key, and one more that is 0: the hash takes them in pairs. */
#define FLOW_HASH_WORDS 10

/* A keyed hash of keys; the theory is at the head of flow/table.c. */
struct flow_hash {
	uint64_t k[FLOW_HASH_WORDS];
};

void flow_hash_init(struct flow_hash *hash, const struct siphash_key *key);
uint64_t flow_hash(const struct flow_hash *hash, const struct flow_key *key);

/* Who is evicted first when the table is full. */
enum flow_class {
	FLOW_HALF_OPEN, /* no data seen yet, nor that some was missed, nor a FIN */
	FLOW_ESTABLISHED,
	FLOW_CLASS_COUNT
};

/*
 * The head of each entry; what follows it is the owner's. A lookup reads its key, the wheel
 * the rest.
 */
struct flow {
	uint32_t v4[2];      /* of the key; a long one: the piece of memory with its addresses */
	uint16_t port[2];    /* of the key */
	uint32_t deadline_s; /* idle deadline, seconds of the capture's clock */
	uint32_t timer_next; /* FLOW_NONE-terminated; the table's */
	uint32_t timer_prev;
	uint16_t timer_slot : 12; /* the wheel's slot that it is in */
	uint16_t timer_far : 1;   /* it is beyond the wheel */
	uint16_t class : 1;       /* enum flow_class */
	uint16_t in_use : 1;
	uint16_t is_long : 1;
	uint8_t owner[2]; /* the owner's */
};

_Static_assert(sizeof(struct flow) == 28, "what the head of an entry costs");
_Static_assert(FLOW_CLASS_COUNT <= 2, "a class is one bit");

struct flow_table_config {
	uint32_t capacity;     /* entries; any number up to 2^30 */
	uint32_t entry_bytes;  /* sizeof(struct flow) and the owner's state, multiple of 32 */
	uint32_t beside_bytes; /* more of the owner's (flow_table_beside), multiple of 4 */
	struct siphash_key hash_key;
	struct slabs *slabs; /* for the addresses of long keys; borrowed. NULL: none is taken */
	/* Of two that are due in the same second, is a's turn before b's? NULL: in any order. */
	bool (*before)(const struct flow *a, const struct flow *b);
};

struct flow_table; /* opaque; lives in the memory given */

/* Bytes for flow_table_init, huge-page friendly; 64-byte aligned. */
size_t flow_table_footprint(const struct flow_table_config *cfg);

/* Of that, what does not depend on the capacity. */
size_t flow_table_fixed_bytes(void);

/* memory: zeroed. Returns the table, inside memory; NULL on a senseless config. */
struct flow_table *flow_table_init(void *memory, const struct flow_table_config *cfg);

struct flow *flow_table_at(const struct flow_table *t, uint32_t index);

#define FLOW_BESIDE_MIN 8

/*
 * What the owner has of an entry besides it, aligned to 4 bytes: his while the entry is
 * established, and then not set. While it is half-open the first FLOW_BESIDE_MIN bytes are the
 * table's.
 */
void *flow_table_beside(const struct flow_table *t, uint32_t index);

/* The key of an entry in use. */
void flow_table_key(const struct flow_table *t, const struct flow *f, struct flow_key *key);

uint32_t flow_table_count(const struct flow_table *t);
uint32_t flow_table_established(const struct flow_table *t);
uint32_t flow_table_capacity(const struct flow_table *t);

/*
 * Look up n <= FLOW_BULK_MAX keys. out[i] = index or FLOW_NONE. Their entries are asked for ahead,
 * and what lies beside those for which beside[i] is set; NULL: beside none.
 */
void flow_table_find_bulk(struct flow_table *t, const struct flow_key keys[], const bool beside[],
	unsigned n, uint32_t out[]);

/* One key, when a bulk result has become stale within a burst. */
uint32_t flow_table_find(struct flow_table *t, const struct flow_key *key);

/* Is a bulk result still right? False for FLOW_NONE: the key may have come since. */
bool flow_table_holds(const struct flow_table *t, uint32_t index, const struct flow_key *key);

/*
 * Add a key that is not there. The owner's part of the entry is zeroed; no deadline is set.
 * FLOW_NONE when full, or when there is no memory for a long key: the caller then evicts
 * (flow_table_victim) or refuses.
 */
uint32_t flow_table_add(struct flow_table *t, const struct flow_key *key, enum flow_class class);

void flow_table_remove(struct flow_table *t, uint32_t index);

void flow_table_set_class(struct flow_table *t, uint32_t index, enum flow_class class);

/* The entry to give up when full: half-open first (the one that has been so longest), then the
   one with the earliest deadline, or nearly (flow/timer.c). FLOW_NONE when the table is empty. */
uint32_t flow_table_victim(struct flow_table *t);

/*
 * Set the idle deadline. Cheap when it only moves later (a store): the wheel
 * finds out when the old slot comes up. A second that the wheel has passed
 * counts as the one where it stands.
 */
void flow_table_arm(struct flow_table *t, uint32_t index, uint32_t deadline_s);

/*
 * Advance the wheel to second now_s (monotone). Returns an entry whose deadline is the smallest
 * expired second, that second in *due_s; FLOW_NONE when nothing up to now_s has expired. The caller
 * removes it (or arms it anew, for later), then calls again.
 */
uint32_t flow_table_expire(struct flow_table *t, uint32_t now_s, uint32_t *due_s);

/* Visit all entries in use: *cursor starts at 0; FLOW_NONE at the end. */
uint32_t flow_table_next(const struct flow_table *t, uint32_t *cursor);

#endif
