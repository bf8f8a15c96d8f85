/* scan: Hyperscan alone. */
#ifndef SMTAP_BENCH_SCAN_H
#define SMTAP_BENCH_SCAN_H

#include "bench/bench.h"
#include "bench/traffic.h"
#include "dataplane/match/match.h"

/* The databases that the options name; *set is NULL when they name none. -1 after one line. */
int scan_open(const struct bench_options *options, struct match_set **set);

/* Nanoseconds that match_scan takes for all lines of a script; 0 when match is NULL. */
double scan_script_ns(struct match *match, const struct traffic_script *script);

#endif
