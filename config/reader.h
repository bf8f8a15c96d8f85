/* Private to config/: what the readers of a document share. */
#ifndef SMTAP_CONFIG_READER_H
#define SMTAP_CONFIG_READER_H

#include <yaml.h>

#include "config/setting.h"

struct reader {
	struct config *config;
	const struct config_source *source;
	yaml_document_t *document;
	char *why;
	size_t why_len;
	unsigned seen[SETTINGS_MAX]; /* the line where each setting was set; 0: nowhere */
};

/* FILE:LINE: and what is wrong into why; returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int reader_fail(
	const struct reader *r, size_t line, const char *format, ...);

/* Where the node begins, from 1. */
size_t reader_line(const yaml_node_t *node);

/* Levenshtein distance; b is at most SETTING_NAME_MAX - 1 long. */
unsigned reader_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* The index-th of some names; NULL past the last. */
typedef const char *reader_name_fn(const void *arg, unsigned index);

/* As reader_fail: "WHERE: unknown WHAT 'word'", and which of the names may have been meant. */
struct reader_unknown {
	const char *where;
	const char *what;
	reader_name_fn *name;
	const void *arg;
};

int reader_fail_unknown(
	const struct reader *r, const yaml_node_t *node, const struct reader_unknown *unknown);

#define READER_SHOWN_MAX 64 /* bytes of a wrong word that a message repeats */

/* The text of a scalar as a message may show it. */
const char *reader_quote(const yaml_node_t *node, char shown[READER_SHOWN_MAX + 1]);

/* Is it one value, without a NUL? */
bool reader_is_text(const yaml_node_t *node);

#endif
