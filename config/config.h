/*
 * config: every setting, declared once: this makes the struct, the YAML reader,
 * `smtap check`, and the reference in the manual. Names in YAML are the dotted
 * ones (nested maps). An unknown key is an error.
 */
#ifndef SMTAP_CONFIG_CONFIG_H
#define SMTAP_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/exporters.h"
#include "config/list.h"
#include "config/rules.h"
#include "config/settings.h"

#define CONFIG_TEXT_MAX 256
#define CONFIG_PATH_MAX 4096

struct config_ports {
	uint16_t port[64];
	unsigned count;
};

/* type of X(type, field, "name", default, min, max, "help") */
#define CONFIG_TYPE_COUNT uint64_t
#define CONFIG_TYPE_DURATION uint64_t /* ns; written 10m, 90s, 24h, 1d */
#define CONFIG_TYPE_BOOL bool

struct config {
#define X(type, field, name, value, min, max, help) CONFIG_TYPE_##type field;
	CONFIG_SETTINGS(X)
#undef X
	struct config_ports ports;            /* mail.ports; default 25 */
	char output_dir[CONFIG_TEXT_MAX];     /* output.directory; default ./smtap-out */
	char control_socket[CONFIG_TEXT_MAX]; /* control.socket; empty: control.sock beside eve.json
					       */
	char export_socket[CONFIG_TEXT_MAX];  /* export.socket; empty: export.sock beside that */
	char http_listen[CONFIG_TEXT_MAX];    /* http.listen; empty: no HTTP */
	char http_cert[CONFIG_TEXT_MAX];      /* http.cert_file; empty: no TLS */
	char http_key[CONFIG_TEXT_MAX];       /* http.key_file */
	char store_file[CONFIG_TEXT_MAX];     /* store.file; empty: smtap.db beside eve.json */
	char dataplane_socket[CONFIG_TEXT_MAX]; /* dataplane.socket */
	char dataplane_user[CONFIG_TEXT_MAX];   /* dataplane.user; empty: whoever starts it */
	char control_user[CONFIG_TEXT_MAX];     /* control.user */
	char export_user[CONFIG_TEXT_MAX];      /* export.user */
	char pattern_dir[CONFIG_TEXT_MAX];      /* patterns.directory; empty: beside the programs */
	char country_db[CONFIG_TEXT_MAX];       /* enrich.country_db; empty: none */
	char asn_db[CONFIG_TEXT_MAX];           /* enrich.asn_db; empty: none */
#define X(field, name, element, most, help, example) struct config_list field;
	CONFIG_LISTS(X)
#undef X
	/* Last, and owned; config_free. */
	struct config_rules rules[CONFIG_RULE_LISTS]; /* suppress, allow */
	struct config_exporters exporters;
};

void config_defaults(struct config *config);

/* Give back what reading took; the rules and exporters are gone then. */
void config_free(struct config *config);

/* The same settings, rules and exporters? Where they stand in their file does not matter. */
bool config_same(const struct config *a, const struct config *b);

/*
 * Read a YAML file over the defaults. 0; or -EINVAL/-errno with one line
 * FILE:LINE: what is wrong, what would be right.
 */
int config_read(struct config *config, const char *path, char *why, size_t why_len);

/* The same for text in memory; name stands for the file in messages. */
struct config_source {
	const char *name;
	const void *text;
	size_t len;
};

int config_parse(
	struct config *config, const struct config_source *source, char *why, size_t why_len);

/* Where control's socket for exporters is. A folder that is given (-o; NULL: none) counts over what
 * settings name. 0, or -ENAMETOOLONG. */
int config_export_socket(
	const struct config *config, const char *given, char path[CONFIG_PATH_MAX]);

/* "25,587" into ports. 0, or -EINVAL with a sentence. */
int config_parse_ports(struct config_ports *ports, const char *text, char *why, size_t why_len);

/* One more port to watch. 0, or -EINVAL with a sentence. */
int config_add_interface(struct config *config, const char *text, char *why, size_t why_len);

/* Write every setting as YAML that config_read takes back unchanged. */
int config_print(const struct config *config, FILE *out);

#endif
