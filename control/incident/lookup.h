/*
 * lookup: which of n numbers were put under a hash. Taken at open, never more: a number is under
 * one hash at a time. Who asks compares what the numbers stand for, as hashes may be the same, and
 * does not depend on their order.
 */
#ifndef SMTAP_CONTROL_INCIDENT_LOOKUP_H
#define SMTAP_CONTROL_INCIDENT_LOOKUP_H

#include <stdint.h>

#define LOOKUP_NONE UINT32_MAX

struct lookup {
	uint32_t *first; /* owned; by hash: a number, and 1; 0: none */
	uint32_t *next;  /* owned; by number: the same */
	uint32_t mask;   /* of first: a power of two, less 1 */
};

/* For numbers below n, 8 to 12 bytes for each. 0, or -ENOMEM. */
int lookup_open(struct lookup *l, uint32_t n);
void lookup_close(struct lookup *l);

/* None is in it any more. */
void lookup_clear(struct lookup *l);

void lookup_put(struct lookup *l, uint64_t hash, uint32_t number);

/* It was put under that. */
void lookup_drop(struct lookup *l, uint64_t hash, uint32_t number);

/* One by one; LOOKUP_NONE: that was all. Some are of other hashes. */
uint32_t lookup_first(const struct lookup *l, uint64_t hash);
uint32_t lookup_next(const struct lookup *l, uint32_t number);

#endif
