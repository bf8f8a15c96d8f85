#include "control/aggr/passwords.h"

#include <string.h>

_Static_assert(sizeof(struct password) == 12, "an entry is 12 bytes");
_Static_assert(PASSWORDS_MAX <= UINT8_MAX, "len is a byte");

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

static struct password *
entries(const struct passwords *set, const struct blocks *pool)
{
	if (set->block != BLOCKS_NONE)
		return blocks_at(pool, set->block);
	return (struct password *)set->own;
}

/* Where the next new one goes: the end, a larger home, or the oldest's place. */
static struct password *
make_room(struct passwords *set, struct blocks *pool)
{
	struct password *all = entries(set, pool);
	struct password *oldest = all;

	if (set->block == BLOCKS_NONE && set->len == PASSWORDS_INLINE) {
		uint32_t block = blocks_take(pool);

		if (block != BLOCKS_NONE) {
			all = blocks_at(pool, block);
			memcpy(all, set->own, sizeof(set->own));
			set->block = block;
		}
	}
	if (set->len < (set->block == BLOCKS_NONE ? PASSWORDS_INLINE : PASSWORDS_MAX))
		return &all[set->len++];
	set->capped = true;
	for (unsigned i = 1; i < set->len; i++)
		if (all[i].last_min < oldest->last_min)
			oldest = &all[i];
	return oldest;
}

bool
passwords_see(struct passwords *set, struct blocks *pool, uint64_t fp, uint32_t now_min,
	struct password **entry)
{
	struct password *all = entries(set, pool);

	for (unsigned i = 0; i < set->len; i++) {
		if (all[i].fp_low != (uint32_t)fp || all[i].fp_high != (uint16_t)(fp >> 32))
			continue;
		all[i].last_min = now_min;
		*entry = &all[i];
		return false;
	}
	*entry = make_room(set, pool);
	**entry = (struct password){
		.fp_low = (uint32_t)fp, .fp_high = (uint16_t)(fp >> 32), .last_min = now_min};
	return true;
}

unsigned
passwords_since(const struct passwords *set, const struct blocks *pool, uint32_t since_min)
{
	const struct password *all = entries(set, pool);
	unsigned n = 0;

	for (unsigned i = 0; i < set->len; i++)
		n += all[i].last_min >= since_min;
	return n;
}

unsigned
passwords_shared(const struct passwords *set, const struct blocks *pool, uint32_t since_min)
{
	const struct password *all = entries(set, pool);
	unsigned most = 0;

	for (unsigned i = 0; i < set->len; i++)
		if (all[i].last_min >= since_min && all[i].accounts > most)
			most = all[i].accounts;
	return most;
}
