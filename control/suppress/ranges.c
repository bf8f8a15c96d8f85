#include "control/suppress/ranges.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
ranges_open(struct ranges *r, unsigned max)
{
	*r = (struct ranges){.entries = calloc(max ? max : 1, sizeof(struct ranges_entry))};
	return r->entries ? 0 : -ENOMEM;
}

void
ranges_close(struct ranges *r)
{
	free(r->entries);
	*r = (struct ranges){0};
}

static struct ranges_key
key_of(const struct addr *addr)
{
	struct ranges_key key;

	memcpy(&key, addr, sizeof(key));
	return (struct ranges_key){be64toh(key.high), be64toh(key.low)};
}

static bool
below(const struct ranges_key *a, const struct ranges_key *b)
{
	return a->high != b->high ? a->high < b->high : a->low < b->low;
}

static bool
same(const struct ranges_key *a, const struct ranges_key *b)
{
	return a->high == b->high && a->low == b->low;
}

void
ranges_add(struct ranges *r, const struct prefix *prefix, uint16_t rule)
{
	r->entries[r->count++] = (struct ranges_entry){.key = key_of(&prefix->addr),
		.rule = rule,
		.bits = prefix->bits,
		.v4 = prefix->bits >= 96 && addr_is_v4(&prefix->addr)};
}

static int
compare(const void *a, const void *b)
{
	const struct ranges_entry *x = a, *y = b;

	if (x->v4 != y->v4)
		return x->v4 ? 1 : -1;
	if (x->bits != y->bits)
		return x->bits < y->bits ? -1 : 1;
	if (!same(&x->key, &y->key))
		return below(&x->key, &y->key) ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

void
ranges_sort(struct ranges *r)
{
	static const struct addr ones = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	qsort(r->entries, r->count, sizeof(*r->entries), compare);
	r->length_count = 0;
	for (unsigned i = 0; i < r->count; i++) {
		const struct ranges_entry *e = &r->entries[i];
		struct addr mask = prefix_mask(&ones, e->bits);

		if (i == 0 || e->bits != e[-1].bits || e->v4 != e[-1].v4)
			r->lengths[r->length_count++] = (struct ranges_length){
				.mask = key_of(&mask), .first = (uint16_t)i, .v4 = e->v4};
		r->lengths[r->length_count - 1].end = (uint16_t)(i + 1);
	}
}

/* The first entry of a length whose key is not below this one. */
static unsigned
lower_bound(
	const struct ranges *r, const struct ranges_length *length, const struct ranges_key *key)
{
	unsigned low = length->first, high = length->end;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (below(&r->entries[mid].key, key))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
ranges_find(const struct ranges *r, const struct addr *addr,
	void (*found)(void *arg, uint16_t rule), void *arg)
{
	const struct ranges_key whole = key_of(addr);
	bool v4 = addr_is_v4(addr);

	for (unsigned k = 0; k < r->length_count; k++) {
		const struct ranges_length *length = &r->lengths[k];
		const struct ranges_key key = {
			whole.high & length->mask.high, whole.low & length->mask.low};

		if (length->v4 != v4)
			continue;
		for (unsigned i = lower_bound(r, length, &key);
			i < length->end && same(&r->entries[i].key, &key); i++)
			found(arg, r->entries[i].rule);
	}
}
