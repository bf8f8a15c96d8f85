#include "cli/page/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#define COMBINING_MAX 2 /* marks on one letter that a real name may have */

struct range {
	uint32_t first;
	uint32_t last;
};

static bool
is_in(const struct range *ranges, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* Nothing is to be seen of these, or something else than what they are. */
static bool
is_hidden(uint32_t code)
{
	static const struct range ranges[] = {{0, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x34f, 0x34f},
		{0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
		{0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800},
		{0x3000, 0x3000}, {0x3164, 0x3164}, {0xe000, 0xf8ff}, {0xfdd0, 0xfdef},
		{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
		{0xe0000, 0x10ffff}};

	return is_in(ranges, sizeof(ranges) / sizeof(ranges[0]), code) || (code & 0xfffe) == 0xfffe;
}

static bool
is_combining(uint32_t code)
{
	static const struct range ranges[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x1ab0, 0x1aff},
		{0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f}};

	return is_in(ranges, sizeof(ranges) / sizeof(ranges[0]), code);
}

static void
put_char(FILE *out, const uint8_t *p, size_t len)
{
	switch (*p) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&#39;", out);
		break;
	default:
		fwrite(p, 1, len, out);
	}
}

/* What stands for a character that is not shown. */
static void
put_mark(FILE *out, const char *kind, uint32_t code, bool tags)
{
	if (tags)
		fprintf(out, "<span class=\"ctl\">%s%0*" PRIX32 "</span>", kind,
			*kind == 'U' ? 4 : 2, code);
	else
		fprintf(out, "[%s%0*" PRIX32 "]", kind, *kind == 'U' ? 4 : 2, code);
}

static void
put_text(FILE *out, const char *name, unsigned max_chars, bool tags)
{
	const uint8_t *p = (const uint8_t *)name;
	size_t left = strlen(name);
	unsigned combining = 0;

	for (unsigned n = 0; left > 0 && n < max_chars; n++) {
		uint32_t code;
		size_t len = utf8_next(p, left, &code);

		combining = is_combining(code) ? combining + 1 : 0;
		if (len == 0)
			put_mark(out, "\\x", *p, tags);
		else if (is_hidden(code) || combining > COMBINING_MAX)
			put_mark(out, "U+", code, tags);
		else
			put_char(out, p, len);
		len = len > 0 ? len : 1;
		p += len;
		left -= len;
	}
	if (left > 0)
		fputs(tags ? "<span class=\"cut\">&hellip; cut</span>" : "\u2026", out);
}

void
text_name(FILE *out, const char *name, unsigned max_chars)
{
	fputs("<bdi>", out);
	put_text(out, name, max_chars, true);
	fputs("</bdi>", out);
}

void
text_plain(FILE *out, const char *name, unsigned max_chars)
{
	put_text(out, name, max_chars, false);
}

void
text_number(FILE *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		fputc(digits[i], out);
		if ((len - i - 1) % 3 == 0 && i + 1 < len)
			fputc(',', out);
	}
}

void
text_count(FILE *out, uint64_t n, const char *one, const char *many)
{
	text_number(out, n);
	fprintf(out, " %s", n == 1 ? one : many);
}
