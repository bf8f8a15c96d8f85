#include "control/suppress/ranges.h"

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

void
ranges_add(struct ranges *r, const struct prefix *prefix, uint16_t rule)
{
	r->entries[r->count++] = (struct ranges_entry){*prefix, rule};
}

static int
compare(const void *a, const void *b)
{
	const struct ranges_entry *x = a, *y = b;
	int c = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (x->prefix.bits != y->prefix.bits)
		return x->prefix.bits < y->prefix.bits ? -1 : 1;
	return c ? c : (x->rule > y->rule) - (x->rule < y->rule);
}

void
ranges_sort(struct ranges *r)
{
	qsort(r->entries, r->count, sizeof(*r->entries), compare);
	r->length_count = 0;
	for (unsigned i = 0; i < r->count; i++) {
		uint8_t bits = r->entries[i].prefix.bits;

		if (i > 0 && bits == r->entries[i - 1].prefix.bits)
			continue;
		r->first[r->length_count] = (uint16_t)i;
		r->lengths[r->length_count++] = bits;
	}
	r->first[r->length_count] = (uint16_t)r->count;
}

/* The first entry from low to high (not including) whose address is not below addr. */
static unsigned
lower_bound(const struct ranges *r, unsigned low, unsigned high, const struct addr *addr)
{
	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (memcmp(&r->entries[mid].prefix.addr, addr, sizeof(*addr)) < 0)
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
	for (unsigned k = 0; k < r->length_count; k++) {
		struct addr masked = prefix_mask(addr, r->lengths[k]);
		unsigned end = r->first[k + 1];

		for (unsigned i = lower_bound(r, r->first[k], end, &masked);
			i < end && prefix_contains(&r->entries[i].prefix, addr); i++)
			found(arg, r->entries[i].rule);
	}
}
