/* Private to config/: how exporters are kept, read and written. */
#ifndef SMTAP_CONFIG_EXPORTERS_INTERNAL_H
#define SMTAP_CONFIG_EXPORTERS_INTERNAL_H

#include "config/exporters.h"
#include "config/reader.h"

#define EXPORTERS "exporters" /* their key */
#define EXPORTER_KEYS_MAX 64  /* of a type, with those that all have */

enum exporter_key_kind {
	EXPORTER_TEXT,
	EXPORTER_FILE,
	EXPORTER_URL,
	EXPORTER_COUNT,
	EXPORTER_DURATION,
	EXPORTER_BOOL,
	EXPORTER_CHOICE,
	EXPORTER_NETS,
	EXPORTER_TEXTS,
};

/* As config/exporter_keys.h has it. */
struct exporter_key {
	const char *name;
	const char *value; /* the default; NULL: it has to be given */
	const char *help;
	uint64_t min;
	uint64_t max;
	enum exporter_key_kind kind;
};

/* Texts, each with its NUL, one behind the other; what is no list has one of them, or none. */
struct exporter_value {
	uint64_t number;
	size_t bytes;
	char *texts;   /* owned; NULL: none */
	unsigned line; /* where it was given; 0: it was not */
};

struct config_exporter {
	char name[CONFIG_EXPORTER_NAME_MAX + 1];
	enum config_exporter_type type;
	unsigned line;
	struct exporter_value values[EXPORTER_KEYS_MAX]; /* by exporter_key() */
};

/* The index-th key of a type, those of all exporters first; NULL past the last. */
const struct exporter_key *exporter_key(enum config_exporter_type type, unsigned index);

/* The index of a choice in "a|b|c"; -1: it is none of them. */
int exporter_choice(const char *choices, const char *text);

/* A text more. 0, or -ENOMEM. */
int exporter_value_add(struct exporter_value *value, const char *text);

void exporters_free(struct config_exporters *all);
bool exporters_same(const struct config_exporters *a, const struct config_exporters *b);
void exporters_print(const struct config_exporters *all, FILE *out);

/* The map of exporters into r->config, which must have none. 0; -ENOMEM, or -EINVAL with r->why. */
int exporters_read(struct reader *r, const yaml_node_t *node);

/* Once all settings are read: what they say of exporters must be possible together. 0, or -EINVAL.
 */
int exporters_check(struct reader *r);

#endif
