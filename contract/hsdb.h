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

#include "contract/event.h"

#define HSDB_MAGIC "smtaphs\n"
#define HSDB_VERSION 2
#define HSDB_FILE_BYTES_MAX (256u << 20) /* nothing larger is read */
#define HSDB_REMEDY "compile it again: smtap-patterns -o DIR FILE..."

/* A set of byte values. */
struct hsdb_bytes {
	uint64_t bit[4];
};

/* 80 bytes, little-endian, at the start of the file; the payload follows. */
struct hsdb_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t context;        /* enum event_context */
	uint32_t patterns;       /* how many; 0: no payload */
	uint32_t shortest_bytes; /* no pattern matches a shorter line */
	struct hsdb_bytes first; /* no pattern matches a line that starts otherwise */
	uint64_t payload_bytes;  /* hs_serialize_database's */
	uint64_t source;         /* tells the patterns that it was made of (pattern_set_source) */
	uint64_t checksum;       /* of the header with this field 0, then the payload */
};

_Static_assert(sizeof(struct hsdb_header) == 80, "hsdb_header layout");

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
