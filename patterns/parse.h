/* The YAML of one pattern file; private to patterns/. */
#ifndef SMTAP_PATTERNS_PARSE_H
#define SMTAP_PATTERNS_PARSE_H

#include "base/span.h"
#include "patterns/pattern.h"

/* Patterns in the order of the file. */
struct pattern_list {
	struct pattern *patterns;
	size_t count;
	size_t room;
};

/* Append the file's patterns. 0, or -EINVAL/-ENOMEM with one line in why. */
int pattern_list_parse(struct pattern_list *list, const char *name, const struct span *file,
	char *why, size_t why_len);

/* Free what the list's patterns own, and the list. */
void pattern_list_free(struct pattern_list *list);

#endif
