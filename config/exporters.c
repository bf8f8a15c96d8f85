/* Exporters as they are kept: what keys their types have, what was given, and how it is written. */
#include "config/exporters.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/exporters_internal.h"

#define KEY(kind_, key, value_, low, high, text) \
	{.name = key,                            \
		.value = value_,                 \
		.help = text,                    \
		.min = low,                      \
		.max = high,                     \
		.kind = EXPORTER_##kind_},

static const struct exporter_key common_keys[] = {CONFIG_EXPORTER_COMMON(KEY)};

#define COMMON_KEYS (sizeof(common_keys) / sizeof(common_keys[0]))

/* Each ends in one without a name. */
#define X(enumerator, type, keys, what)                                                       \
	static const struct exporter_key keys_of_##enumerator[] = {keys(KEY){.name = NULL}};  \
	_Static_assert(COMMON_KEYS + sizeof(keys_of_##enumerator) / sizeof(common_keys[0]) <= \
			       EXPORTER_KEYS_MAX,                                             \
		"an exporter has a value for each key");
CONFIG_EXPORTER_TYPES(X)
#undef X

struct type {
	const char *name;
	const struct exporter_key *keys;
};

static const struct type types[] = {
#define X(enumerator, name, keys, what) {name, keys_of_##enumerator},
	CONFIG_EXPORTER_TYPES(X)
#undef X
};

const char *
config_exporter_type_name(unsigned type)
{
	return type < CONFIG_EXPORTER_TYPE_COUNT ? types[type].name : NULL;
}

const struct exporter_key *
exporter_key(enum config_exporter_type type, unsigned index)
{
	const struct exporter_key *own = types[type].keys;

	if (index < COMMON_KEYS)
		return &common_keys[index];
	for (index -= COMMON_KEYS; own->name && index > 0; index--)
		own++;
	return own->name ? own : NULL;
}

int
exporter_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (int i = 0; *choices; i++) {
		size_t n = strcspn(choices, "|");

		if (n == len && memcmp(choices, text, n) == 0)
			return i;
		choices += n + (choices[n] == '|');
	}
	return -1;
}

int
exporter_value_add(struct exporter_value *value, const char *text)
{
	size_t len = strlen(text) + 1;
	char *texts = realloc(value->texts, value->bytes + len);

	if (!texts)
		return -ENOMEM;
	memcpy(texts + value->bytes, text, len);
	value->texts = texts;
	value->bytes += len;
	return 0;
}

const struct config_exporter *
config_exporter_at(const struct config_exporters *all, unsigned index)
{
	return &all->exporter[index];
}

const char *
config_exporter_name(const struct config_exporter *e)
{
	return e->name;
}

enum config_exporter_type
config_exporter_type(const struct config_exporter *e)
{
	return e->type;
}

unsigned
config_exporter_line(const struct config_exporter *e)
{
	return e->line;
}

static const struct exporter_value *
value_of(const struct config_exporter *e, const char *name)
{
	const struct exporter_key *key;

	for (unsigned i = 0; (key = exporter_key(e->type, i)); i++)
		if (strcmp(key->name, name) == 0)
			return &e->values[i];
	assert(!"a key that its type does not have");
	return &e->values[0];
}

const char *
config_exporter_text(const struct config_exporter *e, const char *key)
{
	const struct exporter_value *value = value_of(e, key);

	return value->texts ? value->texts : "";
}

uint64_t
config_exporter_number(const struct config_exporter *e, const char *key)
{
	return value_of(e, key)->number;
}

const char *
config_exporter_next(const struct config_exporter *e, const char *key, const char *element)
{
	const struct exporter_value *value = value_of(e, key);
	const char *next = element ? element + strlen(element) + 1 : value->texts;

	return next && next < value->texts + value->bytes ? next : NULL;
}

void
exporters_free(struct config_exporters *all)
{
	for (unsigned i = 0; i < all->count; i++)
		for (unsigned k = 0; k < EXPORTER_KEYS_MAX; k++)
			free(all->exporter[i].values[k].texts);
	free(all->exporter);
	*all = (struct config_exporters){0};
}

bool
config_exporter_same_keys(const struct config_exporter *a, const struct config_exporter *b)
{
	if (a->type != b->type)
		return false;
	for (unsigned k = 0; k < EXPORTER_KEYS_MAX; k++) {
		const struct exporter_value *v = &a->values[k], *w = &b->values[k];

		if (v->number != w->number || v->bytes != w->bytes ||
			(v->bytes > 0 && memcmp(v->texts, w->texts, v->bytes) != 0))
			return false;
	}
	return true;
}

bool
config_exporter_same(const struct config_exporter *a, const struct config_exporter *b)
{
	return strcmp(a->name, b->name) == 0 && config_exporter_same_keys(a, b);
}

bool
exporters_same(const struct config_exporters *a, const struct config_exporters *b)
{
	bool same = a->count == b->count;

	for (unsigned i = 0; same && i < a->count; i++)
		same = config_exporter_same(&a->exporter[i], &b->exporter[i]);
	return same;
}

static void
print_list(const struct config_exporter *e, const struct exporter_key *key, FILE *out)
{
	const char *element = NULL;

	while ((element = config_exporter_next(e, key->name, element))) {
		fputs("\n      - ", out);
		setting_print_text(element, out);
	}
}

static void
print_value(const struct config_exporter *e, const struct exporter_key *key, FILE *out)
{
	uint64_t number = config_exporter_number(e, key->name);
	const char *choice = key->value;
	char duration[32];

	switch (key->kind) {
	case EXPORTER_TEXT:
	case EXPORTER_FILE:
	case EXPORTER_URL:
		setting_print_text(config_exporter_text(e, key->name), out);
		break;
	case EXPORTER_COUNT:
		fprintf(out, "%" PRIu64, number);
		break;
	case EXPORTER_DURATION:
		setting_format_duration(number, duration, sizeof(duration));
		fputs(duration, out);
		break;
	case EXPORTER_BOOL:
		fputs(number ? "true" : "false", out);
		break;
	case EXPORTER_CHOICE:
		while (number--)
			choice = strchr(choice, '|') + 1;
		fprintf(out, "%.*s", (int)strcspn(choice, "|"), choice);
		break;
	case EXPORTER_NETS:
	case EXPORTER_TEXTS:
		print_list(e, key, out);
		break;
	}
}

/* Has it a text? What has none is what it would be if it were left out. */
static bool
is_empty(const struct exporter_key *key, const struct exporter_value *value)
{
	bool text = key->kind <= EXPORTER_URL || key->kind >= EXPORTER_NETS;

	return text && (!value->texts || value->texts[0] == '\0');
}

static void
print_exporter(const struct config_exporter *e, FILE *out)
{
	const struct exporter_key *key;

	fprintf(out, "  %s:\n    type: %s\n", e->name, config_exporter_type_name(e->type));
	for (unsigned i = 0; (key = exporter_key(e->type, i)); i++) {
		bool list = key->kind >= EXPORTER_NETS;

		if (is_empty(key, &e->values[i]))
			continue;
		fprintf(out, "    # %s\n    %s:%s", key->help, key->name, list ? "" : " ");
		print_value(e, key, out);
		fputc('\n', out);
	}
}

void
exporters_print(const struct config_exporters *all, FILE *out)
{
	if (all->count > 0)
		fputs(EXPORTERS ":\n", out);
	for (unsigned i = 0; i < all->count; i++)
		print_exporter(&all->exporter[i], out);
}
