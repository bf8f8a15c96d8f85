/*
 * Exporters, as the configuration lists them: a name, a type, and the keys of that type.
 *
 *   exporters:
 *     siem:
 *       type: syslog
 *       server: logs.example.net
 *
 * An unknown key, a wrong value and a missing one are errors with the line that has them. Secrets
 * are never values: a key that ends in _file names the file that has one.
 */
#ifndef SMTAP_CONFIG_EXPORTERS_H
#define SMTAP_CONFIG_EXPORTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/exporter_keys.h"

#define CONFIG_EXPORTERS_MAX 32
#define CONFIG_EXPORTER_NAME_MAX 32 /* letters, digits, - and _ */

struct config_exporter;

struct config_exporters {
	struct config_exporter *exporter; /* owned by the config; in the order of the file */
	unsigned count;
};

/* "syslog", ..; NULL past the last. */
const char *config_exporter_type_name(unsigned type);

/* The index-th, below config_exporters.count. */
const struct config_exporter *config_exporter_at(
	const struct config_exporters *all, unsigned index);

const char *config_exporter_name(const struct config_exporter *e);
enum config_exporter_type config_exporter_type(const struct config_exporter *e);
unsigned config_exporter_line(const struct config_exporter *e);

/* Of the same name and type, with the same values? */
bool config_exporter_same(const struct config_exporter *a, const struct config_exporter *b);

/* The same but for the name. */
bool config_exporter_same_keys(const struct config_exporter *a, const struct config_exporter *b);

/* A TEXT, FILE or URL; "" when it is not set and has no default. The key must be one of its type.
 */
const char *config_exporter_text(const struct config_exporter *e, const char *key);

/* A COUNT; a DURATION in ns; a BOOL as 0 or 1; of a CHOICE its index. */
uint64_t config_exporter_number(const struct config_exporter *e, const char *key);

/* The first element of a LIST, for NULL, or the one after; NULL: there is none. */
const char *config_exporter_next(
	const struct config_exporter *e, const char *key, const char *element);

#endif
