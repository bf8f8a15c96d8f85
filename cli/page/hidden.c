/* Of the third reading: findings that rules hid, and what the rules counted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/model.h"

#define WORD_MAX 64
#define REASON_MAX 1024

int
hidden_add(struct hiding *hiding, const json_t *line)
{
	const json_t *f = json_object_get(json_object_get(line, "smtap"), "suppressed");
	const json_t *rule = json_object_get(f, "rule");
	struct hidden *h;

	if (!json_is_object(f))
		return 0;
	if (!hiding->findings)
		hiding->findings = calloc(HIDDEN_MAX, sizeof(*hiding->findings));
	if (!hiding->findings)
		return -ENOMEM;
	if (hiding->count == HIDDEN_MAX) {
		hiding->further++;
		return 0;
	}
	h = &hiding->findings[hiding->count++];
	h->detector = model_copy(reader_text(f, "detector"), WORD_MAX);
	h->subject_type = model_copy(reader_text(f, "subject_type"), WORD_MAX);
	h->subject = model_copy(reader_text(f, "subject"), NAMES_TEXT_MAX);
	h->attempts = reader_number(f, "attempts");
	h->first_us = reader_time(f, "first_seen");
	h->last_us = reader_time(f, "last_seen");
	h->line = reader_number(rule, "line");
	h->reason = model_copy(reader_text(rule, "reason"), REASON_MAX);
	return 0;
}

static void
free_rules(struct hiding *hiding)
{
	for (size_t i = 0; i < hiding->rule_count; i++) {
		free(hiding->rules[i].reason);
		free(hiding->rules[i].until);
	}
	hiding->rule_count = 0;
	hiding->rules_further = 0;
}

static void
add_rules(struct hiding *hiding, const json_t *list, bool allows)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		struct told_rule *rule = &hiding->rules[hiding->rule_count];

		if (i >= RULES_MAX) {
			hiding->rules_further++;
			continue;
		}
		*rule = (struct told_rule){.allows = allows,
			.reason = model_copy(reader_text(one, "reason"), REASON_MAX),
			.until = model_copy(reader_text(one, "until"), WORD_MAX),
			.line = reader_number(one, "line"),
			.findings = reader_number(one, "findings"),
			.sightings = reader_number(one, "sightings"),
			.events = reader_number(one, "events")};
		hiding->rule_count++;
	}
}

int
hidden_add_rules(struct hiding *hiding, const json_t *line)
{
	const json_t *smtap = json_object_get(line, "smtap");

	free_rules(hiding);
	if (!hiding->rules)
		hiding->rules = calloc((size_t)2 * RULES_MAX, sizeof(*hiding->rules));
	if (!hiding->rules)
		return -ENOMEM;
	add_rules(hiding, json_object_get(smtap, "suppress"), false);
	add_rules(hiding, json_object_get(smtap, "allow"), true);
	return 0;
}

void
hidden_free(struct hiding *hiding)
{
	free_rules(hiding);
	free(hiding->rules);
	for (size_t i = 0; i < hiding->count; i++) {
		free(hiding->findings[i].detector);
		free(hiding->findings[i].subject_type);
		free(hiding->findings[i].subject);
		free(hiding->findings[i].reason);
	}
	free(hiding->findings);
	*hiding = (struct hiding){0};
}
