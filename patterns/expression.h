/* What can be told of an expression by reading it; private to patterns/. */
#ifndef SMTAP_PATTERNS_EXPRESSION_H
#define SMTAP_PATTERNS_EXPRESSION_H

#include <stdbool.h>

#include "contract/hsdb.h"

/*
 * Add the bytes that a matching line can start with. Where the expression is
 * not simple enough to be sure, all bytes are added.
 */
void expression_first_bytes(const char *expression, bool caseless, struct hsdb_bytes *first);

/*
 * The bytes that a matching line can have at each of its first places; all of them where the
 * expression is not simple enough to be sure.
 */
void expression_head(
	const char *expression, bool caseless, struct hsdb_bytes head[HSDB_HEAD_BYTES]);

/* A byte, not a frequent one, that each matching line has; 0 when none is sure. */
uint8_t expression_needs(const char *expression);

/* An unbounded repeat of '.' that does not stand behind '^' on every path. */
bool expression_is_slow(const char *expression);

#endif
