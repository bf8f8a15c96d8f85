#include "control/aggr/passwords.h"

#include <string.h>

#include "base/prefetch.h"

_Static_assert(sizeof(struct passwords_own) == 12 * PASSWORDS_INLINE, "an entry is 12 bytes");
_Static_assert(PASSWORDS_BLOCK_BYTES == 12 * PASSWORDS_MAX, "an entry is 12 bytes");
_Static_assert(PASSWORDS_MAX <= UINT8_MAX, "len is a byte");

#define PER_LINE 16u /* fingerprints' low halves in a cache line */

/* Where the entries stand, wherever that is. */
struct entries {
	uint32_t *fp_low;
	uint32_t *last_min;
	uint16_t *fp_high;
	uint16_t *accounts;
};

void
passwords_open(struct passwords *set)
{
	set->block = BLOCKS_NONE;
	set->len = 0;
	set->capped = false;
}

void
passwords_clear(struct passwords *set, struct blocks *pool)
{
	if (set->block != BLOCKS_NONE)
		blocks_give(pool, set->block);
	passwords_open(set);
}

static struct entries
own_entries(const struct passwords *set)
{
	struct passwords_own *own = (struct passwords_own *)&set->own;

	return (struct entries){own->fp_low, own->last_min, own->fp_high, own->accounts};
}

static struct entries
block_entries(const struct passwords *set, const struct blocks *pool)
{
	struct passwords_block *b = blocks_at(pool, set->block);

	return (struct entries){b->fp_low, b->last_min, b->fp_high, b->accounts};
}

static struct entries
entries(const struct passwords *set, const struct blocks *pool)
{
	return set->block != BLOCKS_NONE ? block_entries(set, pool) : own_entries(set);
}

/* Is one of a full block's equal to x? Several at a time, without stopping. */
static bool
any_of_block(const uint32_t *all, uint32_t x)
{
	uint32_t any = 0;

	for (unsigned i = 0; i < PASSWORDS_MAX; i++)
		any |= all[i] == x;
	return any != 0;
}

/* Where fp stands, or len. */
static unsigned
find(const struct entries *all, unsigned len, uint64_t fp)
{
	if (len == PASSWORDS_MAX && !any_of_block(all->fp_low, (uint32_t)fp))
		return len;
	for (unsigned i = 0; i < len; i++)
		if (all->fp_low[i] == (uint32_t)fp && all->fp_high[i] == (uint16_t)(fp >> 32))
			return i;
	return len;
}

/*
 * The first of those seen longest ago. Of a block, that time is remembered: times only grow, so it
 * is a bound, and whoever has it is the one.
 */
static unsigned
oldest(struct passwords *set, const struct entries *all)
{
	uint32_t *least = &set->own.last_min[0];
	unsigned at = 0;

	for (unsigned i = 0; set->block != BLOCKS_NONE && i < set->len; i++)
		if (all->last_min[i] == *least)
			return i;
	for (unsigned i = 1; i < set->len; i++)
		if (all->last_min[i] < all->last_min[at])
			at = i;
	if (set->block != BLOCKS_NONE)
		*least = all->last_min[at];
	return at;
}

/* More than fit in the set itself: into a block, if there is one to be had. */
static void
move_out(struct passwords *set, struct blocks *pool)
{
	struct entries own = own_entries(set), all;

	set->block = blocks_take(pool);
	if (set->block == BLOCKS_NONE)
		return;
	all = block_entries(set, pool);
	memcpy(all.fp_low, own.fp_low, sizeof(set->own.fp_low));
	memcpy(all.last_min, own.last_min, sizeof(set->own.last_min));
	memcpy(all.fp_high, own.fp_high, sizeof(set->own.fp_high));
	memcpy(all.accounts, own.accounts, sizeof(set->own.accounts));
	/* No bound yet. */
	set->own.last_min[0] = 0;
}

/* Where the next new one goes: the end, a larger home, or the oldest's place. */
static unsigned
make_room(struct passwords *set, struct blocks *pool)
{
	struct entries all;

	if (set->block == BLOCKS_NONE && set->len == PASSWORDS_INLINE)
		move_out(set, pool);
	if (set->len < (set->block == BLOCKS_NONE ? PASSWORDS_INLINE : PASSWORDS_MAX))
		return set->len++;
	set->capped = true;
	all = entries(set, pool);
	return oldest(set, &all);
}

bool
passwords_see(
	struct passwords *set, struct blocks *pool, uint64_t fp, uint32_t now_min, bool at_account)
{
	struct entries all = entries(set, pool);
	unsigned at = find(&all, set->len, fp);
	bool is_new = at == set->len;

	if (is_new) {
		at = make_room(set, pool);
		all = entries(set, pool);
		all.fp_low[at] = (uint32_t)fp;
		all.fp_high[at] = (uint16_t)(fp >> 32);
		all.accounts[at] = 0;
	}
	all.last_min[at] = now_min;
	if (at_account && all.accounts[at] < UINT16_MAX)
		all.accounts[at]++;
	return is_new;
}

void
passwords_ahead(const struct passwords *set, const struct blocks *pool)
{
	const struct passwords_block *block;

	if (set->block == BLOCKS_NONE)
		return;
	block = blocks_at(pool, set->block);
	/* What is searched, and the next free place. */
	for (unsigned at = 0; at <= set->len && at < PASSWORDS_MAX; at += PER_LINE) {
		prefetch_write(&block->fp_low[at]);
		prefetch_write(&block->last_min[at]);
	}
	for (unsigned at = 0; at <= set->len && at < PASSWORDS_MAX; at += 2 * PER_LINE) {
		prefetch_write(&block->fp_high[at]);
		prefetch_write(&block->accounts[at]);
	}
}

unsigned
passwords_since(const struct passwords *set, const struct blocks *pool, uint32_t since_min)
{
	const struct entries all = entries(set, pool);
	unsigned n = 0;

	for (unsigned i = 0; i < set->len; i++)
		n += all.last_min[i] >= since_min;
	return n;
}

unsigned
passwords_shared(const struct passwords *set, const struct blocks *pool, uint32_t since_min)
{
	const struct entries all = entries(set, pool);
	unsigned most = 0;

	for (unsigned i = 0; i < set->len; i++)
		if (all.last_min[i] >= since_min && all.accounts[i] > most)
			most = all.accounts[i];
	return most;
}

unsigned
passwords_shared_sum(const struct passwords *set, const struct blocks *pool, uint32_t since_min)
{
	const struct entries all = entries(set, pool);
	unsigned sum = 0;

	for (unsigned i = 0; i < set->len; i++)
		if (all.last_min[i] >= since_min && all.accounts[i] > 1)
			sum += all.accounts[i] - 1u;
	return sum;
}
