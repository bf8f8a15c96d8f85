#include "config/reload.h"

#include <string.h>

#include "base/siphash.h"
#include "config/exporters_internal.h"
#include "config/setting.h"

/*
 * Names, or, with a dot at their end, all below. What is in neither list needs a restart: whoever
 * adds a setting has to see that it is read anew before it may stand here.
 */
static const char *const at_once[] = {"suppress", "allow", "aggregate.episode_gap", "enrich.",
	"eve.", "health.", "http.cert_file", "http.key_file", "incident.", "patterns.", "site.",
	"stats.", "store.keep", "store.memory", "store.size", "detect.", "prefix.", "auth_spike.",
	"blocklisted.", "bounce_wave.", "bruteforce.", "compromise.", "distributed.",
	"enumeration.", "helo_churn.", "long_session.", "open_relay.", "outbound_fanout.",
	"relay_burst.", "slow.", "smtp_scan.", "spray.", "stale_credential.", "stuffing."};
static const char *const not_at_once[] = {"incident.table"};

static bool
is_among(const char *name, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		if (names[i][len - 1] == '.' ? strncmp(name, names[i], len) == 0
					     : strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool
config_reloads(const char *name)
{
	return is_among(name, at_once, sizeof(at_once) / sizeof(at_once[0])) &&
	       !is_among(name, not_at_once, sizeof(not_at_once) / sizeof(not_at_once[0]));
}

static size_t
size_of(const struct setting *s)
{
	switch (s->type) {
	case SETTING_COUNT:
	case SETTING_DURATION:
		return sizeof(uint64_t);
	case SETTING_BOOL:
		return sizeof(bool);
	case SETTING_PORTS:
		return sizeof(struct config_ports);
	case SETTING_TEXT:
		return CONFIG_TEXT_MAX;
	case SETTING_LIST:
		return sizeof(struct config_list);
	}
	return 0;
}

/* Texts are equal up to their end. */
static bool
same(const struct setting *s, const struct config *a, const struct config *b)
{
	const char *x = (const char *)a + s->offset, *y = (const char *)b + s->offset;

	return s->type == SETTING_TEXT ? strcmp(x, y) == 0 : memcmp(x, y, size_of(s)) == 0;
}

static void
add_name(struct config_reload *out, const char *name)
{
	size_t used = strlen(out->names);
	const char *comma = out->waits > 0 ? ", " : "";
	/* Room for the dots is kept. */
	bool fits = used + strlen(comma) + strlen(name) + sizeof(", ...") <= sizeof(out->names);

	if (fits)
		snprintf(out->names + used, sizeof(out->names) - used, "%s%s", comma, name);
	else if (strstr(out->names, "...") == NULL)
		snprintf(out->names + used, sizeof(out->names) - used, ", ...");
	out->waits++;
}

static void
take_rules(struct config *running, struct config *fresh, struct config_reload *out)
{
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++) {
		struct config_rules rules = running->rules[list];

		out->taken += !config_same_rules(&rules, &fresh->rules[list]);
		running->rules[list] = fresh->rules[list];
		fresh->rules[list] = rules;
	}
}

void
config_take(struct config *running, const struct config *started, struct config *fresh,
	struct config_reload *out)
{
	*out = (struct config_reload){0};
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct setting *s = &config_settings[i];

		if (!config_reloads(s->name)) {
			if (!same(s, started, fresh))
				add_name(out, s->name);
			continue;
		}
		out->taken += !same(s, running, fresh);
		memcpy((char *)running + s->offset, (const char *)fresh + s->offset, size_of(s));
	}
	out->exporters = !exporters_same(&running->exporters, &fresh->exporters);
	const struct config_exporters exporters = running->exporters;
	running->exporters = fresh->exporters;
	fresh->exporters = exporters;
	take_rules(running, fresh, out);
}

uint64_t
config_sum(const struct config *config)
{
	struct siphash_key key = {{0}};

	for (size_t i = 0; i < config_setting_count; i++) {
		const struct setting *s = &config_settings[i];
		const char *value = (const char *)config + s->offset;
		size_t len = s->type == SETTING_TEXT ? strlen(value) : size_of(s);

		key.k[1] = siphash(&key, value, len);
	}
	return key.k[1];
}
