/*
 * SipHash (Aumasson and Bernstein, 2012): a keyed 64-bit hash. Whoever does not
 * know the key cannot choose collisions, which is why tables and password
 * fingerprints use it. SipHash-2-4 for what leaves the process; SipHash-1-3,
 * which its authors propose for hash tables, for tables whose hashes nobody
 * outside ever sees.
 */
#ifndef SMTAP_BASE_SIPHASH_H
#define SMTAP_BASE_SIPHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

/* SipHash-2-4 of len bytes at data (data may be NULL when len is 0). */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

/* SipHash-1-3. */
uint64_t siphash_table(const struct siphash_key *key, const void *data, size_t len);

/* The same, with ASCII letters taken as lower case. *folded (may be NULL): were there others? */
uint64_t siphash_table_folded(
	const struct siphash_key *key, const void *data, size_t len, bool *folded);

/* Draw a key from the kernel (getrandom). 0, or -errno. */
int siphash_key_draw(struct siphash_key *key);

#endif
