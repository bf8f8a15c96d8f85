/*
 * Private to config/: the settings as a table, so that reading, writing and
 * messages are written once and hold for whatever config/settings.h lists.
 */
#ifndef SMTAP_CONFIG_SETTING_H
#define SMTAP_CONFIG_SETTING_H

#include "config/config.h"

enum setting_type {
	SETTING_COUNT,
	SETTING_DURATION,
	SETTING_BOOL,
	SETTING_PORTS, /* min, max: how many */
	SETTING_TEXT,  /* min, max: bytes */
	SETTING_LIST,  /* min, max: elements */
};

#define QUOTE_MAX 96    /* bytes of a wrong value that a message repeats */
#define ELEMENT_MAX 256 /* bytes of one element of a list, with its NUL */

/*
 * One element of a list: its text in the one form that it has, in out. 0, or
 * -EINVAL with what is wrong and what would be right.
 */
typedef int (*setting_element_fn)(
	const char *text, char out[ELEMENT_MAX], char *why, size_t why_len);

struct setting {
	const char *name; /* dotted */
	const char *help;
	size_t offset; /* in struct config */
	uint64_t min;
	uint64_t max;
	enum setting_type type;
	setting_element_fn element; /* of a list */
	const char *example;        /* of a list; as YAML */
};

extern const struct setting config_settings[];
extern const size_t config_setting_count;

#define SETTINGS_MAX 256
#define SETTING_NAME_MAX 96 /* longest dotted name, with room for what people type */

/*
 * Set one setting from one scalar. 0, or -EINVAL with what is wrong in why,
 * without place or name.
 */
int setting_parse(const struct setting *setting, struct config *config, const char *text, char *why,
	size_t why_len);

/* A COUNT, a DURATION, or a BOOL as 0 or 1; only type, min and max are looked at. The same. */
int setting_parse_number(
	const struct setting *setting, const char *text, uint64_t *out, char *why, size_t why_len);

/* One more port for a list. 0, or -EINVAL with a sentence. */
int setting_add_port(struct config_ports *ports, const char *text, char *why, size_t why_len);

/* element.c: what each kind of list is made of. */
int element_net(const char *text, char out[ELEMENT_MAX], char *why, size_t why_len);
int element_interface(const char *text, char out[ELEMENT_MAX], char *why, size_t why_len);
int element_domain(const char *text, char out[ELEMENT_MAX], char *why, size_t why_len);

/* A value as a message may show it: printable, and not too long. */
const char *setting_quote(const char *text, char out[QUOTE_MAX + 4]);

/* A text as YAML, in quotes. */
void setting_print_text(const char *text, FILE *out);

/* "90s", "10m": the largest unit that divides it. */
void setting_format_duration(uint64_t ns, char *out, size_t out_len);

#endif
