/*
 * The file of a compiled pattern database: what smtap-patterns writes and the
 * dataplane loads. A header of ours stands before Hyperscan's serialized bytes,
 * so that a wrong, damaged or outdated file is one clear line, not a crash in
 * the library; and it carries what lets most lines be passed over without
 * calling the library at all.
 *
 * The checksum finds damage, not malice: whoever may write the pattern folder
 * is trusted as whoever may write the programs.
 */
#ifndef SMTAP_CONTRACT_HSDB_H
#define SMTAP_CONTRACT_HSDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "contract/event.h"

#define HSDB_MAGIC "smtaphs\n"
#define HSDB_VERSION 3
#define HSDB_FILE_BYTES_MAX (256u << 20) /* nothing larger is read */
#define HSDB_REMEDY "compile it again: smtap-patterns -o DIR FILE..."

/* A set of byte values. */
struct hsdb_bytes {
	uint64_t bit[4];
};

/*
 * Which lines may be matched at all, by how they begin. Patterns are in groups, a bit each; a line
 * that has the bytes of a group at its start, and the byte that the group needs anywhere, may be
 * matched by one of its patterns.
 */
#define HSDB_HEAD_BYTES 4u
#define HSDB_GROUPS 8u

struct hsdb_head {
	uint8_t groups[HSDB_HEAD_BYTES][256]; /* by place and byte: whose lines may have it there */
	uint8_t needs[HSDB_GROUPS];           /* 0: no byte is known that all of them have */
};

/* 1112 bytes, little-endian, at the start of the file; the payload follows. */
struct hsdb_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t context;        /* enum event_context */
	uint32_t patterns;       /* how many; 0: no payload */
	uint32_t shortest_bytes; /* no pattern matches a shorter line */
	struct hsdb_bytes first; /* no pattern matches a line that starts otherwise */
	struct hsdb_head head;
	uint64_t payload_bytes; /* hs_serialize_database's */
	uint64_t source;        /* tells the patterns that it was made of (pattern_set_source) */
	uint64_t checksum;      /* of the header with this field 0, then the payload */
};

_Static_assert(sizeof(struct hsdb_header) == 1112, "hsdb_header layout");

static inline bool
hsdb_bytes_has(const struct hsdb_bytes *set, uint8_t byte)
{
	return set->bit[byte >> 6] >> (byte & 63) & 1;
}

static inline void
hsdb_bytes_add(struct hsdb_bytes *set, uint8_t byte)
{
	set->bit[byte >> 6] |= 1ULL << (byte & 63);
}

/* May a pattern match this line? */
static inline bool
hsdb_head_admits(const struct hsdb_head *head, const uint8_t *line, size_t len)
{
	unsigned groups = (1u << HSDB_GROUPS) - 1;

	for (size_t i = 0; i < HSDB_HEAD_BYTES && i < len; i++)
		groups &= head->groups[i][line[i]];
	for (; groups != 0; groups &= groups - 1) {
		uint8_t needed = head->needs[__builtin_ctz(groups)];
		if (needed == 0 || memchr(line, needed, len) != NULL)
			return true;
	}
	return false;
}

/* "banner.hsdb"; NULL for a context out of range. */
const char *hsdb_file_name(enum event_context context);

/* Fill in magic, version and checksum; the other fields are set already. */
void hsdb_seal(struct hsdb_header *header, const void *payload);

/*
 * Are these len bytes the database of context? NULL when they are, header
 * filled in (the payload then follows it); otherwise what is wrong, in words.
 */
const char *hsdb_open(
	const uint8_t *file, size_t len, enum event_context context, struct hsdb_header *header);

#endif
