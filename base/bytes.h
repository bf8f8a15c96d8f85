/* Unaligned big- and little-endian loads and stores. Callers check bounds. */
#ifndef SMTAP_BASE_BYTES_H
#define SMTAP_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t
load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t
load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint16_t
load_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t
load_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
load_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	"the loads above assume a little-endian machine");

static inline uint64_t
load_be64(const uint8_t *p)
{
	return __builtin_bswap64(load_le64(p));
}

#endif
