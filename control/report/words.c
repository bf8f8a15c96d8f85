#include "control/report/words.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "base/utf8.h"

const char *
words_number(uint64_t n, char out[WORDS_NUMBER_MAX])
{
	char digits[WORDS_NUMBER_MAX];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *p = out;

	for (int i = 0; i < len; i++) {
		*p++ = digits[i];
		if ((len - i - 1) % 3 == 0 && i + 1 < len)
			*p++ = ',';
	}
	*p = '\0';
	return out;
}

static const char *
time_as(uint64_t ns, const char *format, char out[WORDS_TIME_MAX])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(out, WORDS_TIME_MAX, format, &tm))
		out[0] = '\0';
	return out;
}

const char *
words_time(uint64_t ns, char out[WORDS_TIME_MAX])
{
	return time_as(ns, "%Y-%m-%d %H:%M:%S", out);
}

const char *
words_clock(uint64_t ns, char out[WORDS_TIME_MAX])
{
	return time_as(ns, "%H:%M:%S", out);
}

/* Bytes of the character at p, which is valid UTF-8. */
static size_t
char_len(const char *p)
{
	unsigned char c = (unsigned char)*p;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* U+200E, U+200F, U+202A..U+202E, U+2066..U+2069: marks that reorder what is shown. */
static bool
turns_direction(const char *p)
{
	unsigned char c = (unsigned char)p[2];

	if (memcmp(p, "\xe2\x80", 2) == 0)
		return c == 0x8e || c == 0x8f || (c >= 0xaa && c <= 0xae);
	return memcmp(p, "\xe2\x81", 2) == 0 && c >= 0xa6 && c <= 0xa9;
}

const char *
words_clean(const char *text, char *out, size_t out_len)
{
	size_t len = utf8_escape((const uint8_t *)text, strlen(text), out, out_len - 1, NULL, NULL);
	size_t used = 0;

	/* In place: a mark becomes shorter. */
	for (size_t at = 0; at < len;) {
		size_t n = char_len(out + at);
		bool turns = n == 3 && turns_direction(out + at);

		memmove(out + used, turns ? "?" : out + at, turns ? 1 : n);
		used += turns ? 1 : n;
		at += n;
	}
	out[used] = '\0';
	return out;
}

const char *
words_name(const char *name, unsigned columns, char out[WORDS_NAME_MAX])
{
	const char *end;

	/* Room for three dots is kept. */
	words_clean(name, out, WORDS_NAME_MAX - 3);
	bool cut = strlen(name) >= WORDS_NAME_MAX - 4;
	if (!cut && words_columns(out) <= columns)
		return out;
	end = out;
	for (unsigned i = 0; i + 3 < columns && *end; i++)
		end += char_len(end);
	strcpy(out + (end - out), "...");
	return out;
}

unsigned
words_columns(const char *text)
{
	unsigned n = 0;

	for (const char *p = text; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	return n;
}

/* The bytes of the first max characters of text. */
static size_t
bytes_of_columns(const char *text, size_t len, unsigned max)
{
	size_t n = 0;

	while (n < len && max--)
		n += char_len(text + n);
	return n < len ? n : len;
}

static unsigned
columns_of_bytes(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void
words_paragraph(FILE *out, unsigned indent, const char *text)
{
	unsigned column = 0;

	for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		unsigned width = columns_of_bytes(p, len);

		if (column > 0 && column + 1 + width > WORDS_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		if (column == 0) {
			fprintf(out, "%*s", (int)indent, "");
			column = indent;
		} else {
			fputc(' ', out);
			column++;
		}
		/* A word longer than a line is broken. */
		if (width > WORDS_COLUMNS - indent) {
			len = bytes_of_columns(p, len, WORDS_COLUMNS - indent);
			width = WORDS_COLUMNS - indent;
		}
		fwrite(p, 1, len, out);
		column += width;
		p += len;
	}
	if (column > 0)
		fputc('\n', out);
}

void
words_cell(FILE *out, const char *name, unsigned width)
{
	char shown[WORDS_NAME_MAX];

	words_name(name, width, shown);
	fprintf(out, "%s%*s", shown, (int)(width - words_columns(shown)), "");
}
