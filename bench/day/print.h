/* What smtap-day says: a table for people, or JSON. */
#ifndef SMTAP_BENCH_DAY_PRINT_H
#define SMTAP_BENCH_DAY_PRINT_H

#include "bench/day/options.h"

#define PRINT_CELLS_MAX 400u

struct print_cell {
	const struct attack_kind *kind;
	double x;
	struct trial_result results[DAY_SEEDS_MAX]; /* by seed */
};

/* 0, or -1: a trial had faults or memory ran out, as said on stderr. */
int print_cells(const struct day_options *o, const struct print_cell *cells, size_t count);
int print_benign(const struct day_options *o, const struct trial_result *results);

#endif
