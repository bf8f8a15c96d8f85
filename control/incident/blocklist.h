/*
 * What refusals that name a blocklist say: which list, which address it has,
 * and where to read more. The words are a stranger's: kept as they are where
 * they are printable, never believed further than that.
 */
#ifndef SMTAP_CONTROL_BLOCKLIST_H
#define SMTAP_CONTROL_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Patterns that tell a blocklist. */
#define BLOCKLIST_FIRST 2300u
#define BLOCKLIST_LAST 2399u
/* Say less than others that the same refusal may match: any of Spamhaus; any at all. */
#define BLOCKLIST_SPAMHAUS 2300u
#define BLOCKLIST_SPAMHAUS_LAST 2306u
#define BLOCKLIST_SOME 2350u

#define BLOCKLIST_ADDRESS_MAX 46
#define BLOCKLIST_ZONE_MAX 64
#define BLOCKLIST_URL_MAX 128

/* The first of each that a refusal gave; empty: none did. */
struct blocklist {
	uint64_t lists[2];                   /* bits, of pattern ids from BLOCKLIST_FIRST on */
	char address[BLOCKLIST_ADDRESS_MAX]; /* that is listed */
	char zone[BLOCKLIST_ZONE_MAX];       /* "blocked using ZONE" */
	char url[BLOCKLIST_URL_MAX];
};

/* A refusing line matched a pattern. Returns whether that named one more list. */
bool blocklist_add(struct blocklist *b, uint32_t pattern_id, const char *line, size_t len);

/*
 * The next pattern that names a list, after id (0: the first), without those
 * that say less than another that is there; 0: no more.
 */
uint32_t blocklist_next(const struct blocklist *b, uint32_t id);

#endif
