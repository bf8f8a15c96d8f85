/* Hyperscan alone, over the lines that a session gives it. */
#include "bench/scan.h"

#include <rte_cycles.h>
#include <stdio.h>

#define ROUNDS 40

/* The least of so many: the kernel may give the CPU to somebody else meanwhile. */
#define TRIES 5

int
scan_open(const struct bench_options *options, struct match_set **set)
{
	char why[512];

	*set = NULL;
	if (!options->patterns)
		return 0;
	*set = match_set_load(options->patterns, why, sizeof(why));
	if (*set)
		return 0;
	fprintf(stderr, "smtap-bench: %s\n", why);
	return -1;
}

static uint64_t
scan_cycles(struct match *match, const struct traffic_script *script)
{
	struct match_hits hits;
	uint64_t start = rte_rdtsc_precise();

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < script->lines_count; i++) {
			const struct traffic_line *line = &script->lines[i];
			match_scan(match, line->context, (const uint8_t *)line->text, line->len,
				&hits);
		}
	}
	return rte_rdtsc_precise() - start;
}

double
scan_script_ns(struct match *match, const struct traffic_script *script)
{
	uint64_t least = UINT64_MAX;

	if (!match)
		return 0;
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t cycles = scan_cycles(match, script);
		least = cycles < least ? cycles : least;
	}
	return (double)least * 1e9 / (double)rte_get_tsc_hz() / ROUNDS;
}
