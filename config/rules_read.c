/* Reading the lists of rules: each is a map of what a finding, or an event, must be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/rules_internal.h"

enum rule_key {
	KEY_SOURCE,
	KEY_PREFIX,
	KEY_ACCOUNT,
	KEY_SERVER,
	KEY_DETECTOR,
	KEY_UNTIL,
	KEY_REASON,
	RULE_KEYS
};

static const char *const key_names[RULE_KEYS] = {
	"source", "prefix", "account", "server", "detector", "until", "reason"};

/* A rule being read. */
struct draft {
	struct reader *r;
	const char *list;
	struct config_rule *rule;
	size_t seen[RULE_KEYS]; /* the line; 0: not given */
};

static const char *
key_name(const void *arg, unsigned key)
{
	(void)arg;
	return key < RULE_KEYS ? key_names[key] : NULL;
}

static int
fail_unknown(struct draft *d, const yaml_node_t *node, const char *what, reader_name_fn *name)
{
	const struct reader_unknown unknown = {.where = d->list, .what = what, .name = name};

	return reader_fail_unknown(d->r, node, &unknown);
}

static const char *
detector_name(const void *arg, unsigned detector)
{
	(void)arg;
	return config_detector_name(detector);
}

static int
read_text(struct draft *d, const char *key, const yaml_node_t *node, char *out)
{
	size_t len = node->data.scalar.length;
	const char *off = NULL;

	if (len == 0)
		off = "must not be empty";
	else if (len >= CONFIG_RULE_TEXT_MAX)
		off = "is too long; 255 bytes are the most";
	else if (!utf8_is_printable(node->data.scalar.value, len))
		off = "holds a control character";
	if (off)
		return reader_fail(d->r, reader_line(node), "%s: %s: %s", d->list, key, off);
	memcpy(out, node->data.scalar.value, len);
	return 0;
}

static int
read_range(struct draft *d, enum rule_key key, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;
	struct config_rule *rule = d->rule;
	char why[200];
	int status;

	if (key == KEY_SOURCE)
		status = prefix_parse_addr(&rule->client, text, why, sizeof(why));
	else
		status = prefix_parse(
			key == KEY_SERVER ? &rule->server : &rule->client, text, why, sizeof(why));
	if (status)
		return reader_fail(
			d->r, reader_line(node), "%s: %s: %s", d->list, key_names[key], why);
	if (key == KEY_SERVER)
		rule->by_server = true;
	else
		rule->by_client = true;
	return 0;
}

static int
read_until(struct draft *d, const yaml_node_t *node)
{
	char shown[READER_SHOWN_MAX + 1];

	if (rule_parse_until((const char *)node->data.scalar.value, &d->rule->until_ns) == 0)
		return 0;
	return reader_fail(d->r, reader_line(node),
		"%s: until: expected a day such as 2026-12-31, a time in UTC such as "
		"2026-12-31T18:00:00Z, or never, not '%s'",
		d->list, reader_quote(node, shown));
}

static int
read_detector(struct draft *d, const yaml_node_t *node)
{
	if (!reader_is_text(node))
		return reader_fail(d->r, reader_line(node),
			"%s: detector: expected the name of a detector", d->list);
	for (unsigned i = 0; config_detector_name(i); i++) {
		if (strcmp((const char *)node->data.scalar.value, config_detector_name(i)) != 0)
			continue;
		if (d->rule->detectors & 1ull << i)
			return reader_fail(d->r, reader_line(node),
				"%s: detector: '%s' is listed twice", d->list,
				config_detector_name(i));
		d->rule->detectors |= 1ull << i;
		return 0;
	}
	return fail_unknown(d, node, "detector", detector_name);
}

static int
read_detectors(struct draft *d, const yaml_node_t *node)
{
	const yaml_node_item_t *item = node->data.sequence.items.start;
	int status = 0;

	if (item == node->data.sequence.items.top)
		return reader_fail(d->r, reader_line(node),
			"%s: detector: the list is empty; leave it out for all detectors", d->list);
	for (; item < node->data.sequence.items.top && !status; item++)
		status = read_detector(d, yaml_document_get_node(d->r->document, *item));
	return status;
}

static int
read_value(struct draft *d, enum rule_key key, const yaml_node_t *node)
{
	if (key == KEY_DETECTOR && node->type == YAML_SEQUENCE_NODE)
		return read_detectors(d, node);
	if (!reader_is_text(node))
		return reader_fail(d->r, reader_line(node), "%s: %s: expected %s", d->list,
			key_names[key],
			key == KEY_DETECTOR ? "the name of a detector or a list of them"
					    : "one value");
	switch (key) {
	case KEY_SOURCE:
	case KEY_PREFIX:
	case KEY_SERVER:
		return read_range(d, key, node);
	case KEY_ACCOUNT:
		return read_text(d, key_names[key], node, d->rule->account);
	case KEY_REASON:
		return read_text(d, key_names[key], node, d->rule->reason);
	case KEY_DETECTOR:
		return read_detector(d, node);
	case KEY_UNTIL:
		return read_until(d, node);
	case RULE_KEYS:
		break;
	}
	return -EINVAL;
}

static int
read_pair(struct draft *d, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(d->r->document, pair->key);
	unsigned k = 0;

	if (!reader_is_text(key))
		return reader_fail(
			d->r, reader_line(key), "%s: expected the key of a rule", d->list);
	while (k < RULE_KEYS && strcmp(key_names[k], (const char *)key->data.scalar.value) != 0)
		k++;
	if (k == RULE_KEYS)
		return fail_unknown(d, key, "key", key_name);
	if (d->seen[k])
		return reader_fail(d->r, reader_line(key), "%s: '%s' was set before, in line %zu",
			d->list, key_names[k], d->seen[k]);
	d->seen[k] = reader_line(key);
	return read_value(d, k, yaml_document_get_node(d->r->document, pair->value));
}

/* What a rule must have, and must not. */
static int
check_whole(struct draft *d, enum config_rule_list list, const yaml_node_t *node)
{
	const size_t *seen = d->seen;
	const char *off = NULL;

	if (!seen[KEY_SOURCE] && !seen[KEY_PREFIX] && !seen[KEY_ACCOUNT] && !seen[KEY_SERVER] &&
		!seen[KEY_DETECTOR])
		off = "a rule needs at least one of source, prefix, account, server, detector";
	else if (seen[KEY_SOURCE] && seen[KEY_PREFIX])
		off = "a rule has a source or a prefix, not both";
	else if (!seen[KEY_REASON])
		off = "a rule needs a reason, for whoever reads it later";
	else if (!seen[KEY_UNTIL] && list == CONFIG_SUPPRESS)
		off = "a rule needs an end: until: 2026-12-31, or until: never";
	return off ? reader_fail(d->r, reader_line(node), "%s: %s", d->list, off) : 0;
}

static int
read_rule(struct reader *r, enum config_rule_list list, const yaml_node_t *node)
{
	struct config_rules *rules = &r->config->rules[list];
	struct draft d = {
		.r = r, .list = config_rule_list_name(list), .rule = &rules->rule[rules->count]};
	int status = 0;

	if (node->type != YAML_MAPPING_NODE)
		return reader_fail(r, reader_line(node),
			"%s: expected a rule such as {source: 192.0.2.7, until: 2026-12-31, "
			"reason: a test of ours}",
			d.list);
	*d.rule = (struct config_rule){
		.until_ns = CONFIG_RULE_NEVER, .line = (unsigned)reader_line(node)};
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top && !status; pair++)
		status = read_pair(&d, pair);
	if (!status)
		status = check_whole(&d, list, node);
	config_fold(d.rule->account, d.rule->account, strlen(d.rule->account));
	rules->count += status == 0;
	return status;
}

int
rules_read(struct reader *r, enum config_rule_list list, const yaml_node_t *node)
{
	struct config_rules *rules = &r->config->rules[list];
	const char *name = config_rule_list_name(list);
	int status = 0;

	/* "allow:" with nothing below it is a list without rules. */
	if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return reader_fail(r, reader_line(node),
			"%s: expected a list of rules, each after a dash", name);
	size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (count > CONFIG_RULES_MAX)
		return reader_fail(r, reader_line(node), "%s: %zu rules; %u are the most", name,
			count, CONFIG_RULES_MAX);
	if (count == 0)
		return 0;
	rules->rule = calloc(count, sizeof(*rules->rule));
	if (!rules->rule)
		return -ENOMEM;
	for (size_t i = 0; i < count && !status; i++)
		status = read_rule(r, list,
			yaml_document_get_node(r->document, node->data.sequence.items.start[i]));
	return status;
}
