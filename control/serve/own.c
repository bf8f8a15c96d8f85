#include "control/serve/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* JSON is YAML: the reader of the configuration says what is wrong with it, but for the place. */
static int
parse(struct config *config, const json_t *rule, char *why, size_t why_len)
{
	static const char place[] = "rule:1: suppress: ";
	json_t *all = json_pack("{s:[O]}", "suppress", rule);
	char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	int r = -ENOMEM;

	if (text) {
		const struct config_source source = {"rule", text, strlen(text)};

		r = config_parse(config, &source, why, why_len);
		if (r != 0 && strncmp(why, place, strlen(place)) == 0)
			memmove(why, why + strlen(place), strlen(why + strlen(place)) + 1);
	} else {
		snprintf(why, why_len, "out of memory");
	}
	free(text);
	json_decref(all);
	return r;
}

/* As a rule must be: with an end; and, about an incident, with something to describe. */
static json_t *
complete(const json_t *rule, uint64_t incident)
{
	json_t *whole = json_object();

	if (incident != 0) {
		json_object_set(whole, "until", json_object_get(rule, "until"));
		json_object_set(whole, "reason", json_object_get(rule, "reason"));
		json_object_set_new(whole, "account", json_string("-"));
	} else if (json_is_object(rule)) {
		json_object_update(whole, (json_t *)rule);
	}
	if (!json_object_get(whole, "until"))
		json_object_set_new(whole, "until", json_string("never"));
	return whole;
}

int
own_read(struct suppress_own *own, const json_t *rule, uint64_t incident, char *why, size_t why_len)
{
	struct config *config = malloc(sizeof(*config)); /* large */
	json_t *whole = complete(rule, incident);
	int r = -ENOMEM;

	if (!config) {
		snprintf(why, why_len, "out of memory");
	} else {
		config_defaults(config);
		r = parse(config, whole, why, why_len);
		if (r == 0) {
			*own = (struct suppress_own){.incident = incident,
				.rule = config->rules[CONFIG_SUPPRESS].rule[0]};
			own->rule.line = 0;
		}
		config_free(config);
	}
	if (r == 0 && incident != 0)
		memset(own->rule.account, 0, sizeof(own->rule.account));
	free(config);
	json_decref(whole);
	return r;
}

struct list {
	struct suppress_own *own;
	unsigned count;
};

static int
add(void *arg, const struct store_suppression *one)
{
	struct list *list = arg;
	json_t *rule = json_loads(one->rule, 0, NULL);
	struct suppress_own own;
	char why[300];
	int r = own_read(&own, rule, one->incident, why, sizeof(why));

	json_decref(rule);
	if (r == -ENOMEM)
		return r;
	/* Of a later version, perhaps; and there is an end to how many are possible. */
	if (r != 0 || list->count == CONFIG_RULES_MAX)
		return 0;
	own.id = one->id;
	list->own[list->count++] = own;
	return 0;
}

int
own_load(struct store *store, struct suppress_own **out, unsigned *count)
{
	struct list list = {.own = calloc(CONFIG_RULES_MAX, sizeof(*list.own))};
	int r = list.own ? store_suppressions(store, false, add, &list) : -ENOMEM;

	if (r != 0) {
		free(list.own);
		list = (struct list){0};
	}
	*out = list.own;
	*count = list.count;
	return r;
}
