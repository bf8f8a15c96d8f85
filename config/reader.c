/* Messages of a reader: where, and what may have been meant. */
#include "config/reader.h"

#include <errno.h>
#include <stdarg.h>

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
