/*
 * Theory: bytes are gathered into lines; a line past its room is dropped whole.
 * The dataplane is not trusted: what is no such object is counted and skipped,
 * rows are bounded, and strings are made harmless where they are shown.
 */
#include "control/report/captures.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int
captures_init(struct captures *c)
{
	memset(c, 0, sizeof(*c));
	c->line = malloc(CAPTURES_LINE_MAX);
	return c->line ? 0 : -ENOMEM;
}

void
captures_free(struct captures *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->rows[i].file);
		free(c->rows[i].link);
		free(c->rows[i].damage);
	}
	free(c->rows);
	free(c->line);
	free(c->progress_file);
	memset(c, 0, sizeof(*c));
}

static uint64_t
number(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v > 0 ? (uint64_t)v : 0;
}

static char *
text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? strdup(s) : NULL;
}

/* A new row, or NULL when there are too many. */
static struct capture_row *
add_row(struct captures *c, const char *file)
{
	struct capture_row *rows;

	if (c->count == CAPTURES_MAX) {
		c->omitted++;
		return NULL;
	}
	rows = realloc(c->rows, (c->count + 1) * sizeof(*rows));
	if (!rows)
		return NULL;
	c->rows = rows;
	rows[c->count] = (struct capture_row){.file = strdup(file)};
	return rows[c->count].file ? &rows[c->count++] : NULL;
}

/*
 * The row that an event about file is for. "capture" and "damaged" tell of one
 * reading in either order; files are read one after another, so only the last
 * row can lack the other one.
 */
static struct capture_row *
row_for(struct captures *c, const char *file, bool damage)
{
	struct capture_row *last = c->count > 0 ? &c->rows[c->count - 1] : NULL;

	if (last && strcmp(last->file, file) == 0 &&
		(damage ? last->damage == NULL : last->link == NULL))
		return last;
	return add_row(c, file);
}

static void
take_capture(struct captures *c, const json_t *object, const char *file)
{
	struct capture_row *row = row_for(c, file, false);

	if (!row)
		return;
	free(row->link);
	row->link = text(object, "link");
	row->packets = number(object, "packets");
	row->bytes = number(object, "bytes");
	row->first_ns = number(object, "first_ns");
	row->last_ns = number(object, "last_ns");
}

static void
take_damaged(struct captures *c, const json_t *object, const char *file)
{
	struct capture_row *row = row_for(c, file, true);

	c->damaged++;
	if (!row)
		return;
	if (!row->link)
		row->packets = number(object, "packets");
	row->damage = text(object, "why");
	if (!row->damage)
		row->damage = strdup("damaged");
}

static void
take_progress(struct captures *c, const json_t *object, const char *file)
{
	char *copy = strdup(file);

	if (!copy)
		return;
	free(c->progress_file);
	c->progress_file = copy;
	c->progress_packets = number(object, "packets");
	c->progress_position = number(object, "position");
	c->progress_size = number(object, "size");
}

static void
take_line(struct captures *c)
{
	json_t *object = json_loadb(c->line, c->line_len, 0, NULL);
	const char *event = json_string_value(json_object_get(object, "event"));
	const char *file = json_string_value(json_object_get(object, "file"));

	if (event && strcmp(event, "stopped") == 0)
		c->stopped = true;
	else if (!event || !file)
		c->bad_lines++;
	else if (strcmp(event, "capture") == 0)
		take_capture(c, object, file);
	else if (strcmp(event, "damaged") == 0)
		take_damaged(c, object, file);
	else if (strcmp(event, "progress") == 0)
		take_progress(c, object, file);
	else
		c->bad_lines++;
	json_decref(object);
}

static void
end_line(struct captures *c)
{
	if (c->line_too_long)
		c->bad_lines++;
	else if (c->line_len > 0)
		take_line(c);
	c->line_len = 0;
	c->line_too_long = false;
}

void
captures_feed(struct captures *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			end_line(c);
		else if (c->line_len == CAPTURES_LINE_MAX)
			c->line_too_long = true;
		else
			c->line[c->line_len++] = bytes[i];
	}
}
