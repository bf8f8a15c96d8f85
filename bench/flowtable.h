#ifndef SMTAP_BENCH_FLOWTABLE_H
#define SMTAP_BENCH_FLOWTABLE_H

#include <stdbool.h>

/* Prints a line for each size and each hash function of rte_hash. 0, or -1. EAL must run. */
int bench_flowtable(bool json);

#endif
