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

/*
 * Field by field, so that a search reads little and several at a time. 48 bits of a fingerprint
 * tell 64 passwords apart but once in 2^37 sets.
 */
#define PASSWORDS_OF(n)                                     \
	uint32_t fp_low[n];                                 \
	uint32_t last_min[n]; /* minutes since the epoch */ \
	uint16_t fp_high[n];                                \
	uint16_t accounts[n] /* times it was new for an account; saturates */

struct passwords_own {
	PASSWORDS_OF(PASSWORDS_INLINE);
};

struct passwords_block {
	PASSWORDS_OF(PASSWORDS_MAX);
};

struct passwords {
	uint32_t block; /* BLOCKS_NONE: inline */
	uint8_t len;
	bool capped; /* some were forgotten: counts are "at least" */
	uint8_t reserved[2];
	/* While there is a block, last_min[0] alone means something: none of it was seen before. */
	struct passwords_own own;
};

#define PASSWORDS_BLOCK_BYTES sizeof(struct passwords_block)

void passwords_open(struct passwords *set);

/* Forget all, and give back the block. */
void passwords_clear(struct passwords *set, struct blocks *pool);

/*
 * fp was tried now, which never runs back; at_account: new for one. The oldest
 * makes room when there is none. Returns whether it is new.
 */
bool passwords_see(
	struct passwords *set, struct blocks *pool, uint64_t fp, uint32_t now_min, bool at_account);

/* It is seen soon: ask memory for the block, if there is one. */
void passwords_ahead(const struct passwords *set, const struct blocks *pool);

/* How many were last seen at since_min or later. */
unsigned passwords_since(
	const struct passwords *set, const struct blocks *pool, uint32_t since_min);

/* The largest `accounts` of those. */
unsigned passwords_shared(
	const struct passwords *set, const struct blocks *pool, uint32_t since_min);

/* How often one of those was tried for an account besides its first. */
unsigned passwords_shared_sum(
	const struct passwords *set, const struct blocks *pool, uint32_t since_min);

#endif
