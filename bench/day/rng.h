/* Seeded draws: splitmix64. Each actor has its own, so that one more actor changes no other. */
#ifndef SMTAP_BENCH_DAY_RNG_H
#define SMTAP_BENCH_DAY_RNG_H

#include <math.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t
rng_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static inline struct rng
rng_seed(uint64_t seed, uint64_t stream)
{
	return (struct rng){rng_mix(seed) ^ rng_mix(stream * 0xd1342543de82ef95ULL)};
}

static inline uint64_t
rng_next(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15ULL;
	return rng_mix(r->state);
}

/* 0 .. below - 1; below >= 1. */
static inline uint32_t
rng_below(struct rng *r, uint32_t below)
{
	return (uint32_t)((rng_next(r) >> 32) * below >> 32);
}

/* 0 <= x < 1 */
static inline double
rng_unit(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

static inline int
rng_chance(struct rng *r, double p)
{
	return rng_unit(r) < p;
}

/* Exponential, of that mean. */
static inline double
rng_exp(struct rng *r, double mean)
{
	return -mean * log(1.0 - rng_unit(r));
}

#endif
