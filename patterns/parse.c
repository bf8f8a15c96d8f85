/*
 * The YAML of a pattern file becomes patterns. libyaml's document is used, not
 * its events: each node knows its line, and keys may come in any order.
 *
 * What always holds: a pattern that leaves here has every required key, each
 * once, within its bounds; strings hold no control characters; samples are
 * single lines. Whether the expression compiles is check.c's to say.
 */
#include "patterns/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/utf8.h"

#define SHOWN_BYTES_MAX 48 /* of a person's text that an error quotes */

struct parser {
	const char *name;
	yaml_document_t document;
	struct pattern_list *list;
	char *why;
	size_t why_len;
};

/* A key of a pattern: where its text goes, or who takes it. */
struct key {
	const char *name;
	size_t offset; /* of a char * in struct pattern, when take is NULL */
	size_t bytes_max;
	int (*take)(struct parser *parser, struct pattern *pattern, const yaml_node_t *value);
	bool required;
};

static int take_id(struct parser *, struct pattern *, const yaml_node_t *);
static int take_context(struct parser *, struct pattern *, const yaml_node_t *);
static int take_role(struct parser *, struct pattern *, const yaml_node_t *);
static int take_severity(struct parser *, struct pattern *, const yaml_node_t *);

#define TEXT(field) offsetof(struct pattern, field)

static const struct key keys[] = {
	{"id", 0, 10, take_id, true},
	{"context", 0, 16, take_context, true},
	{"role", 0, 16, take_role, true},
	{"name", TEXT(name), 128, NULL, true},
	{"expression", TEXT(expression), 2048, NULL, true},
	{"flags", TEXT(flags), 4, NULL, false},
	{"why", TEXT(why), 1024, NULL, true},
	{"match", TEXT(match), 1024, NULL, true},
	{"no_match", TEXT(no_match), 1024, NULL, true},
	{"category", TEXT(category), 128, NULL, false},
	{"severity", 0, 1, take_severity, false},
	{"mitre", TEXT(mitre), 16, NULL, false},
	{"list", TEXT(list), 64, NULL, false},
	{"delist", TEXT(delist), 128, NULL, false},
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))
#define KEYS_TEXT                                                                      \
	"id, context, role, name, expression, flags, why, match, no_match, category, " \
	"severity, mitre, list, delist"

static const char *const context_names[] = {
#define X(id, name) [CONTEXT_##id] = name,
	EVENT_CONTEXTS(X)
#undef X
};

_Static_assert(CONTEXT_COUNT == 4 && PATTERN_ROLE_COUNT == 4, "the errors below list them all");

__attribute__((format(printf, 3, 4))) static int
fail(struct parser *parser, size_t line, const char *format, ...)
{
	va_list args;
	int n = snprintf(parser->why, parser->why_len, "%s:%zu: ", parser->name, line);

	if (n < 0 || (size_t)n >= parser->why_len)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(parser->why + n, parser->why_len - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

/* A scalar's text, fit for an error line. */
struct shown {
	char text[SHOWN_BYTES_MAX + 1];
};

static struct shown
show(const yaml_node_t *node)
{
	struct shown shown;
	size_t len = utf8_escape(node->data.scalar.value, node->data.scalar.length, shown.text,
		SHOWN_BYTES_MAX, NULL, NULL);

	shown.text[len] = '\0';
	return shown;
}

static size_t
line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

static bool
scalar_is(const yaml_node_t *node, const char *text)
{
	return node->data.scalar.length == strlen(text) &&
	       memcmp(node->data.scalar.value, text, node->data.scalar.length) == 0;
}

static int
take_id(struct parser *parser, struct pattern *pattern, const yaml_node_t *value)
{
	const char *text = (const char *)value->data.scalar.value;
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	/* The length was bounded and NUL bytes refused before this. */
	if (!isdigit((unsigned char)text[0]) || *end || id < 1 || id > PATTERN_ID_MAX)
		return fail(parser, line_of(value), "id '%s' is not a number from 1 to %u",
			show(value).text, PATTERN_ID_MAX);
	pattern->id = (uint32_t)id;
	return 0;
}

static int
take_context(struct parser *parser, struct pattern *pattern, const yaml_node_t *value)
{
	for (unsigned i = 0; i < CONTEXT_COUNT; i++) {
		if (scalar_is(value, context_names[i])) {
			pattern->context = (enum event_context)i;
			return 0;
		}
	}
	return fail(parser, line_of(value),
		"unknown context '%s'; it is one of banner, reply, command, header",
		show(value).text);
}

static int
take_role(struct parser *parser, struct pattern *pattern, const yaml_node_t *value)
{
	for (unsigned i = 0; i < PATTERN_ROLE_COUNT; i++) {
		if (scalar_is(value, pattern_role_name(i))) {
			pattern->role = (enum pattern_role)i;
			return 0;
		}
	}
	return fail(parser, line_of(value),
		"unknown role '%s'; it is one of signature, server, tool, fact", show(value).text);
}

static int
take_severity(struct parser *parser, struct pattern *pattern, const yaml_node_t *value)
{
	char digit = (char)value->data.scalar.value[0];

	if (digit < '1' || digit > '4')
		return fail(parser, line_of(value),
			"severity '%s' is not a number from 1 (critical) to 4 (informational)",
			show(value).text);
	pattern->severity = (uint32_t)(digit - '0');
	return 0;
}

/* A value's bounds, whatever its key: a plain text, not empty, one line. */
static int
value_check(struct parser *parser, const struct key *key, const yaml_node_t *value)
{
	if (value->type != YAML_SCALAR_NODE)
		return fail(parser, line_of(value), "'%s' must be a single value", key->name);
	const uint8_t *text = value->data.scalar.value;
	size_t len = value->data.scalar.length;

	if (len == 0 && key->offset != TEXT(flags))
		return fail(parser, line_of(value), "'%s' is empty", key->name);
	if (len > key->bytes_max)
		return fail(parser, line_of(value),
			"'%s' is %zu bytes long; at most %zu are allowed", key->name, len,
			key->bytes_max);
	for (size_t i = 0; i < len; i++) {
		/* A tab may stand in a sample or an expression. */
		if ((text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return fail(parser, line_of(value),
				"'%s' holds a %s; it must be one line of text", key->name,
				text[i] == '\n' || text[i] == '\r' ? "line break"
								   : "control character");
	}
	return 0;
}

static int
text_take(struct pattern *pattern, const struct key *key, const yaml_node_t *value)
{
	char *copy = strndup((const char *)value->data.scalar.value, value->data.scalar.length);

	if (!copy)
		return -ENOMEM;
	memcpy((char *)pattern + key->offset, &copy, sizeof(copy));
	return 0;
}

static int
pair_take(struct parser *parser, struct pattern *pattern, const yaml_node_pair_t *pair,
	size_t key_lines[KEYS_COUNT])
{
	const yaml_node_t *name = yaml_document_get_node(&parser->document, pair->key);
	const yaml_node_t *value = yaml_document_get_node(&parser->document, pair->value);
	size_t i = 0;

	if (name->type != YAML_SCALAR_NODE)
		return fail(parser, line_of(name), "a key must be a word; keys are " KEYS_TEXT);
	while (i < KEYS_COUNT && !scalar_is(name, keys[i].name))
		i++;
	if (i == KEYS_COUNT)
		return fail(parser, line_of(name), "unknown key '%s'; keys are " KEYS_TEXT,
			show(name).text);
	if (key_lines[i])
		return fail(parser, line_of(name), "'%s' is already given in line %zu",
			keys[i].name, key_lines[i]);
	key_lines[i] = line_of(name);
	int rc = value_check(parser, &keys[i], value);
	if (rc != 0)
		return rc;
	return keys[i].take ? keys[i].take(parser, pattern, value)
			    : text_take(pattern, &keys[i], value);
}

static int
flags_check(struct parser *parser, const struct pattern *pattern, size_t line)
{
	for (const char *flag = pattern->flags; *flag; flag++) {
		if (*flag == 'i' || *flag == 's') {
			if (strchr(flag + 1, *flag))
				return fail(parser, line, "flag '%c' is given twice", *flag);
			continue;
		}
		if (*flag == 'u')
			return fail(parser, line,
				"flag 'u': lines off the wire need not be UTF-8; "
				"write the bytes, as in \\xc3\\xa9");
		if (*flag == 'm')
			return fail(parser, line,
				"flag 'm': only single lines are scanned, '^' is their start");
		return fail(parser, line,
			"unknown flag in '%.4s'; flags are i (caseless) and s "
			"('.' matches a line break too)",
			pattern->flags);
	}
	return 0;
}

/* T1234 or T1234.001 */
static bool
mitre_valid(const char *text)
{
	size_t digits = strspn(text + 1, "0123456789");

	if (text[0] != 'T' || digits != 4)
		return false;
	if (text[5] == '\0')
		return true;
	return text[5] == '.' && strspn(text + 6, "0123456789") == 3 && text[9] == '\0';
}

/* category and severity are an alert's: a signature has both, no other pattern has either. */
static int
alert_keys_check(
	struct parser *parser, const struct pattern *pattern, const size_t key_lines[KEYS_COUNT])
{
	bool alerts = pattern->role == PATTERN_ROLE_SIGNATURE;

	for (size_t i = 0; i < KEYS_COUNT; i++) {
		if (keys[i].offset != TEXT(category) && keys[i].take != take_severity)
			continue;
		if (alerts && !key_lines[i])
			return fail(parser, pattern->line,
				"a pattern of role signature makes alerts and needs the key '%s'",
				keys[i].name);
		if (!alerts && key_lines[i])
			return fail(parser, key_lines[i],
				"'%s' is a signature's: a pattern of role %s makes no alert",
				keys[i].name, pattern_role_name(pattern->role));
	}
	return 0;
}

/* What a pattern must be once all its keys are known. */
static int
pattern_check(struct parser *parser, struct pattern *pattern, const size_t key_lines[KEYS_COUNT])
{
	int rc;

	for (size_t i = 0; i < KEYS_COUNT; i++) {
		if (keys[i].required && !key_lines[i])
			return fail(parser, pattern->line, "the pattern lacks the key '%s'",
				keys[i].name);
	}
	for (size_t i = 0; i < KEYS_COUNT; i++) {
		if (keys[i].offset == TEXT(flags) && key_lines[i] &&
			flags_check(parser, pattern, key_lines[i]) != 0)
			return -EINVAL;
		if (keys[i].offset == TEXT(mitre) && pattern->mitre && !mitre_valid(pattern->mitre))
			return fail(parser, key_lines[i],
				"mitre '%.16s' is not a technique's id, such as T1110 or T1110.001",
				pattern->mitre);
		if (keys[i].offset == TEXT(delist) && pattern->delist &&
			(!pattern->list || strncmp(pattern->delist, "http", 4) != 0))
			return fail(parser, key_lines[i],
				"delist is the http or https page of a blocklist, whose name is "
				"its list");
	}
	rc = alert_keys_check(parser, pattern, key_lines);
	if (rc != 0)
		return rc;
	if (!pattern->flags) {
		pattern->flags = strdup("");
		if (!pattern->flags)
			return -ENOMEM;
	}
	return 0;
}

static int
list_grow(struct parser *parser, size_t line)
{
	struct pattern_list *list = parser->list;

	if (list->count == PATTERN_SET_MAX)
		return fail(parser, line, "more than %u patterns", PATTERN_SET_MAX);
	if (list->count < list->room)
		return 0;
	size_t room = list->room ? 2 * list->room : 64;
	struct pattern *grown = realloc(list->patterns, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->patterns = grown;
	list->room = room;
	return 0;
}

static int
pattern_take(struct parser *parser, const yaml_node_t *node)
{
	size_t key_lines[KEYS_COUNT] = {0};

	if (node->type != YAML_MAPPING_NODE)
		return fail(parser, line_of(node),
			"a pattern must be a map that starts '- id: NUMBER'");
	int rc = list_grow(parser, line_of(node));
	if (rc != 0)
		return rc;
	struct pattern *pattern = &parser->list->patterns[parser->list->count++];
	*pattern = (struct pattern){.line = (unsigned)line_of(node)};
	pattern->file = strdup(parser->name);
	if (!pattern->file)
		return -ENOMEM;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		rc = pair_take(parser, pattern, pair, key_lines);
		if (rc != 0)
			return rc;
	}
	return pattern_check(parser, pattern, key_lines);
}

static int
document_take(struct parser *parser)
{
	const yaml_node_t *root = yaml_document_get_root_node(&parser->document);

	if (!root)
		return fail(
			parser, 1, "the file is empty; it must be a list of patterns, '- id: ...'");
	if (root->type != YAML_SEQUENCE_NODE)
		return fail(
			parser, line_of(root), "the file must be a list of patterns, '- id: ...'");
	if (root->data.sequence.items.start == root->data.sequence.items.top)
		return fail(parser, line_of(root), "the list holds no pattern");
	for (const yaml_node_item_t *item = root->data.sequence.items.start;
		item < root->data.sequence.items.top; item++) {
		int rc = pattern_take(parser, yaml_document_get_node(&parser->document, *item));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
yaml_fail(struct parser *parser, const yaml_parser_t *yaml, const struct span *file)
{
	size_t line = yaml->problem_mark.line + 1;

	if (yaml->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (yaml->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < yaml->problem_offset && i < file->len; i++)
			line += file->data[i] == '\n';
	}
	return fail(parser, line, "broken YAML: %s",
		yaml->problem ? yaml->problem : "it makes no sense");
}

/* After the document: nothing else may follow. */
static int
end_check(struct parser *parser, yaml_parser_t *yaml, const struct span *file)
{
	yaml_document_t next;

	if (!yaml_parser_load(yaml, &next))
		return yaml_fail(parser, yaml, file);
	const yaml_node_t *root = yaml_document_get_root_node(&next);
	int rc = root ? fail(parser, line_of(root), "a second YAML document; a file is one list")
		      : 0;
	yaml_document_delete(&next);
	return rc;
}

int
pattern_list_parse(struct pattern_list *list, const char *name, const struct span *file, char *why,
	size_t why_len)
{
	struct parser parser = {.name = name, .list = list, .why = why, .why_len = why_len};
	yaml_parser_t yaml;
	int rc;

	if (!yaml_parser_initialize(&yaml))
		return -ENOMEM;
	yaml_parser_set_input_string(&yaml, file->data, file->len);
	yaml_parser_set_encoding(&yaml, YAML_UTF8_ENCODING);
	if (!yaml_parser_load(&yaml, &parser.document)) {
		rc = yaml_fail(&parser, &yaml, file);
	} else {
		rc = document_take(&parser);
		if (rc == 0)
			rc = end_check(&parser, &yaml, file);
		yaml_document_delete(&parser.document);
	}
	yaml_parser_delete(&yaml);
	if (rc == -ENOMEM)
		snprintf(why, why_len, "%s: out of memory", name);
	return rc;
}
