/*
 * A template is a list of parts: a piece of its text, and the name that follows it. It is read
 * once; a name that nobody knows, one without its end and a result that is no JSON are errors then,
 * and not when an attack is under way.
 */
#include "export/webhook/template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/encode/view.h"
#include "export/sink/id.h"
#include "export/sink/secret.h"

#define PARTS_MAX 256
#define NAME_SHOWN_MAX 40

enum kind { KIND_TEXT, KIND_NUMBER, KIND_NAMES, KIND_ID, KIND_SEQ, KIND_OBJECT };

struct name {
	const char *text;
	enum kind kind;
	size_t offset; /* in struct encode_view */
};

static const struct name names[] = {
#define X(text, kind, member, what) {text, KIND_##kind, offsetof(struct encode_view, member)},
	TEMPLATE_NAMES(X)
#undef X
};

struct part {
	const char *text; /* in the template's */
	size_t len;
	const struct name *name; /* of what follows it; NULL: nothing does */
};

struct template
{
	char *text; /* owned */
	size_t len;
	struct part parts[PARTS_MAX];
	size_t count;
};

static unsigned
line_at(const struct template *t, const char *place)
{
	unsigned line = 1;

	for (const char *p = t->text; p < place; p++)
		line += *p == '\n';
	return line;
}

static const struct name *
find_name(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].text) == len && memcmp(names[i].text, text, len) == 0)
			return &names[i];
	return NULL;
}

static int
split(struct template *t, const char *path, char why[SINK_WHY_MAX])
{
	const char *at = t->text;

	while (t->count < PARTS_MAX) {
		struct part *part = &t->parts[t->count++];
		const char *from = strstr(at, "{{"), *to = from ? strstr(from, "}}") : NULL;
		const char *name;
		char shown[NAME_SHOWN_MAX];
		size_t len;

		*part = (struct part){at, from ? (size_t)(from - at) : strlen(at), NULL};
		if (!from)
			return 0;
		if (!to) {
			snprintf(why, SINK_WHY_MAX, "%s:%u: {{ without }}", path, line_at(t, from));
			return -EINVAL;
		}
		name = from + 2 + strspn(from + 2, " ");
		len = strcspn(name, " }");
		part->name = find_name(name, len);
		if (!part->name || name + len + strspn(name + len, " ") != to) {
			secret_quote(from + 2, (size_t)(to - from) - 2, NULL, shown, sizeof(shown));
			snprintf(why, SINK_WHY_MAX,
				"%s:%u: there is no {{%s}}; see smtap.yaml(5) for the names", path,
				line_at(t, from), shown);
			return -EINVAL;
		}
		at = to + 2;
	}
	snprintf(why, SINK_WHY_MAX, "%s:%u: more than %d names", path, line_at(t, at),
		PARTS_MAX - 1);
	return -EINVAL;
}

/* As it stands inside of quotes. */
static bool
put_escaped(FILE *out, const char *text)
{
	json_t *string = json_string(text);
	char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
	bool whole = quoted != NULL;

	if (whole)
		fwrite(quoted + 1, 1, strlen(quoted) - 2, out);
	json_decref(string);
	free(quoted);
	return whole;
}

static bool
put_list(FILE *out, const struct encode_view *v, const char *kind)
{
	json_t *list = view_names(v, kind), *one;
	bool whole = list != NULL;
	size_t i;

	json_array_foreach(list, i, one)
	{
		fputs(i > 0 ? ", " : "", out);
		whole = whole && put_escaped(out, json_string_value(one));
	}
	json_decref(list);
	return whole;
}

static bool
put_value(FILE *out, const struct name *name, const struct encode_view *v,
	const struct sink_alert *alert)
{
	const void *member = (const char *)v + name->offset;
	char id[SINK_ID_MAX];

	switch (name->kind) {
	case KIND_TEXT:
		return put_escaped(out, *(const char *const *)member);
	case KIND_NUMBER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, *(const json_int_t *)member);
		return true;
	case KIND_NAMES:
		return put_list(out, v, name->text);
	case KIND_ID:
		sink_id(alert, v->sensor, id);
		return put_escaped(out, id);
	case KIND_SEQ:
		fprintf(out, "%" PRIu64, alert->seq);
		return true;
	case KIND_OBJECT:
		fwrite(alert->line, 1, alert->line_len, out);
		return true;
	}
	return false;
}

char *
template_fill(const struct template *t, const struct sink_alert *alert, const char *sensor)
{
	struct encode_view v;
	char *text = NULL;
	bool whole = true;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	view_of(&v, alert->json, sensor);
	for (size_t i = 0; i < t->count; i++) {
		fwrite(t->parts[i].text, 1, t->parts[i].len, out);
		if (t->parts[i].name)
			whole = put_value(out, t->parts[i].name, &v, alert) && whole;
	}
	whole = whole && !ferror(out);
	if (fclose(out) != 0 || !whole) {
		free(text);
		return NULL;
	}
	return text;
}

/* With an alert that says nothing: numbers are 0, texts are empty. */
static int
try_it(const struct template *t, const char *path, char why[SINK_WHY_MAX])
{
	json_t *empty = json_object(), *result;
	struct sink_alert alert = {.line = "{}", .line_len = 2, .json = empty};
	json_error_t error;
	char *text = template_fill(t, &alert, "");

	json_decref(empty);
	if (!text)
		return -ENOMEM;
	result = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (!result) {
		snprintf(why, SINK_WHY_MAX, "%s:%d: with its names filled in it is no JSON: %s",
			path, error.line, error.text);
		return -EINVAL;
	}
	json_decref(result);
	return 0;
}

static int
load(struct template *t, const char *path, char why[SINK_WHY_MAX])
{
	FILE *in = fopen(path, "re");
	int error = in ? 0 : errno;

	if (!error) {
		t->len = fread(t->text, 1, TEMPLATE_BYTES_MAX + 1, in);
		error = ferror(in) ? errno : 0;
		fclose(in);
	}
	if (error) {
		snprintf(why, SINK_WHY_MAX, "template_file: %s: %s", path, strerror(error));
		return -error;
	}
	if (t->len > TEMPLATE_BYTES_MAX || memchr(t->text, '\0', t->len)) {
		snprintf(why, SINK_WHY_MAX, "%s:1: expected a text of at most %d bytes", path,
			TEMPLATE_BYTES_MAX);
		return -EINVAL;
	}
	t->text[t->len] = '\0';
	return 0;
}

int
template_read(struct template **out, const char *path, char why[SINK_WHY_MAX])
{
	struct template *t = calloc(1, sizeof(*t));
	int error = -ENOMEM;

	snprintf(why, SINK_WHY_MAX, "out of memory");
	if (t && (t->text = malloc(TEMPLATE_BYTES_MAX + 2)))
		error = load(t, path, why);
	if (!error)
		error = split(t, path, why);
	if (!error)
		error = try_it(t, path, why);
	if (error) {
		template_free(t);
		return error;
	}
	*out = t;
	return 0;
}

void
template_free(struct template *t)
{
	if (!t)
		return;
	free(t->text);
	free(t);
}
