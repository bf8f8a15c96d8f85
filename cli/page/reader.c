#include "cli/page/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int
reader_open(struct reader *r, const char *path)
{
	struct stat st;

	*r = (struct reader){.file = fopen(path, "rbe")};
	if (!r->file)
		return -errno;
	if (fstat(fileno(r->file), &st) != 0 || !S_ISREG(st.st_mode)) {
		fclose(r->file);
		r->file = NULL;
		return -EINVAL;
	}
	r->size = r->left = (uint64_t)st.st_size;
	r->buffer = malloc(READER_LINE_MAX + 1);
	if (r->buffer)
		return 0;
	reader_close(r);
	return -ENOMEM;
}

void
reader_close(struct reader *r)
{
	if (r->file)
		fclose(r->file);
	free(r->buffer);
	*r = (struct reader){0};
}

int
reader_rewind(struct reader *r)
{
	if (fseeko(r->file, 0, SEEK_SET) != 0)
		return -errno;
	r->left = r->size;
	r->have = r->at = 0;
	r->number = 0;
	return 0;
}

/* Fill the buffer behind what is still in it. 0 or -errno. */
static int
fill(struct reader *r)
{
	size_t room, n;

	memmove(r->buffer, r->buffer + r->at, r->have - r->at);
	r->have -= r->at;
	r->at = 0;
	room = READER_LINE_MAX - r->have;
	n = fread(r->buffer + r->have, 1, r->left < room ? (size_t)r->left : room, r->file);
	if (n == 0 && ferror(r->file))
		return -EIO;
	r->have += n;
	/* A file that became shorter meanwhile ends here. */
	r->left = n == 0 ? 0 : r->left - n;
	return 0;
}

/* Give the line that starts at r->at and ends before end. */
static void
give(struct reader *r, size_t end, bool too_long)
{
	r->number++;
	r->text = too_long ? NULL : r->buffer + r->at;
	r->len = end - r->at;
	r->buffer[end] = '\0';
	r->at = end < r->have ? end + 1 : end;
}

int
reader_next(struct reader *r)
{
	bool too_long = false;

	for (;;) {
		char *end = memchr(r->buffer + r->at, '\n', r->have - r->at);

		if (end) {
			give(r, (size_t)(end - r->buffer), too_long);
			return 1;
		}
		if (r->left == 0) {
			if (r->at == r->have && !too_long)
				return 0;
			give(r, r->have, too_long);
			return 1;
		}
		if (r->have - r->at == READER_LINE_MAX) {
			too_long = true;
			r->at = r->have;
		}
		int e = fill(r);
		if (e != 0)
			return e;
	}
}

bool
reader_line_has(const struct reader *r, const char *text)
{
	return r->text && memmem(r->text, r->len, text, strlen(text)) != NULL;
}

unsigned
reader_percent(const struct reader *r)
{
	uint64_t done = r->size - r->left - (r->have - r->at);

	return r->size > 0 ? (unsigned)((double)done / (double)r->size * 100) : 100;
}

json_t *
reader_parse(const struct reader *r, char *why, size_t why_len)
{
	json_error_t error;
	json_t *line;

	if (!r->text) {
		snprintf(why, why_len, "longer than %u bytes", READER_LINE_MAX);
		return NULL;
	}
	line = json_loadb(r->text, r->len, JSON_ALLOW_NUL, &error);
	if (!line) {
		/* The library's words name bytes of the line: those are not ours to print. */
		enum json_error_code code = json_error_code(&error);
		snprintf(why, why_len, "%s",
			code == json_error_premature_end_of_input ? "cut short"
			: code == json_error_invalid_utf8         ? "not UTF-8"
			: code == json_error_numeric_overflow     ? "a number is too large"
								  : "no JSON");
		return NULL;
	}
	if (*reader_text(line, "event_type") != '\0')
		return line;
	snprintf(why, why_len, "%s", json_is_object(line) ? "no event_type" : "no JSON object");
	json_decref(line);
	return NULL;
}

uint64_t
reader_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
	if (json_is_real(value)) {
		double d = json_real_value(value);
		return d >= 1 && d < 9e18 ? (uint64_t)d : 0;
	}
	return 0;
}

const char *
reader_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t
reader_time(const json_t *object, const char *key)
{
	int64_t us;

	return when_parse(reader_text(object, key), &us) ? us : WHEN_NONE;
}

bool
reader_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}
