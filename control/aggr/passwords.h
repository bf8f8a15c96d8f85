/*
 * The different passwords that a subject was seen with, each with when it was
 * last seen and for how many accounts. Fingerprints are compared for equality
 * and nothing else: they are keyed anew in each run, and results are not.
 */
#ifndef SMTAP_CONTROL_AGGR_PASSWORDS_H
#define SMTAP_CONTROL_AGGR_PASSWORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blocks.h"

#define PASSWORDS_INLINE 4 /* of every subject */
#define PASSWORDS_MAX 64   /* of one that uses more: a block from the pool */

/* 48 bits of a fingerprint tell 64 passwords apart but once in 2^37 sets. */
struct password {
	uint32_t fp_low;
	uint16_t fp_high;
	uint16_t accounts; /* times it was new for an account; saturates */
	uint32_t last_min; /* minutes since the epoch */
};

struct passwords {
	uint32_t block; /* BLOCKS_NONE: inline */
	uint8_t len;
	bool capped; /* some were forgotten: counts are "at least" */
	uint8_t reserved[2];
	struct password own[PASSWORDS_INLINE];
};

#define PASSWORDS_BLOCK_BYTES (PASSWORDS_MAX * sizeof(struct password))

void passwords_open(struct passwords *set);

/* Forget all, and give back the block. */
void passwords_clear(struct passwords *set, struct blocks *pool);

/*
 * fp was tried now. The oldest makes room when there is none. Returns whether
 * it is new; *entry (valid until the next call) is where it stands.
 */
bool passwords_see(struct passwords *set, struct blocks *pool, uint64_t fp, uint32_t now_min,
	struct password **entry);

/* How many were last seen at since_min or later. */
unsigned passwords_since(
	const struct passwords *set, const struct blocks *pool, uint32_t since_min);

/* The largest `accounts` of those. */
unsigned passwords_shared(
	const struct passwords *set, const struct blocks *pool, uint32_t since_min);

#endif
