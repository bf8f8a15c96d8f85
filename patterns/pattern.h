/*
 * patterns: the text form of the rules. A file is YAML: a list of patterns, each
 * with id, context, expression, flags, name, why, match, no_match, and optionally
 * category, severity (1 high .. 4 low), mitre, role. See patterns/README.md.
 * Used by the compiler (smtap-patterns), by `smtap rules`, and by control, which
 * needs names and severities for what the dataplane reports as ids.
 */
#ifndef SMTAP_PATTERNS_PATTERN_H
#define SMTAP_PATTERNS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "contract/event.h"

/* What a match means to the code; the rest of a pattern is for people. */
enum pattern_role {
	PATTERN_ROLE_SIGNATURE, /* an alert of its own */
	PATTERN_ROLE_SERVER,    /* names the server's software: evidence */
	PATTERN_ROLE_TOOL,      /* names the client's tool: evidence */
	PATTERN_ROLE_FACT,      /* classifies a reply or header; no alert */
};

struct pattern {
	uint32_t id; /* unique over all files, 1..2^31-1 */
	uint32_t severity;
	enum event_context context;
	enum pattern_role role;
	char *name;
	char *expression;
	char *flags; /* letters: i caseless, s dotall, m multiline, u utf8 */
	char *why;
	char *match;    /* a line that must match */
	char *no_match; /* a line that must not */
	char *category; /* may be NULL */
	char *mitre;    /* technique id; may be NULL */
	char *file;     /* where it stands, for errors */
	unsigned line;
};

struct pattern_set {
	struct pattern *patterns; /* by id */
	size_t count;
};

/*
 * Read files into set (replacing nothing: ids must be unique across them).
 * 0, or -EINVAL/-errno with one line FILE:LINE: ... in why.
 */
int pattern_set_read(struct pattern_set *set, const char *const files[], size_t count, char *why,
	size_t why_len);
void pattern_set_free(struct pattern_set *set);

/* NULL when there is none. */
const struct pattern *pattern_set_find(const struct pattern_set *set, uint32_t id);

#endif
