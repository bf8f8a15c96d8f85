/*
 * Rules that suppress findings and rules that allow traffic, as the configuration
 * lists them. control/suppress says what they match.
 */
#ifndef SMTAP_CONFIG_RULES_H
#define SMTAP_CONFIG_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/prefix.h"

#define CONFIG_RULES_MAX 1024 /* of a list */
#define CONFIG_RULE_TEXT_MAX 256
#define CONFIG_RULE_NEVER UINT64_MAX
#define CONFIG_RULE_TIME_MAX 32

enum config_rule_list { CONFIG_SUPPRESS, CONFIG_ALLOW, CONFIG_RULE_LISTS };

/* Whatever is given must hold; at least one thing is. */
struct config_rule {
	uint64_t until_ns; /* UTC, since the epoch: it no longer holds then; or CONFIG_RULE_NEVER */
	uint64_t detectors; /* bits 1 << enum detector, then signature; 0: all of them */
	unsigned line;      /* of its file, where it begins */
	bool by_client;
	bool by_server;
	struct prefix client; /* source or prefix */
	struct prefix server;
	char account[CONFIG_RULE_TEXT_MAX]; /* in lower case as ASCII has it; empty: any */
	char reason[CONFIG_RULE_TEXT_MAX];
};

_Static_assert(sizeof(struct config_rule) == 2 * sizeof(uint64_t) + sizeof(unsigned) +
						     2 * sizeof(bool) + 2 * sizeof(struct prefix) +
						     2 * CONFIG_RULE_TEXT_MAX,
	"a rule has no holes: its bytes are compared");

struct config_rules {
	struct config_rule *rule; /* owned by the config */
	unsigned count;
};

/* Where a rule stands in its file does not matter. */
bool config_same_rules(const struct config_rules *a, const struct config_rules *b);

/* "suppress", "allow" */
const char *config_rule_list_name(enum config_rule_list list);

/* By enum detector, and then "signature"; NULL past the last. */
const char *config_detector_name(unsigned detector);

/* "2026-12-31" for the whole of that day, "2026-12-31T18:00:00Z", "never". */
void config_rule_until(const struct config_rule *rule, char out[CONFIG_RULE_TIME_MAX]);

/* A to Z as a to z; other bytes as they are. */
void config_fold(char *out, const char *text, size_t len);

#endif
