#include "base/siphash.h"

#include <errno.h>
#include <sys/random.h>

#include "base/bytes.h"

/* The paper's "nothing up my sleeve" constants: "somepseudorandomlygeneratedbytes". */
#define SIPHASH_V0 0x736f6d6570736575ULL
#define SIPHASH_V1 0x646f72616e646f6dULL
#define SIPHASH_V2 0x6c7967656e657261ULL
#define SIPHASH_V3 0x7465646279746573ULL

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 = rotate_left(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* The last word: the bytes left over, and the length (mod 256) on top. */
static inline uint64_t
last_word(const uint8_t *tail, size_t len)
{
	uint64_t word = (uint64_t)len << 56;

	for (size_t i = 0; i < len % 8; i++)
		word |= (uint64_t)tail[i] << (8 * i);
	return word;
}

uint64_t
siphash(const struct siphash_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct sip s = {
		.v0 = key->k[0] ^ SIPHASH_V0,
		.v1 = key->k[1] ^ SIPHASH_V1,
		.v2 = key->k[0] ^ SIPHASH_V2,
		.v3 = key->k[1] ^ SIPHASH_V3,
	};

	for (size_t words = len / 8; words > 0; words--) {
		sip_word(&s, load_le64(p));
		p += 8;
	}
	sip_word(&s, last_word(p, len));
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

int
siphash_key_draw(struct siphash_key *key)
{
	ssize_t n;

	/* Up to 256 bytes come whole or not at all (getrandom(2)). */
	do {
		n = getrandom(key, sizeof(*key), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*key) ? 0 : -EIO;
}
