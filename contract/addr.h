/*
 * An IP address in 16 bytes, network order; IPv4 as ::ffff:a.b.c.d (RFC 4291
 * 2.5.5.2). A native IPv6 packet that carries such a mapped address on the wire
 * is a martian and is treated as IPv4.
 */
#ifndef SMTAP_CONTRACT_ADDR_H
#define SMTAP_CONTRACT_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct addr {
	uint8_t bytes[16];
};

_Static_assert(sizeof(struct addr) == 16, "an address is 16 bytes");

static inline struct addr
addr_from_v4(const void *four_bytes)
{
	struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	memcpy(a.bytes + 12, four_bytes, 4);
	return a;
}

static inline bool
addr_is_v4(const struct addr *a)
{
	static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

/* The /24 of an IPv4 address, the /64 of an IPv6 one: as an address with the rest zero. */
static inline struct addr
addr_prefix(const struct addr *a)
{
	struct addr prefix = *a;

	if (addr_is_v4(a))
		prefix.bytes[15] = 0;
	else
		memset(prefix.bytes + 8, 0, 8);
	return prefix;
}

#endif
