#include "control/aggr/hll.h"

#include <math.h>

#include "base/siphash.h"

#define INDEX_BITS 6

_Static_assert(1u << INDEX_BITS == HLL_REGISTERS, "a register per index");

static const struct siphash_key fixed_key = {{0x736d7461705f686cULL, 0x6c5f666978656421ULL}};

uint64_t
hll_hash(const void *data, size_t len)
{
	return siphash(&fixed_key, data, len);
}

void
hll_add_hash(struct hll *h, uint64_t hash)
{
	unsigned index = hash >> (64 - INDEX_BITS);
	uint64_t rest = hash << INDEX_BITS | 1ULL << (INDEX_BITS - 1);
	uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

	if (rank > h->rank[index])
		h->rank[index] = rank;
}

void
hll_add(struct hll *h, const void *data, size_t len)
{
	hll_add_hash(h, hll_hash(data, len));
}

uint64_t
hll_estimate(const struct hll *h)
{
	const double m = HLL_REGISTERS;
	double sum = 0;
	unsigned empty = 0;
	double estimate;

	for (unsigned i = 0; i < HLL_REGISTERS; i++) {
		sum += ldexp(1, -h->rank[i]);
		empty += h->rank[i] == 0;
	}
	/* 0.709: the paper's alpha for 64 registers; below 5/2 m, linear counting. */
	estimate = 0.709 * m * m / sum;
	if (estimate <= 2.5 * m && empty > 0)
		estimate = m * log(m / empty);
	return (uint64_t)(estimate + 0.5);
}
