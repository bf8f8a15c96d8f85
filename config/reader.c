/* Messages of a reader: where, and what may have been meant. */
#include "config/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"

int
reader_fail(const struct reader *r, size_t line, const char *format, ...)
{
	int n = snprintf(r->why, r->why_len, "%s:%zu: ", r->source->name, line);
	va_list args;

	if (n < 0 || (size_t)n >= r->why_len)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(r->why + n, r->why_len - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

size_t
reader_line(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

unsigned
reader_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[SETTING_NAME_MAX];

	for (size_t k = 0; k <= b_len; k++)
		row[k] = (unsigned)k;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= b_len; k++) {
			unsigned best = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_len];
}

bool
reader_is_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       strlen((const char *)node->data.scalar.value) == node->data.scalar.length;
}

const char *
reader_quote(const yaml_node_t *node, char shown[READER_SHOWN_MAX + 1])
{
	size_t n = utf8_escape(node->data.scalar.value, node->data.scalar.length, shown,
		READER_SHOWN_MAX, NULL, NULL);

	shown[n] = '\0';
	return shown;
}

/* The name nearest to a word; NULL: none is near. */
static const char *
nearest(const char *shown, reader_name_fn *name, const void *arg)
{
	unsigned best = (unsigned)strlen(shown) / 3 + 2;
	const char *found = NULL;

	for (unsigned i = 0; name(arg, i); i++) {
		const char *one = name(arg, i);
		unsigned d = reader_distance(shown, strlen(shown), one, strlen(one));

		if (d < best) {
			best = d;
			found = one;
		}
	}
	return found;
}

int
reader_fail_unknown(
	const struct reader *r, const yaml_node_t *node, const struct reader_unknown *unknown)
{
	char shown[READER_SHOWN_MAX + 1];
	const char *near = nearest(reader_quote(node, shown), unknown->name, unknown->arg);

	return reader_fail(r, reader_line(node), "%s: unknown %s '%s'%s%s%s", unknown->where,
		unknown->what, shown, near ? "; did you mean '" : "", near ? near : "",
		near ? "'?" : "");
}
