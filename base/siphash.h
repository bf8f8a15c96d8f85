/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash. Whoever does
 * not know the key cannot choose collisions, which is why tables and password
 * fingerprints use it.
 */
#ifndef SMTAP_BASE_SIPHASH_H
#define SMTAP_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

/* The hash of len bytes at data (data may be NULL when len is 0). */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

/* Draw a key from the kernel (getrandom). 0, or -errno. */
int siphash_key_draw(struct siphash_key *key);

#endif
