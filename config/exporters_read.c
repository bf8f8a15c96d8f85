/*
 * Reading the map of exporters: a name each, and below it the keys of its type, which is looked for
 * first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/exporters_internal.h"
#include "contract/prefix.h"

#define WHERE_MAX (sizeof(EXPORTERS) + 2 * CONFIG_EXPORTER_NAME_MAX + SETTING_NAME_MAX)

/* An exporter being read. */
struct draft {
	struct reader *r;
	struct config_exporter *e;
	char where[WHERE_MAX]; /* "exporters.NAME" */
};

static const char *
type_name(const void *arg, unsigned index)
{
	(void)arg;
	return config_exporter_type_name(index);
}

/* "type" and the keys of a type. */
static const char *
key_name(const void *arg, unsigned index)
{
	const struct config_exporter *e = arg;
	const struct exporter_key *key = index > 0 ? exporter_key(e->type, index - 1) : NULL;

	if (index == 0)
		return "type";
	return key ? key->name : NULL;
}

static const char *
text_of(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static int
fail(const struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	const char *what)
{
	return reader_fail(d->r, reader_line(node), "%s.%s: %s", d->where, key->name, what);
}

/* What is wrong with a URL; NULL: nothing. */
static const char *
url_fault(const char *url)
{
	const char *host = strstr(url, "://");

	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return "expected a URL such as https://siem.example.net/path";
	host += 3;
	size_t len = strcspn(host, "/?#");
	if (len == 0)
		return "the URL names no host";
	if (memchr(host, '@', len))
		return "the URL has a user in it: secrets are read from files of their own";
	return NULL;
}

static int
read_text(struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	struct exporter_value *value)
{
	size_t len = node->data.scalar.length;
	const char *fault = NULL;
	char why[128];

	if (len < key->min)
		fault = "must not be empty";
	if (len > key->max) {
		snprintf(why, sizeof(why), "is %zu bytes long; %llu are the most", len,
			(unsigned long long)key->max);
		fault = why;
	}
	if (!fault && !utf8_is_printable(node->data.scalar.value, len))
		fault = "holds a control character";
	if (!fault && key->kind == EXPORTER_URL && len > 0)
		fault = url_fault(text_of(node));
	return fault ? fail(d, key, node, fault) : exporter_value_add(value, text_of(node));
}

static int
read_number(struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	struct exporter_value *value)
{
	struct setting setting = {.min = key->min,
		.max = key->max,
		.type = key->kind == EXPORTER_COUNT      ? SETTING_COUNT
			: key->kind == EXPORTER_DURATION ? SETTING_DURATION
							 : SETTING_BOOL};
	char why[200];

	if (setting_parse_number(&setting, text_of(node), &value->number, why, sizeof(why)) != 0)
		return fail(d, key, node, why);
	return 0;
}

static int
read_choice(struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	struct exporter_value *value)
{
	int choice = exporter_choice(key->value, text_of(node));
	char shown[READER_SHOWN_MAX + 1], choices[256], why[400];
	char *end = choices;

	if (choice >= 0) {
		value->number = (uint64_t)choice;
		return 0;
	}
	for (const char *p = key->value; *p && end < choices + sizeof(choices) - 3; p++) {
		*end++ = *p == '|' ? ',' : *p;
		if (*p == '|')
			*end++ = ' ';
	}
	*end = '\0';
	snprintf(why, sizeof(why), "expected one of %s, not '%s'", choices,
		reader_quote(node, shown));
	return fail(d, key, node, why);
}

static bool
is_listed(const struct exporter_value *value, const char *text)
{
	const char *end = value->texts + value->bytes;

	for (const char *p = value->texts; p && p < end; p += strlen(p) + 1)
		if (strcmp(p, text) == 0)
			return true;
	return false;
}

static int
read_element(struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	struct exporter_value *value)
{
	char element[ELEMENT_MAX], why[200] = "";
	struct prefix net;

	if (!reader_is_text(node))
		return fail(d, key, node, "expected a list of single values");
	if (key->kind == EXPORTER_NETS) {
		if (prefix_parse(&net, text_of(node), why, sizeof(why)) != 0)
			return fail(d, key, node, why);
		prefix_format(&net, element);
	} else {
		size_t len = node->data.scalar.length;

		if (len == 0 || len >= sizeof(element) ||
			!utf8_is_printable(node->data.scalar.value, len))
			return fail(d, key, node,
				"an element is empty, longer than 255 bytes, or holds a control "
				"character");
		memcpy(element, text_of(node), len + 1);
	}
	if (is_listed(value, element)) {
		snprintf(why, sizeof(why), "'%.100s' is listed twice", element);
		return fail(d, key, node, why);
	}
	return exporter_value_add(value, element);
}

static int
read_list(struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	struct exporter_value *value)
{
	const yaml_node_item_t *item = node->data.sequence.items.start;
	size_t count = (size_t)(node->data.sequence.items.top - item);
	char why[100];
	int r = 0;

	if (count > key->max || count < key->min) {
		snprintf(why, sizeof(why), "%zu elements; %llu to %llu are expected", count,
			(unsigned long long)key->min, (unsigned long long)key->max);
		return fail(d, key, node, why);
	}
	for (; r == 0 && item < node->data.sequence.items.top; item++)
		r = read_element(d, key, yaml_document_get_node(d->r->document, *item), value);
	return r;
}

static int
read_value(struct draft *d, const struct exporter_key *key, const yaml_node_t *node,
	struct exporter_value *value)
{
	bool list = key->kind == EXPORTER_NETS || key->kind == EXPORTER_TEXTS;

	if (list && node->type == YAML_SEQUENCE_NODE)
		return read_list(d, key, node, value);
	if (list)
		return fail(d, key, node, "expected a list, as [a, b]");
	if (!reader_is_text(node))
		return fail(d, key, node, "expected one value");
	switch (key->kind) {
	case EXPORTER_TEXT:
	case EXPORTER_FILE:
	case EXPORTER_URL:
		return read_text(d, key, node, value);
	case EXPORTER_COUNT:
	case EXPORTER_DURATION:
	case EXPORTER_BOOL:
		return read_number(d, key, node, value);
	case EXPORTER_CHOICE:
		return read_choice(d, key, node, value);
	case EXPORTER_NETS:
	case EXPORTER_TEXTS:
		break;
	}
	return -EINVAL;
}

static int
read_pair(struct draft *d, const yaml_node_pair_t *pair)
{
	const yaml_node_t *name = yaml_document_get_node(d->r->document, pair->key);
	const yaml_node_t *node = yaml_document_get_node(d->r->document, pair->value);
	const struct exporter_key *key = NULL;
	unsigned i = 0;

	if (!reader_is_text(name))
		return reader_fail(d->r, reader_line(name), "%s: expected a key", d->where);
	if (strcmp(text_of(name), "type") == 0)
		return 0;
	while ((key = exporter_key(d->e->type, i)) && strcmp(key->name, text_of(name)) != 0)
		i++;
	if (!key) {
		const struct reader_unknown unknown = {d->where, "key", key_name, d->e};

		return reader_fail_unknown(d->r, name, &unknown);
	}
	struct exporter_value *value = &d->e->values[i];
	if (value->line)
		return reader_fail(d->r, reader_line(name), "%s: '%s' was set before, in line %u",
			d->where, key->name, value->line);
	value->line = (unsigned)reader_line(name);
	return read_value(d, key, node, value);
}

/* What the value of a key is when it is not given. 0, or -ENOMEM. */
static int
set_default(const struct exporter_key *key, struct exporter_value *value)
{
	struct setting setting = {.max = UINT64_MAX};
	char why[200];

	switch (key->kind) {
	case EXPORTER_TEXT:
	case EXPORTER_FILE:
	case EXPORTER_URL:
		return exporter_value_add(value, key->value);
	case EXPORTER_COUNT:
		setting.type = SETTING_COUNT;
		break;
	case EXPORTER_DURATION:
		setting.type = SETTING_DURATION;
		break;
	case EXPORTER_BOOL:
		setting.type = SETTING_BOOL;
		break;
	case EXPORTER_CHOICE:
	case EXPORTER_NETS:
	case EXPORTER_TEXTS:
		return 0;
	}
	return setting_parse_number(&setting, key->value, &value->number, why, sizeof(why));
}

static int
complete(struct draft *d)
{
	const struct exporter_key *key;
	int r = 0;

	for (unsigned i = 0; r == 0 && (key = exporter_key(d->e->type, i)); i++) {
		if (d->e->values[i].line)
			continue;
		if (!key->value)
			return reader_fail(d->r, d->e->line, "%s: %s is missing: %s", d->where,
				key->name, key->help);
		r = set_default(key, &d->e->values[i]);
	}
	return r;
}

/* Do two blocklists replace the same file or page? A dry run writes beside it. */
static bool
same_place(const struct config_exporter *a, const struct config_exporter *b)
{
	static const char *const keys[] = {"path", "page"};

	for (size_t i = 0; i < 2; i++) {
		const char *place = config_exporter_text(a, keys[i]);

		if (place[0] && strcmp(place, config_exporter_text(b, keys[i])) == 0)
			return config_exporter_number(a, "dry_run") ==
			       config_exporter_number(b, "dry_run");
	}
	return false;
}

/* Two that replace one file by turns block whom neither means to. */
static int
check_place(const struct draft *d)
{
	const struct config_exporters *all = &d->r->config->exporters;

	for (const struct config_exporter *e = all->exporter; e < d->e; e++)
		if (e->type == CONFIG_EXPORTER_BLOCKLIST && d->e->type == e->type &&
			same_place(e, d->e))
			return reader_fail(d->r, d->e->line,
				"%s: %s, in line %u, writes to the same path or page", d->where,
				e->name, e->line);
	return 0;
}

/* "syslog, kafka, .." */
static const char *
known_types(char out[256])
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; config_exporter_type_name(i) && len < 256; i++)
		len += (size_t)snprintf(
			out + len, 256 - len, "%s%s", i ? ", " : "", config_exporter_type_name(i));
	return out;
}

/* Its type, wherever it stands among the keys. */
static int
read_type(struct draft *d, const yaml_node_t *map)
{
	const yaml_node_t *found = NULL;
	char known[256];

	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
		pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(d->r->document, pair->key);

		if (!reader_is_text(key) || strcmp(text_of(key), "type") != 0)
			continue;
		if (found)
			return reader_fail(d->r, reader_line(key),
				"%s: 'type' was set before, in line %zu", d->where,
				reader_line(found));
		found = yaml_document_get_node(d->r->document, pair->value);
	}
	if (!found || !reader_is_text(found))
		return reader_fail(d->r, found ? reader_line(found) : d->e->line,
			"%s: type is missing: one of %s", d->where, known_types(known));
	for (unsigned i = 0; config_exporter_type_name(i); i++) {
		d->e->type = (enum config_exporter_type)i;
		if (strcmp(config_exporter_type_name(i), text_of(found)) == 0)
			return 0;
	}
	const struct reader_unknown unknown = {d->where, "type", type_name, NULL};
	return reader_fail_unknown(d->r, found, &unknown);
}

/* The name of one more. */
static int
read_name(struct draft *d, const yaml_node_t *key)
{
	const struct config_exporters *all = &d->r->config->exporters;
	size_t len = reader_is_text(key) ? key->data.scalar.length : 0;
	char shown[READER_SHOWN_MAX + 1];

	if (len == 0)
		return reader_fail(d->r, reader_line(key),
			EXPORTERS ": expected a name and below it type: and other keys");
	if (len > CONFIG_EXPORTER_NAME_MAX ||
		strspn(text_of(key), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-_") != len)
		return reader_fail(d->r, reader_line(key),
			EXPORTERS ": '%s' is no name: letters, digits, - and _, at most %u",
			reader_quote(key, shown), CONFIG_EXPORTER_NAME_MAX);
	for (unsigned i = 0; i < all->count; i++)
		if (strcmp(all->exporter[i].name, text_of(key)) == 0)
			return reader_fail(d->r, reader_line(key),
				EXPORTERS ": '%s' was set before, in line %u", text_of(key),
				all->exporter[i].line);
	memcpy(d->e->name, text_of(key), len + 1);
	d->e->line = (unsigned)reader_line(key);
	snprintf(d->where, sizeof(d->where), EXPORTERS ".%s", d->e->name);
	return 0;
}

static int
read_exporter(struct reader *r, const yaml_node_t *key, const yaml_node_t *map)
{
	struct config_exporters *all = &r->config->exporters;
	struct draft d = {.r = r, .e = &all->exporter[all->count]};
	int status = read_name(&d, key);

	if (status != 0)
		return status;
	all->count++; /* what it has from now on is freed with the others */
	if (map->type != YAML_MAPPING_NODE)
		return reader_fail(
			r, reader_line(map), "%s: expected type: and other keys below it", d.where);
	status = read_type(&d, map);
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
		status == 0 && pair < map->data.mapping.pairs.top; pair++)
		status = read_pair(&d, pair);
	status = status ? status : complete(&d);
	return status ? status : check_place(&d);
}

int
exporters_read(struct reader *r, const yaml_node_t *node)
{
	struct config_exporters *all = &r->config->exporters;
	int status = 0;

	/* "exporters:" with nothing below it. */
	if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return reader_fail(r, reader_line(node), EXPORTERS ": expected a map of names");
	size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	if (count > CONFIG_EXPORTERS_MAX)
		return reader_fail(r, reader_line(node), EXPORTERS ": %zu; %u are the most", count,
			CONFIG_EXPORTERS_MAX);
	all->exporter = calloc(count + 1, sizeof(*all->exporter));
	if (!all->exporter)
		return -ENOMEM;
	for (size_t i = 0; i < count && status == 0; i++) {
		const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];

		status = read_exporter(r, yaml_document_get_node(r->document, pair->key),
			yaml_document_get_node(r->document, pair->value));
	}
	return status;
}
