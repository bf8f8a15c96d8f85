/* One context's patterns, compiled; private to patterns/. */
#ifndef SMTAP_PATTERNS_DATABASE_H
#define SMTAP_PATTERNS_DATABASE_H

#include <hs.h>

#include "contract/hsdb.h"
#include "patterns/check.h"

struct pattern_database {
	enum event_context context;
	hs_database_t *db; /* owned; NULL when there are no patterns */
	uint32_t patterns;
	uint64_t source;
	uint32_t shortest_bytes;
	struct hsdb_bytes first;
	struct hsdb_head head;
};

/* The bytes that lines of a context start with; NULL: any. */
const char *pattern_context_starts(enum event_context context);

/* Compile the set's patterns of context. Free it with pattern_database_free in any case. */
int pattern_database_compile(struct pattern_database *database, const struct pattern_set *set,
	const struct pattern_check *options, char *why, size_t why_len);
void pattern_database_free(struct pattern_database *database);

/* Write it as a file of contract/hsdb.h into dir, whole or not at all. */
int pattern_database_write(
	const struct pattern_database *database, const char *dir, char *why, size_t why_len);

#endif
