#ifndef SMTAP_BENCH_DAY_OPTIONS_H
#define SMTAP_BENCH_DAY_OPTIONS_H

#include "bench/day/trial.h"

#define DAY_SEEDS_MAX 32u

struct day_options {
	struct world_options world;
	unsigned seeds;
	unsigned days;
	const char *kind; /* NULL: each */
	double intensity; /* 0: each of the kind's */
	uint64_t only;
	bool benign; /* no attacker at all */
	bool json;
	bool verbose;
};

/* 0: go on; 1: done (--help, --list); 2: one line was said of what is wrong. */
int day_options(struct day_options *o, int argc, char **argv);

#endif
