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
sip_rounds(struct sip *s, unsigned n)
{
	while (n-- > 0)
		sip_round(s);
}

/* The bytes left over when words were taken. */
static inline uint64_t
tail_bytes(const uint8_t *data, size_t len)
{
	const uint8_t *tail = data + (len & ~(size_t)7);
	uint64_t word = 0;

	if (len % 8 == 0)
		return 0;
	if (len > 8)
		return load_le64(data + len - 8) >> (64 - len % 8 * 8);
	for (size_t i = 0; i < len % 8; i++)
		word |= (uint64_t)tail[i] << (8 * i);
	return word;
}

/* 0x20 in each byte that is an upper case ASCII letter: what makes it a lower case one. */
static inline uint64_t
upper_bits(uint64_t word)
{
	const uint64_t each = 0x0101010101010101ULL;
	uint64_t low = word & 0x7f * each;
	uint64_t from_a = low + (0x80 - 'A') * each;
	uint64_t past_z = low + (0x7f - 'Z') * each;

	return ((from_a ^ past_z) & ~word & 0x80 * each) >> 2;
}

/* How often a word is mixed in, how often all at the end, and whether letters are folded: constants
   wherever it is called. */
struct sip_kind {
	unsigned word_rounds;
	unsigned last_rounds;
	bool fold;
};

static inline __attribute__((always_inline)) uint64_t
sip_hash(const struct siphash_key *key, const void *data, size_t len, struct sip_kind kind,
	uint64_t *upper)
{
	const uint8_t *p = data;
	struct sip s = {
		.v0 = key->k[0] ^ SIPHASH_V0,
		.v1 = key->k[1] ^ SIPHASH_V1,
		.v2 = key->k[0] ^ SIPHASH_V2,
		.v3 = key->k[1] ^ SIPHASH_V3,
	};
	size_t words = len / 8;

	for (size_t i = 0; i <= words; i++) {
		uint64_t word = i < words ? load_le64(p + 8 * i) : tail_bytes(p, len);

		if (kind.fold) {
			*upper |= upper_bits(word);
			word |= upper_bits(word);
		}
		/* The last word: the length (mod 256) on top. */
		if (i == words)
			word |= (uint64_t)len << 56;
		s.v3 ^= word;
		sip_rounds(&s, kind.word_rounds);
		s.v0 ^= word;
	}
	s.v2 ^= 0xff;
	sip_rounds(&s, kind.last_rounds);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
siphash(const struct siphash_key *key, const void *data, size_t len)
{
	return sip_hash(key, data, len, (struct sip_kind){2, 4, false}, NULL);
}

uint64_t
siphash_table(const struct siphash_key *key, const void *data, size_t len)
{
	return sip_hash(key, data, len, (struct sip_kind){1, 3, false}, NULL);
}

uint64_t
siphash_table_folded(const struct siphash_key *key, const void *data, size_t len, bool *folded)
{
	uint64_t upper = 0;
	uint64_t hash = sip_hash(key, data, len, (struct sip_kind){1, 3, true}, &upper);

	if (folded != NULL)
		*folded = upper != 0;
	return hash;
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
