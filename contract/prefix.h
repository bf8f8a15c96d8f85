/*
 * A range of addresses: 192.0.2.0/24, 2001:db8::/32; a single address is the
 * longest one. An IPv6 range never holds an IPv4 address, ::/0 neither.
 */
#ifndef SMTAP_CONTRACT_PREFIX_H
#define SMTAP_CONTRACT_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/addr.h"

#define PREFIX_TEXT_MAX 52
#define PREFIX_BITS 128

struct prefix {
	struct addr addr; /* bits behind the prefix are 0 */
	uint8_t bits;     /* of 128; of IPv4, 96 more than are written */
};

/*
 * An address, or a range whose bits behind its prefix are 0. 0, or -EINVAL with
 * what would be right in why.
 */
int prefix_parse(struct prefix *prefix, const char *text, char *why, size_t why_len);

/* As prefix_parse, but a range is refused. */
int prefix_parse_addr(struct prefix *prefix, const char *text, char *why, size_t why_len);

/* As it is read: without a length when it is a single address. */
void prefix_format(const struct prefix *prefix, char out[PREFIX_TEXT_MAX]);

bool prefix_contains(const struct prefix *prefix, const struct addr *addr);

/* Is each address of inner in prefix? */
bool prefix_covers(const struct prefix *prefix, const struct prefix *inner);

/* The first bits of an address; the others become 0. */
struct addr prefix_mask(const struct addr *addr, unsigned bits);

#endif
