/*
 * HyperLogLog (Flajolet and others, 2007) of 64 registers: how many different
 * things were added, with a standard error of 13 % above some 150 and less
 * below. For counts that are shown or compared with large thresholds only.
 */
#ifndef SMTAP_CONTROL_AGGR_HLL_H
#define SMTAP_CONTROL_AGGR_HLL_H

#include <stddef.h>
#include <stdint.h>

#define HLL_REGISTERS 64

struct hll {
	uint8_t rank[HLL_REGISTERS];
};

/*
 * data: what the thing is, len bytes. Hashed under a fixed key, so that the
 * estimate is the same in each run. Someone who chooses what is added can
 * therefore make the estimate too large or too small; no verdict hangs on one
 * estimate alone.
 */
void hll_add(struct hll *h, const void *data, size_t len);

/* The same in two steps, for what is added more than once. */
uint64_t hll_hash(const void *data, size_t len);
void hll_add_hash(struct hll *h, uint64_t hash);

uint64_t hll_estimate(const struct hll *h);

#endif
