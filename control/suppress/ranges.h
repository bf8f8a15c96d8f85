/*
 * ranges: from an address to the rules whose range holds it. One sorted array
 * for each length of prefix that occurs, so a look-up costs a binary search
 * for each of these: rules of one length are as cheap as one rule.
 */
#ifndef SMTAP_CONTROL_SUPPRESS_RANGES_H
#define SMTAP_CONTROL_SUPPRESS_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/prefix.h"

struct ranges_entry {
	struct prefix prefix;
	uint16_t rule;
};

struct ranges {
	struct ranges_entry *entries; /* owned; by length, address, rule */
	unsigned count;
	uint8_t lengths[PREFIX_BITS + 1]; /* those that occur */
	uint16_t first[PREFIX_BITS + 2];  /* entry where each of these begins; and the end */
	unsigned length_count;
};

/* Room for max entries. 0, or -ENOMEM. */
int ranges_open(struct ranges *r, unsigned max);
void ranges_close(struct ranges *r);

/* Add, then sort once. */
void ranges_add(struct ranges *r, const struct prefix *prefix, uint16_t rule);
void ranges_sort(struct ranges *r);

/* Each rule whose range holds the address. */
void ranges_find(const struct ranges *r, const struct addr *addr,
	void (*found)(void *arg, uint16_t rule), void *arg);

#endif
