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
};

struct setting {
	const char *name; /* dotted */
	const char *help;
	size_t offset; /* in struct config */
	uint64_t min;
	uint64_t max;
	enum setting_type type;
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

/* One more port for a list. 0, or -EINVAL with a sentence. */
int setting_add_port(struct config_ports *ports, const char *text, char *why, size_t why_len);

/* "90s", "10m": the largest unit that divides it. */
void setting_format_duration(uint64_t ns, char *out, size_t out_len);

#endif
