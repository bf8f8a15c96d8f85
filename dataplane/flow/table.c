/*
 * Theory of operation
 *
 * Three arrays in the caller's memory: buckets, entries, and what the owner has besides an entry,
 * in whose place the half-open have their order. An entry never moves; its index is its name. A
 * bucket is one cache line of twelve slots, each a tag of a byte (0: empty) and an index. A key's
 * home is the bucket that its hash names; when that is full the key strays to one of the following
 * PROBE_MAX - 1. The home counts its strays and how far they may be, so a lookup reads one bucket
 * unless a key of this very home had to stray, and stops where none can be. There are twelve slots
 * for seven entries, so of a full table one key in thirty strays (of 50 million that came
 * and went none further than nine buckets), and all PROBE_MAX are never full together, or nearly
 * never (then flow_table_add says full).
 *
 * A lookup misses the cache twice: bucket, entry. A bulk lookup overlaps the misses of its
 * keys: hash all and prefetch their buckets, compare tags and prefetch the entries
 * (a wrong tag comes first for about one key in eighty), compare keys: all of them, always. An
 * entry has room for the key of two IPv4 addresses; those of any other are in a piece of memory of
 * their own, which costs such a session 32 bytes and one miss more. An entry does not keep its
 * hash: it is made anew of the key when the entry goes. All lines of an entry, and of what lies
 * beside it, are asked for, not the head alone: the owner reads most of them next, and each would
 * be a miss.
 *
 * Cost of an entry: entry_bytes, beside_bytes, 9.2 bytes of bucket.
 *
 * Always: an entry in use has exactly one slot, in its home or at most `reach` buckets on;
 * it is filed in the wheel or beyond it (timer.c); it is in the order list if and only if
 * it is half-open. What is free is in the free list or was never touched.
 *
 * The hash. Peers choose addresses and ports; they must not choose collisions. Multilinear-HM
 * (Lemire and Kaser, Strongly universal string hashing is fast, 2014): the sum of
 * (k[2i] + w[2i]) * (k[2i+1] + w[2i+1]) modulo 2^64 over the key's 32-bit words (three of a short
 * key, nine of a long one) and a 0, with secret 64-bit k. Two keys chosen without knowledge of k
 * agree in the upper 32 bits with probability 2^-32, whichever they are. The sum is close to
 * linear, so keys in arithmetic progression could fall into a pattern; a bijective mixer
 * (xor-shift, multiply) takes that away and lets bucket and tag use any bits. This holds against
 * who cannot watch the table; a tap answers nobody, so no one can measure a collision and adapt.
 * SipHash would hold even then, for about four times the time; it is what expands the table's
 * secret into k.
 *
 * What an attacker would try: a SYN flood, to push sessions out. Half-open entries go first,
 * oldest first, so a flood evicts itself. A flood of complete sessions evicts the most
 * idle, which are its own as soon as they pause. Both are counted by the owner.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/bytes.h"
#include "dataplane/flow/private.h"

/* Buckets that may hold a key. Bounds the work of a lookup. */
#define PROBE_MAX 16
/* Slots used at most in a bucket on average. */
#define BUCKET_LOAD 7
#define CAPACITY_MAX (1u << 30)
#define CACHE_LINE 64u
/* Of an entry's cache lines: what a lookup asks the memory for ahead of its use. */
#define PREFETCH_LINES_MAX 8u

_Static_assert((PROBE_MAX - 1) * BUCKET_SLOTS <= UINT8_MAX, "strays fit their byte");
_Static_assert(FLOW_HASH_WORDS % 2 == 0, "the hash takes words in pairs");

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static bool
config_sane(const struct flow_table_config *cfg)
{
	return cfg->capacity > 0 && cfg->capacity <= CAPACITY_MAX &&
	       cfg->entry_bytes >= sizeof(struct flow) && cfg->entry_bytes % 32 == 0 &&
	       cfg->beside_bytes >= FLOW_BESIDE_MIN && cfg->beside_bytes % 4 == 0;
}

static uint32_t
bucket_count(uint32_t capacity)
{
	return (capacity + BUCKET_LOAD - 1) / BUCKET_LOAD;
}

size_t
flow_table_fixed_bytes(void)
{
	return round_up(sizeof(struct flow_table), 64);
}

size_t
flow_table_footprint(const struct flow_table_config *cfg)
{
	if (!config_sane(cfg))
		return 0;
	return flow_table_fixed_bytes() +
	       (size_t)bucket_count(cfg->capacity) * sizeof(struct bucket) +
	       round_up((size_t)cfg->capacity * cfg->beside_bytes, 64) +
	       (size_t)cfg->capacity * cfg->entry_bytes;
}

struct flow_table *
flow_table_init(void *memory, const struct flow_table_config *cfg)
{
	struct flow_table *t = memory;
	uint8_t *at = memory;

	if (!config_sane(cfg) || !memory)
		return NULL;
	uint32_t buckets = bucket_count(cfg->capacity);
	at += flow_table_fixed_bytes();
	t->buckets = (struct bucket *)(void *)at;
	at += (size_t)buckets * sizeof(struct bucket);
	t->besides = at;
	t->beside_bytes = cfg->beside_bytes;
	at += round_up((size_t)cfg->capacity * cfg->beside_bytes, 64);
	t->entries = at;
	t->bucket_count = buckets;
	t->entry_bytes = cfg->entry_bytes;
	t->capacity = cfg->capacity;
	t->slabs = cfg->slabs;
	t->before = cfg->before;
	t->free_head = FLOW_NONE;
	t->half_open_head = FLOW_NONE;
	t->half_open_tail = FLOW_NONE;
	flow_hash_init(&t->hash, &cfg->hash_key);
	timer_init(&t->wheel);
	return t;
}

bool
flow_key_make_long(struct flow_key *key, const struct addr *src, uint16_t src_port,
	const struct addr *dst, uint16_t dst_port)
{
	int order = memcmp(src, dst, sizeof(*src));
	bool swapped = order == 0 ? src_port > dst_port : order > 0;

	key->addr[swapped] = *src;
	key->addr[!swapped] = *dst;
	key->port[swapped] = src_port;
	key->port[!swapped] = dst_port;
	key->v4[0] = key->v4[1] = 0;
	key->is_long = 1;
	return swapped;
}

void
flow_hash_init(struct flow_hash *hash, const struct siphash_key *key)
{
	for (uint64_t i = 0; i < FLOW_HASH_WORDS; i++)
		hash->k[i] = siphash(key, &i, sizeof(i));
}

static inline uint32_t
key_ports(const uint16_t port[2])
{
	return port[0] | (uint32_t)port[1] << 16;
}

/* The addresses of a long key. */
static uint64_t
long_sum(const uint64_t *k, const struct addr addr[2])
{
	const uint8_t *w = addr[0].bytes;
	uint64_t h = 0;

	for (unsigned i = 0; i < FLOW_HASH_WORDS - 2; i += 2)
		h += (k[i] + load_le32(w + 4 * i)) * (k[i + 1] + load_le32(w + 4 * i + 4));
	return h;
}

/* Inlined where a table is looked up. */
static inline uint64_t
key_hash(const struct flow_hash *hash, const struct flow_key *key)
{
	const uint64_t *k = hash->k;
	uint64_t h = (k[FLOW_HASH_WORDS - 2] + key_ports(key->port)) * k[FLOW_HASH_WORDS - 1];

	if (key->is_long)
		h += long_sum(k, key->addr);
	else
		h += (k[0] + key->v4[0]) * (k[1] + key->v4[1]);
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	return h ^ h >> 32;
}

uint64_t
flow_hash(const struct flow_hash *hash, const struct flow_key *key)
{
	return key_hash(hash, key);
}

static uint8_t
hash_tag(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag ? tag : 1;
}

static const struct addr *
long_addr(const struct flow_table *t, const struct flow *f)
{
	return slabs_at(t->slabs, f->v4[0]);
}

/* Is it the entry's key? A long one is compared where its addresses are. */
static inline bool
key_is(const struct flow_table *t, const struct flow *f, const struct flow_key *key)
{
	uint32_t differs =
		(key_ports(f->port) ^ key_ports(key->port)) | (f->is_long ^ key->is_long);

	if (key->is_long)
		return differs == 0 && memcmp(long_addr(t, f), key->addr, sizeof(key->addr)) == 0;
	return (differs | (f->v4[0] ^ key->v4[0]) | (f->v4[1] ^ key->v4[1])) == 0;
}

void
flow_table_key(const struct flow_table *t, const struct flow *f, struct flow_key *key)
{
	memcpy(key->port, f->port, sizeof(key->port));
	key->is_long = f->is_long;
	if (f->is_long) {
		memcpy(key->addr, long_addr(t, f), sizeof(key->addr));
		key->v4[0] = key->v4[1] = 0;
	} else {
		memcpy(key->v4, f->v4, sizeof(key->v4));
	}
}

/* A bit for each slot that may have the tag (0: that may be empty). */
static inline unsigned
bucket_match(const struct bucket *b, uint8_t tag)
{
	const uint8_t *tags = (const uint8_t *)b;
#ifdef __SSE2__
	__m128i found =
		_mm_cmpeq_epi8(_mm_load_si128((const void *)tags), _mm_set1_epi8((char)tag));

	return (unsigned)_mm_movemask_epi8(found) & ((1u << BUCKET_SLOTS) - 1);
#else
	/* Eight slots to a word: sets the top bit of every byte that is zero (and perhaps of one
	   above such a byte, which costs a comparison of keys). */
	const uint64_t ones = 0x0101010101010101;
	const uint64_t tops = 0x8080808080808080;
	unsigned found = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t bytes;
		memcpy(&bytes, tags + 8 * i, sizeof(bytes));
		bytes ^= tag * ones;
		bytes = (bytes - ones) & ~bytes & tops;
		/* bits 7, 15, ... 63 to bits 0 to 7 */
		found |= (unsigned)((bytes >> 7) * 0x0102040810204080 >> 56) << 8 * i;
	}
	return found & ((1u << BUCKET_SLOTS) - 1);
#endif
}

static struct bucket *
bucket_at(const struct flow_table *t, uint64_t hash, unsigned step)
{
	/* The low half of the hash as a fraction of the buckets. */
	uint32_t at = (uint32_t)((hash & UINT32_MAX) * t->bucket_count >> 32) + step;

	return &t->buckets[at < t->bucket_count ? at : at - t->bucket_count];
}

static uint32_t
bucket_find(
	const struct flow_table *t, const struct bucket *b, const struct flow_key *key, uint8_t tag)
{
	for (unsigned found = bucket_match(b, tag); found; found &= found - 1) {
		unsigned slot = (unsigned)__builtin_ctz(found);
		if (b->tag[slot] == tag && key_is(t, flow_at(t, b->index[slot]), key))
			return b->index[slot];
	}
	return FLOW_NONE;
}

static uint32_t
table_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	const struct bucket *home = bucket_at(t, hash, 0);
	uint8_t tag = hash_tag(hash);
	uint32_t index = bucket_find(t, home, key, tag);

	for (unsigned step = 1; index == FLOW_NONE && step <= home->reach; step++)
		index = bucket_find(t, bucket_at(t, hash, step), key, tag);
	return index;
}

uint32_t
flow_table_find(struct flow_table *t, const struct flow_key *key)
{
	return table_find(t, key, key_hash(&t->hash, key));
}

bool
flow_table_holds(const struct flow_table *t, uint32_t index, const struct flow_key *key)
{
	if (index == FLOW_NONE)
		return false;
	const struct flow *f = flow_at(t, index);
	return f->in_use && key_is(t, f, key);
}

static inline void
entry_prefetch(const struct flow_table *t, uint32_t index, unsigned lines)
{
	const uint8_t *entry = t->entries + (size_t)index * t->entry_bytes;

	for (unsigned i = 0; i < lines; i++)
		__builtin_prefetch(entry + i * CACHE_LINE, 1);
}

static inline void
beside_prefetch(const struct flow_table *t, uint32_t index)
{
	const uint8_t *beside = t->besides + (size_t)index * t->beside_bytes;

	__builtin_prefetch(beside, 1);
	__builtin_prefetch(beside + t->beside_bytes - 1, 1);
}

static unsigned
entry_lines(const struct flow_table *t)
{
	unsigned lines = (t->entry_bytes + CACHE_LINE - 1) / CACHE_LINE;

	return lines < PREFETCH_LINES_MAX ? lines : PREFETCH_LINES_MAX;
}

void
flow_table_find_bulk(struct flow_table *t, const struct flow_key keys[], const bool beside[],
	unsigned n, uint32_t out[])
{
	const unsigned lines = entry_lines(t);
	uint64_t hash[FLOW_BULK_MAX];

	for (unsigned i = 0; i < n; i++) {
		hash[i] = key_hash(&t->hash, &keys[i]);
		__builtin_prefetch(bucket_at(t, hash[i], 0));
	}
	for (unsigned i = 0; i < n; i++) {
		const struct bucket *home = bucket_at(t, hash[i], 0);
		unsigned found = bucket_match(home, hash_tag(hash[i]));
		out[i] = found ? home->index[__builtin_ctz(found)] : FLOW_NONE;
		if (!found)
			continue;
		entry_prefetch(t, out[i], lines);
		if (beside && beside[i])
			beside_prefetch(t, out[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (out[i] == FLOW_NONE && bucket_at(t, hash[i], 0)->reach == 0)
			continue;
		if (out[i] == FLOW_NONE || !key_is(t, flow_at(t, out[i]), &keys[i]))
			out[i] = table_find(t, &keys[i], hash[i]);
	}
}

static struct order *
order_at(const struct flow_table *t, uint32_t index)
{
	return (struct order *)flow_table_beside(t, index);
}

static void
order_append(struct flow_table *t, uint32_t index)
{
	uint32_t last = t->half_open_tail;

	*order_at(t, index) = (struct order){.next = FLOW_NONE, .prev = last};
	if (last == FLOW_NONE)
		t->half_open_head = index;
	else
		order_at(t, last)->next = index;
	t->half_open_tail = index;
	t->half_open++;
}

static void
order_unlink(struct flow_table *t, uint32_t index)
{
	struct order o = *order_at(t, index);

	t->half_open--;
	if (o.prev == FLOW_NONE)
		t->half_open_head = o.next;
	else
		order_at(t, o.prev)->next = o.next;
	if (o.next == FLOW_NONE)
		t->half_open_tail = o.prev;
	else
		order_at(t, o.next)->prev = o.prev;
}

/* Give the entry a slot. False when the home and all that follow are full. */
static bool
table_place(struct flow_table *t, uint64_t hash, uint32_t index)
{
	struct bucket *home = bucket_at(t, hash, 0);

	for (unsigned step = 0; step < PROBE_MAX && step < t->bucket_count; step++) {
		struct bucket *b = bucket_at(t, hash, step);
		for (unsigned free = bucket_match(b, 0); free; free &= free - 1) {
			unsigned slot = (unsigned)__builtin_ctz(free);
			if (b->tag[slot])
				continue;
			b->tag[slot] = hash_tag(hash);
			b->index[slot] = index;
			home->strayed = (uint8_t)(home->strayed + (step > 0));
			if (step > home->reach)
				home->reach = (uint8_t)step;
			return true;
		}
	}
	return false;
}

/* Write the key into an entry that is zero. */
static void
entry_set_key(struct flow_table *t, struct flow *f, const struct flow_key *key, uint32_t piece)
{
	memcpy(f->port, key->port, sizeof(f->port));
	memcpy(f->v4, key->v4, sizeof(f->v4));
	f->is_long = key->is_long & 1;
	if (!key->is_long)
		return;
	f->v4[0] = piece;
	memcpy(slabs_at(t->slabs, piece), key->addr, sizeof(key->addr));
}

uint32_t
flow_table_add(struct flow_table *t, const struct flow_key *key, enum flow_class class)
{
	uint64_t hash = key_hash(&t->hash, key);
	uint32_t index = t->free_head != FLOW_NONE ? t->free_head : t->fresh;
	uint32_t piece = SLABS_NONE;

	if (t->count == t->capacity)
		return FLOW_NONE;
	if (key->is_long && t->slabs)
		piece = slabs_take(t->slabs, sizeof(key->addr));
	if (key->is_long && piece == SLABS_NONE)
		return FLOW_NONE;
	if (!table_place(t, hash, index)) {
		if (key->is_long)
			slabs_give(t->slabs, piece);
		return FLOW_NONE;
	}
	struct flow *f = flow_at(t, index);
	if (index == t->free_head)
		t->free_head = f->timer_next;
	else
		t->fresh++;
	memset(f, 0, t->entry_bytes);
	entry_set_key(t, f, key, piece);
	f->class = class & 1;
	f->in_use = 1;
	f->deadline_s = WHEEL_NEVER;
	timer_file(t, index);
	if (class == FLOW_HALF_OPEN)
		order_append(t, index);
	t->count++;
	return index;
}

static void
table_unplace(struct flow_table *t, const struct flow *f, uint32_t index)
{
	struct flow_key key;

	flow_table_key(t, f, &key);
	uint64_t hash = key_hash(&t->hash, &key);
	struct bucket *home = bucket_at(t, hash, 0);
	uint8_t tag = hash_tag(hash);

	for (unsigned step = 0; step <= home->reach; step++) {
		struct bucket *b = bucket_at(t, hash, step);
		for (unsigned found = bucket_match(b, tag); found; found &= found - 1) {
			unsigned slot = (unsigned)__builtin_ctz(found);
			if (b->tag[slot] != tag || b->index[slot] != index)
				continue;
			b->tag[slot] = 0;
			home->strayed = (uint8_t)(home->strayed - (step > 0));
			if (home->strayed == 0)
				home->reach = 0;
			return;
		}
	}
}

void
flow_table_remove(struct flow_table *t, uint32_t index)
{
	struct flow *f = flow_at(t, index);

	if (!f->in_use)
		return;
	table_unplace(t, f, index);
	if (f->is_long)
		slabs_give(t->slabs, f->v4[0]);
	timer_unfile(t, index);
	if (f->class == FLOW_HALF_OPEN)
		order_unlink(t, index);
	f->in_use = 0;
	f->timer_next = t->free_head;
	t->free_head = index;
	t->count--;
}

void
flow_table_set_class(struct flow_table *t, uint32_t index, enum flow_class class)
{
	struct flow *f = flow_at(t, index);

	if (f->class == class)
		return;
	if (f->class == FLOW_HALF_OPEN)
		order_unlink(t, index);
	f->class = class & 1;
	if (class == FLOW_HALF_OPEN)
		order_append(t, index);
}

uint32_t
flow_table_victim(struct flow_table *t)
{
	return t->half_open_head != FLOW_NONE ? t->half_open_head : timer_earliest(t);
}

struct flow *
flow_table_at(const struct flow_table *t, uint32_t index)
{
	return flow_at(t, index);
}

void *
flow_table_beside(const struct flow_table *t, uint32_t index)
{
	return t->besides + (size_t)index * t->beside_bytes;
}

uint32_t
flow_table_count(const struct flow_table *t)
{
	return t->count;
}

uint32_t
flow_table_established(const struct flow_table *t)
{
	return t->count - t->half_open;
}

uint32_t
flow_table_capacity(const struct flow_table *t)
{
	return t->capacity;
}

uint32_t
flow_table_next(const struct flow_table *t, uint32_t *cursor)
{
	while (*cursor < t->fresh) {
		uint32_t index = (*cursor)++;
		if (flow_at(t, index)->in_use)
			return index;
	}
	return FLOW_NONE;
}
