/*
 * patterns: the text form of the rules. A file is YAML: a list of patterns, each
 * with id, context, role, expression, flags, name, why, match, no_match, optionally
 * mitre; a signature also has category and severity (1 critical .. 4 informational).
 * See patterns/README.md.
 * Used by the compiler (smtap-patterns), by `smtap rules`, and by control, which
 * needs names and severities for what the dataplane reports as ids.
 */
#ifndef SMTAP_PATTERNS_PATTERN_H
#define SMTAP_PATTERNS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/event.h"

/* What a match means to the code; the rest of a pattern is for people. */
#define PATTERN_ROLES(X)                                                      \
	X(SIGNATURE, "signature") /* an alert of its own */                   \
	X(SERVER, "server")       /* names the server's software: evidence */ \
	X(TOOL, "tool")           /* names the client's tool: evidence */     \
	X(FACT, "fact")           /* classifies a reply or header; no alert */

enum pattern_role {
#define X(id, name) PATTERN_ROLE_##id,
	PATTERN_ROLES(X)
#undef X
		PATTERN_ROLE_COUNT
};

struct pattern {
	uint32_t id;       /* unique over all files, 1..2^31-1 */
	uint32_t severity; /* 1 critical .. 4 informational; 0: no signature */
	enum event_context context;
	enum pattern_role role;
	char *name;
	char *expression;
	char *flags; /* letters: i caseless, s dotall; may be empty */
	char *why;
	char *match;    /* a line that must match */
	char *no_match; /* a line that must not */
	char *category; /* of a signature; else NULL */
	char *mitre;    /* technique id; may be NULL */
	char *list;     /* the blocklist that it names; may be NULL */
	char *delist;   /* the page where that list is asked for delisting; may be NULL */
	char *file;     /* where it stands, for errors */
	unsigned line;
	bool retired; /* of an earlier set: what it found is still named */
};

struct pattern_set {
	struct pattern *patterns; /* by id */
	size_t count;
};

#define PATTERN_ID_MAX 0x7fffffffu
#define PATTERN_FILE_BYTES_MAX (16u << 20)
#define PATTERN_SET_MAX 65536 /* patterns in one set */

/*
 * Read files into set, which is zero or holds patterns already (ids must be
 * unique across all). 0, or -EINVAL/-errno with one line FILE:LINE: ... in why;
 * set is then as it was.
 */
int pattern_set_read(struct pattern_set *set, const char *const files[], size_t count, char *why,
	size_t why_len);

/*
 * The same for what stands in DIR: each of banner.yaml, reply.yaml,
 * command.yaml, header.yaml, which must be there.
 */
int pattern_set_read_dir(struct pattern_set *set, const char *dir, char *why, size_t why_len);

/* The same for the bytes of one file; name stands for it in errors. */
int pattern_set_parse(struct pattern_set *set, const char *name, const uint8_t *bytes, size_t len,
	char *why, size_t why_len);

void pattern_set_free(struct pattern_set *set);

/*
 * The set takes the place of another: what only that has is added, retired, so that whatever was
 * found with it keeps its name. -EINVAL when an id stands for something else now, another context
 * or role, or both another name and another expression; with FILE:LINE: in why. -ENOMEM.
 */
int pattern_set_follow(
	struct pattern_set *set, const struct pattern_set *before, char *why, size_t why_len);

/* Tells what a context's database is made of: that of other patterns has another. */
uint64_t pattern_set_source(const struct pattern_set *set, enum event_context context);

/* NULL when there is none. */
const struct pattern *pattern_set_find(const struct pattern_set *set, uint32_t id);

/* "signature", "server", "tool", "fact"; "?" for a value out of range. */
const char *pattern_role_name(unsigned role);

#endif
