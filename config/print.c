/*
 * Writing a configuration as YAML that config_read takes back unchanged.
 * Dotted names become nested maps: one pass over the table per map, so that a
 * map is whole even where the table mentions it in two places.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/exporters_internal.h"
#include "config/rules_internal.h"

static int
indent(unsigned depth)
{
	return (int)(depth * 2);
}

void
setting_print_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		fputc(*p, out);
	}
	fputc('"', out);
}

static void
print_ports(const struct config_ports *ports, FILE *out)
{
	fputc('[', out);
	for (unsigned i = 0; i < ports->count; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports->port[i]);
	fputc(']', out);
}

/* Each element on its own line, below the key. */
static void
print_list(const struct config_list *list, unsigned depth, FILE *out)
{
	const char *element = NULL;

	if (list->count == 0)
		fputs("[]", out);
	while ((element = config_list_next(list, element))) {
		fprintf(out, "\n%*s- ", indent(depth + 1), "");
		setting_print_text(element, out);
	}
}

static void
print_value(const struct setting *s, const struct config *config, unsigned depth, FILE *out)
{
	const void *field = (const char *)config + s->offset;
	char duration[32];

	switch (s->type) {
	case SETTING_COUNT:
		fprintf(out, "%" PRIu64, *(const uint64_t *)field);
		break;
	case SETTING_DURATION:
		setting_format_duration(*(const uint64_t *)field, duration, sizeof(duration));
		fputs(duration, out);
		break;
	case SETTING_BOOL:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case SETTING_PORTS:
		print_ports(field, out);
		break;
	case SETTING_TEXT:
		setting_print_text(field, out);
		break;
	case SETTING_LIST:
		print_list(field, depth, out);
		break;
	}
}

static bool
is_filled_list(const struct setting *s, const struct config *config)
{
	const void *field = (const char *)config + s->offset;

	return s->type == SETTING_LIST && ((const struct config_list *)field)->count > 0;
}

static void
print_range(const struct setting *s, FILE *out)
{
	char low[32], high[32];

	if (s->type == SETTING_COUNT)
		fprintf(out, " (%" PRIu64 " to %" PRIu64 ")", s->min, s->max);
	if (s->type == SETTING_DURATION) {
		setting_format_duration(s->min, low, sizeof(low));
		setting_format_duration(s->max, high, sizeof(high));
		fprintf(out, " (%s to %s)", low, high);
	}
	if (s->type == SETTING_PORTS)
		fprintf(out, " (%" PRIu64 " to %" PRIu64 " ports)", s->min, s->max);
	if (s->type == SETTING_TEXT)
		fprintf(out, " (%" PRIu64 " to %" PRIu64 " bytes)", s->min, s->max);
	if (s->type == SETTING_LIST)
		fprintf(out, " (at most %" PRIu64 ", such as %s)", s->max, s->example);
}

/* Is the map of name (its first len bytes) in the table before setting i? */
static bool
map_printed(const char *name, size_t len, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strncmp(config_settings[k].name, name, len) == 0)
			return true;
	return false;
}

/* Everything below the map whose dotted name is the first prefix_len bytes of prefix. */
static void
print_map(const struct config *config, const char *prefix, size_t prefix_len, unsigned depth,
	FILE *out)
{
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct setting *s = &config_settings[i];

		if (strncmp(s->name, prefix, prefix_len) != 0)
			continue;
		const char *key = s->name + prefix_len;
		const char *dot = strchr(key, '.');
		if (!dot) {
			fprintf(out, "%*s# %s", indent(depth), "", s->help);
			print_range(s, out);
			fprintf(out, "\n%*s%s:", indent(depth), "", key);
			if (!is_filled_list(s, config))
				fputc(' ', out);
			print_value(s, config, depth, out);
			fputc('\n', out);
			continue;
		}
		size_t len = (size_t)(dot + 1 - s->name);
		if (map_printed(s->name, len, i))
			continue;
		fprintf(out, "%*s%.*s:\n", indent(depth), "", (int)(dot - key), key);
		print_map(config, s->name, len, depth + 1, out);
	}
}

static void
print_range_of(const char *key, const struct prefix *range, const char **lead, FILE *out)
{
	char text[PREFIX_TEXT_MAX];

	prefix_format(range, text);
	fprintf(out, "%s%s: \"%s\"\n", *lead, key, text);
	*lead = "    ";
}

static void
print_detectors(uint64_t detectors, const char **lead, FILE *out)
{
	const char *comma = "";

	fprintf(out, "%sdetector: [", *lead);
	for (unsigned i = 0; config_detector_name(i); i++) {
		if (!(detectors & 1ull << i))
			continue;
		fprintf(out, "%s%s", comma, config_detector_name(i));
		comma = ", ";
	}
	fputs("]\n", out);
	*lead = "    ";
}

static void
print_rule(const struct config_rule *rule, FILE *out)
{
	char until[CONFIG_RULE_TIME_MAX];
	const char *lead = "  - ";

	if (rule->by_client)
		print_range_of(rule->client.bits == PREFIX_BITS ? "source" : "prefix",
			&rule->client, &lead, out);
	if (rule->account[0]) {
		fprintf(out, "%saccount: ", lead);
		setting_print_text(rule->account, out);
		fputc('\n', out);
		lead = "    ";
	}
	if (rule->by_server)
		print_range_of("server", &rule->server, &lead, out);
	if (rule->detectors)
		print_detectors(rule->detectors, &lead, out);
	config_rule_until(rule, until);
	fprintf(out, "    until: %s\n    reason: ", until);
	setting_print_text(rule->reason, out);
	fputc('\n', out);
}

/* Nothing for a list without rules. */
static void
print_rules(const struct config *config, enum config_rule_list list, FILE *out)
{
	const struct config_rules *rules = &config->rules[list];

	if (rules->count > 0)
		fprintf(out, "%s:\n", config_rule_list_name(list));
	for (unsigned i = 0; i < rules->count; i++)
		print_rule(&rules->rule[i], out);
}

int
config_print(const struct config *config, FILE *out)
{
	print_map(config, "", 0, 0, out);
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++)
		print_rules(config, list, out);
	exporters_print(&config->exporters, out);
	return ferror(out) ? -EIO : 0;
}
