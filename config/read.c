/*
 * Reading a configuration file.
 *
 * libyaml's document interface, not libcyaml: libcyaml maps YAML onto structs
 * with less code, but its errors for a wrong or unknown key carry neither file
 * nor line (they go to a log callback as free text), and a semantic check made
 * after it has loaded, such as a range or a duration, has no node to point at
 * any more. libyaml keeps the mark of every node, so that each message here
 * starts with FILE:LINE.
 *
 * What always holds: the walk goes down only along names that settings have,
 * so its depth is that of the longest name, whatever the document's (aliases
 * that form a cycle included); a file is at most FILE_MAX bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/exporters_internal.h"
#include "config/rules_internal.h"

#define FILE_MAX (1u << 20)
#define KEY_SHOWN 48 /* bytes of a key that a message repeats */

/* One map of the document: where it stands. */
struct place {
	char path[SETTING_NAME_MAX]; /* dotted, with a dot at the end; empty: the top */
};

/* The first n components of a dotted name; its length when it has fewer. */
static size_t
components_len(const char *name, unsigned n)
{
	const char *p = name;

	while (n-- && (p = strchr(p, '.')))
		if (n)
			p++;
	return p ? (size_t)(p - name) : strlen(name);
}

/*
 * The setting, map of settings, list of rules or map of exporters whose name is nearest to path;
 * its length in *len. Or, when path's last component is the name of a setting elsewhere, that one.
 * NULL: none is near.
 */
static const char *
nearest_name(const char *path, size_t *len)
{
	size_t path_len = strlen(path);
	const char *tail = strrchr(path, '.') ? strrchr(path, '.') + 1 : path;
	unsigned depth = 1, best = path_len / 3 + 1;
	const char *found = NULL;

	for (const char *p = path; (p = strchr(p, '.')); p++)
		depth++;
	for (size_t i = 0; i < config_setting_count; i++) {
		const char *name = config_settings[i].name;
		size_t n = components_len(name, depth);
		unsigned d = n < SETTING_NAME_MAX ? reader_distance(path, path_len, name, n) : best;

		if (d < best) {
			best = d;
			found = name;
			*len = n;
		}
	}
	for (unsigned list = 0; list <= CONFIG_RULE_LISTS; list++) {
		const char *name =
			list < CONFIG_RULE_LISTS ? config_rule_list_name(list) : EXPORTERS;
		unsigned d = reader_distance(path, path_len, name, strlen(name));

		if (d < best) {
			best = d;
			found = name;
			*len = strlen(name);
		}
	}
	for (size_t i = 0; !found && i < config_setting_count; i++) {
		const char *dot = strrchr(config_settings[i].name, '.');

		if (dot && strcmp(dot + 1, tail) == 0) {
			found = config_settings[i].name;
			*len = strlen(found);
		}
	}
	return found;
}

static int
fail_unknown(const struct reader *r, const struct place *place, const yaml_node_t *key)
{
	char shown[KEY_SHOWN + 1], path[SETTING_NAME_MAX];
	size_t n = utf8_escape(
		key->data.scalar.value, key->data.scalar.length, shown, KEY_SHOWN, NULL, NULL);
	size_t len = 0;

	shown[n] = '\0';
	/* place->path is a known name, far shorter than its room. */
	if (snprintf(path, sizeof(path), "%s%s", place->path, shown) >= (int)sizeof(path))
		return reader_fail(r, reader_line(key), "unknown setting '%s'", shown);
	const char *near = nearest_name(path, &len);
	if (!near)
		return reader_fail(r, reader_line(key), "unknown setting '%s'", path);
	return reader_fail(r, reader_line(key), "unknown setting '%s'; did you mean '%.*s'?", path,
		(int)len, near);
}

static int
read_scalar(struct reader *r, const struct setting *s, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;
	char why[200];

	if (strlen(text) != node->data.scalar.length)
		return reader_fail(r, reader_line(node), "%s: holds a NUL byte", s->name);
	if (setting_parse(s, r->config, text, why, sizeof(why)))
		return reader_fail(r, reader_line(node), "%s: %s", s->name, why);
	return 0;
}

static int
read_ports(struct reader *r, const struct setting *s, const yaml_node_t *node)
{
	struct config_ports list = {.count = 0};
	char why[200];

	for (yaml_node_item_t *item = node->data.sequence.items.start;
		item < node->data.sequence.items.top; item++) {
		const yaml_node_t *one = yaml_document_get_node(r->document, *item);

		if (one->type != YAML_SCALAR_NODE)
			return reader_fail(r, reader_line(one),
				"%s: expected a port from 1 to 65535", s->name);
		if (setting_add_port(&list, (const char *)one->data.scalar.value, why, sizeof(why)))
			return reader_fail(r, reader_line(one), "%s: %s", s->name, why);
	}
	if (list.count < s->min)
		return reader_fail(r, reader_line(node), "%s: expected at least one port", s->name);
	memcpy((char *)r->config + s->offset, &list, sizeof(list));
	return 0;
}

/* One more for a list, unless an element before it, in the node of list, is the same. */
static int
read_element(struct reader *r, const struct setting *s, const yaml_node_t *list_node,
	const yaml_node_t *node, struct config_list *list)
{
	const char *text = (const char *)node->data.scalar.value;
	char element[ELEMENT_MAX], why[200];
	int before;

	if (node->type != YAML_SCALAR_NODE)
		return reader_fail(r, reader_line(node), "%s: expected a list of values such as %s",
			s->name, s->example);
	if (strlen(text) != node->data.scalar.length)
		return reader_fail(r, reader_line(node), "%s: holds a NUL byte", s->name);
	if (s->element(text, element, why, sizeof(why)))
		return reader_fail(r, reader_line(node), "%s: %s", s->name, why);
	before = config_list_find(list, element);
	if (before >= 0)
		return reader_fail(r, reader_line(node), "%s: '%s' is listed before, in line %zu",
			s->name, element,
			reader_line(yaml_document_get_node(
				r->document, list_node->data.sequence.items.start[before])));
	if (list->count == s->max)
		return reader_fail(r, reader_line(node), "%s: more than %" PRIu64 " elements",
			s->name, s->max);
	if (config_list_add(list, element))
		return reader_fail(r, reader_line(node), "%s: more than %u bytes in all", s->name,
			CONFIG_LIST_BYTES);
	return 0;
}

/* "local_nets:" with nothing behind it: somebody commented the elements out. */
static bool
is_nothing(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int
read_list(struct reader *r, const struct setting *s, const yaml_node_t *node)
{
	void *field = (char *)r->config + s->offset;
	struct config_list *list = field;
	int status = 0;

	memset(list, 0, sizeof(*list));
	if (is_nothing(node))
		return 0;
	for (yaml_node_item_t *item = node->data.sequence.items.start;
		!status && item < node->data.sequence.items.top; item++)
		status = read_element(r, s, node, yaml_document_get_node(r->document, *item), list);
	return status;
}

static int
read_setting(struct reader *r, const struct setting *s, const yaml_node_t *key, yaml_node_t *node)
{
	unsigned *seen = &r->seen[s - config_settings];

	if (*seen)
		return reader_fail(
			r, reader_line(key), "'%s' was set before, in line %u", s->name, *seen);
	*seen = (unsigned)reader_line(key);
	if (s->type == SETTING_LIST && (node->type == YAML_SEQUENCE_NODE || is_nothing(node)))
		return read_list(r, s, node);
	if (s->type == SETTING_LIST)
		return reader_fail(r, reader_line(node), "%s: expected a list such as %s, not %s",
			s->name, s->example,
			node->type == YAML_MAPPING_NODE ? "a map" : "one value");
	if (node->type == YAML_SCALAR_NODE)
		return read_scalar(r, s, node);
	if (node->type == YAML_SEQUENCE_NODE && s->type == SETTING_PORTS)
		return read_ports(r, s, node);
	return reader_fail(r, reader_line(node), "%s: expected %s, not a %s", s->name,
		s->type == SETTING_PORTS ? "a list of ports" : "one value",
		node->type == YAML_MAPPING_NODE ? "map" : "list");
}

static const struct setting *
find_setting(const char *path)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (strcmp(config_settings[i].name, path) == 0)
			return &config_settings[i];
	return NULL;
}

/* path ends with a dot. */
static bool
is_map_of_settings(const char *path)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (strncmp(config_settings[i].name, path, strlen(path)) == 0)
			return true;
	return false;
}

/*
 * Is the key of pair one that an earlier pair of the map has? Bounded: every earlier
 * key is a known name and there is only one of each.
 */
static int
check_duplicate(struct reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(r->document, pair->key);

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *old = yaml_document_get_node(r->document, p->key);

		if (strcmp((const char *)old->data.scalar.value,
			    (const char *)key->data.scalar.value) == 0)
			return reader_fail(r, reader_line(key), "'%s' was set before, in line %zu",
				(const char *)key->data.scalar.value, reader_line(old));
	}
	return 0;
}

static int read_map(struct reader *r, const struct place *place, const yaml_node_t *map);

static int
read_pair(struct reader *r, const struct place *place, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(r->document, pair->key);
	yaml_node_t *value = yaml_document_get_node(r->document, pair->value);
	const struct setting *setting;
	struct place below;
	int n = snprintf(below.path, sizeof(below.path) - 1, "%s%s", place->path,
		(const char *)key->data.scalar.value);

	if (n < 0 || (size_t)n >= sizeof(below.path) - 1)
		return fail_unknown(r, place, key);
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++)
		if (strcmp(below.path, config_rule_list_name(list)) == 0)
			return rules_read(r, list, value);
	if (strcmp(below.path, EXPORTERS) == 0)
		return exporters_read(r, value);
	setting = find_setting(below.path);
	if (setting)
		return read_setting(r, setting, key, value);
	memcpy(below.path + n, ".", 2);
	if (!is_map_of_settings(below.path))
		return fail_unknown(r, place, key);
	/* "mail:" with nothing below it sets nothing. */
	if (value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0)
		return 0;
	if (value->type != YAML_MAPPING_NODE)
		return reader_fail(
			r, reader_line(value), "%.*s: expected a map of settings", n, below.path);
	return read_map(r, &below, value);
}

static int
read_map(struct reader *r, const struct place *place, const yaml_node_t *map)
{
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
		pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(r->document, pair->key);
		int status;

		if (key->type != YAML_SCALAR_NODE ||
			strlen((const char *)key->data.scalar.value) != key->data.scalar.length)
			return reader_fail(r, reader_line(key), "expected the name of a setting");
		status = check_duplicate(r, map, pair);
		if (!status)
			status = read_pair(r, place, pair);
		if (status)
			return status;
	}
	return 0;
}

static int
fail_syntax(const struct reader *r, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR) {
		/* libyaml reads ahead: only the offset is right. */
		const char *text = r->source->text;
		size_t line = 1;

		for (size_t i = 0; i < parser->problem_offset && i < r->source->len; i++)
			line += text[i] == '\n';
		return reader_fail(r, line, "not text in UTF-8: %s",
			parser->problem ? parser->problem : "unreadable");
	}
	return reader_fail(r, parser->problem_mark.line + 1, "not YAML: %s%s%s",
		parser->context ? parser->context : "", parser->context ? ", " : "",
		parser->problem ? parser->problem : "syntax error");
}

static int
read_root(struct reader *r, const yaml_node_t *root)
{
	static const struct place top;

	if (root->type == YAML_MAPPING_NODE)
		return read_map(r, &top, root);
	if (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0)
		return 0;
	return reader_fail(r, reader_line(root), "expected a map of settings");
}

/* The first document, and no second one. */
static int
read_documents(struct reader *r, yaml_parser_t *parser)
{
	for (unsigned i = 0; i < 2; i++) {
		yaml_document_t document;
		int status = 0;

		if (!yaml_parser_load(parser, &document))
			return fail_syntax(r, parser);
		const yaml_node_t *root = yaml_document_get_root_node(&document);
		r->document = &document;
		if (root && i == 0)
			status = read_root(r, root);
		else if (root)
			status = reader_fail(
				r, document.start_mark.line + 1, "a second document; expected one");
		yaml_document_delete(&document);
		if (status || !root)
			return status;
	}
	return 0;
}

int
config_parse(struct config *config, const struct config_source *source, char *why, size_t why_len)
{
	struct config *draft = calloc(1, sizeof(*draft));
	struct reader r = {.config = draft, .source = source, .why = why, .why_len = why_len};
	yaml_parser_t parser;
	int status = -ENOMEM;

	if (draft && yaml_parser_initialize(&parser)) {
		*draft = *config;
		memset(draft->rules, 0, sizeof(draft->rules));
		memset(&draft->exporters, 0, sizeof(draft->exporters));
		yaml_parser_set_input_string(&parser, source->text, source->len);
		/* A UTF-16 file is legal YAML and surely a mistake here. */
		yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
		status = read_documents(&r, &parser);
		if (status == 0)
			status = exporters_check(&r);
		yaml_parser_delete(&parser);
	}
	if (status == -ENOMEM)
		snprintf(why, why_len, "%s: out of memory", source->name);
	if (status == 0) {
		config_free(config);
		*config = *draft;
	} else if (draft) {
		config_free(draft);
	}
	free(draft);
	return status;
}

int
config_read(struct config *config, const char *path, char *why, size_t why_len)
{
	FILE *f = fopen(path, "rb");
	int status = -errno;

	if (!f) {
		snprintf(why, why_len, "%s: %s", path, strerror(-status));
		return status;
	}
	char *text = malloc(FILE_MAX + 1);
	size_t len = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	if (!text) {
		status = -ENOMEM;
		snprintf(why, why_len, "%s: out of memory", path);
	} else if (ferror(f)) {
		status = -EIO;
		snprintf(why, why_len, "%s: %s", path, strerror(errno));
	} else if (len > FILE_MAX) {
		status = -EINVAL;
		snprintf(why, why_len, "%s: larger than %u bytes: not a configuration", path,
			FILE_MAX);
	} else {
		struct config_source source = {path, text, len};

		status = config_parse(config, &source, why, why_len);
	}
	free(text);
	fclose(f);
	return status;
}
