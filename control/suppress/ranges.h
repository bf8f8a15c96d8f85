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

/* An address as numbers, which compare faster than its bytes. */
struct ranges_key {
	uint64_t high;
	uint64_t low;
};

struct ranges_entry {
	struct ranges_key key;
	uint16_t rule;
	uint8_t bits;
	bool v4;
};

/* Entries of one length and family. */
struct ranges_length {
	struct ranges_key mask;
	uint16_t first;
	uint16_t end;
	bool v4;
};

struct ranges {
	struct ranges_entry *entries; /* owned; by family, length, address, rule */
	unsigned count;
	struct ranges_length lengths[PREFIX_BITS + 34]; /* 0 to 128, and 0 to 32 of IPv4 */
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
