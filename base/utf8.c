#include "base/utf8.h"

#include <string.h>

#include "base/bytes.h"

#define UTF8_MAX 4 /* bytes of a character, RFC 3629 3 */
#define ESCAPE_LEN 4
#define REPLACEMENT 0xfffdU

/*
 * Bytes of the well-formed sequence at p (RFC 3629 4: no overlong form, no
 * surrogate, nothing above U+10FFFF), or 0.
 */
static size_t
sequence_len(const uint8_t *p, size_t left)
{
	uint8_t second_min = 0x80, second_max = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < len)
		return 0;
	if (p[0] == 0xe0)
		second_min = 0xa0;
	else if (p[0] == 0xed)
		second_max = 0x9f;
	else if (p[0] == 0xf0)
		second_min = 0x90;
	else if (p[0] == 0xf4)
		second_max = 0x8f;
	if (p[1] < second_min || p[1] > second_max)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t
utf8_next(const uint8_t *p, size_t left, uint32_t *code)
{
	static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	size_t len = sequence_len(p, left);

	*code = len > 0 ? p[0] & lead_bits[len] : 0;
	for (size_t i = 1; i < len; i++)
		*code = *code << 6 | (p[i] & 0x3f);
	return len;
}

/* Is the well-formed sequence at p C0, DEL or C1 (U+0080..U+009F: C2 80..9F)? */
static bool
is_control(const uint8_t *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

/* Are all eight bytes in 0x20..0x7e? What follows a byte that is not may err towards "no". */
static bool
eight_are_printable_ascii(const uint8_t *p)
{
	const uint64_t ones = 0x0101010101010101ULL, tops = ones << 7;
	uint64_t word = load_le64(p);

	return ((word | (word - ones * 0x20) | (word + ones)) & tops) == 0;
}

bool
utf8_is_printable(const uint8_t *in, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (len - i >= 8 && eight_are_printable_ascii(in + i)) {
			i += 8;
			continue;
		}
		size_t n = sequence_len(in + i, len - i);
		if (n == 0 || is_control(in + i))
			return false;
		i += n;
	}
	return true;
}

bool
utf8_is_plain(const uint8_t *in, size_t len)
{
	if (len < 8) {
		for (size_t i = 0; i < len; i++)
			if (in[i] < 0x20 || in[i] > 0x7e)
				return false;
		return true;
	}
	for (size_t i = 0; i + 8 <= len; i += 8)
		if (!eight_are_printable_ascii(in + i))
			return false;
	return eight_are_printable_ascii(in + len - 8);
}

static void
put_escape(char *out, uint8_t byte)
{
	static const char hex[16] = "0123456789ABCDEF";

	out[0] = '\\';
	out[1] = 'x';
	out[2] = hex[byte >> 4];
	out[3] = hex[byte & 15];
}

size_t
utf8_escape(
	const uint8_t *in, size_t len, char *out, size_t out_len, bool *escaped, bool *truncated)
{
	bool any_escaped = false;
	size_t i = 0, used = 0;

	while (i < len) {
		if (len - i >= 8 && out_len - used >= 8 && eight_are_printable_ascii(in + i)) {
			memcpy(out + used, in + i, 8);
			used += 8;
			i += 8;
			continue;
		}
		size_t n = sequence_len(in + i, len - i);
		bool escape = n == 0 || is_control(in + i);
		if (n == 0)
			n = 1;
		size_t need = escape ? n * ESCAPE_LEN : n;
		if (out_len - used < need)
			break;
		for (size_t k = 0; escape && k < n; k++)
			put_escape(out + used + k * ESCAPE_LEN, in[i + k]);
		if (!escape)
			memcpy(out + used, in + i, n);
		any_escaped |= escape;
		used += need;
		i += n;
	}
	if (escaped)
		*escaped = any_escaped;
	if (truncated)
		*truncated = i < len;
	return used;
}

static size_t
encode(uint32_t c, uint8_t out[UTF8_MAX])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* The character at in (len >= 2) and, in *n, the bytes it took (RFC 2781 2.2). */
static uint32_t
utf16le_character(const uint8_t *in, size_t len, size_t *n)
{
	uint32_t high = load_le16(in);

	*n = 2;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || len < 4)
		return REPLACEMENT;
	uint32_t low = load_le16(in + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT;
	*n = 4;
	return 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
}

size_t
utf8_from_utf16le(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	uint8_t bytes[UTF8_MAX];
	size_t used = 0, taken;

	for (size_t i = 0; len - i >= 2; i += taken) {
		size_t n = encode(utf16le_character(in + i, len - i, &taken), bytes);
		if (out_len - used < n)
			break;
		memcpy(out + used, bytes, n);
		used += n;
	}
	return used;
}
