/* What hosts.c and attacks share with people.c. */
#ifndef SMTAP_BENCH_DAY_PEOPLE_H
#define SMTAP_BENCH_DAY_PEOPLE_H

#include "bench/day/world.h"

/* The next time of something that happens a_day times on a working day, when people are up. */
uint64_t people_next(struct rng *r, uint64_t now_ns, double a_day);

/* One of the servers of others; few take most of the mail. */
unsigned people_remote(struct rng *r);

#endif
