#include "base/base64.h"

/* What a character is worth, plus one; 0 for what is not in the alphabet. */
/* clang-format off */
static const uint8_t base64_worth[256] = {
	/* 0x00 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 0x10 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 0x20 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 64,
	/* 0x30 */ 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0, 0, 0, 0, 0, 0,
	/* 0x40 */ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	/* 0x50 */ 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 0,
	/* 0x60 */ 0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	/* 0x70 */ 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0, 0, 0, 0, 0,
};
/* clang-format on */

/*
 * The length without its padding, or -1 when there is more padding than the
 * characters before it need (RFC 4648 4: one or two, to fill a group of four).
 */
static ssize_t
strip_padding(const uint8_t *text, size_t len)
{
	size_t pads = 0;

	while (pads < len && text[len - 1 - pads] == '=')
		pads++;
	size_t rest = (len - pads) % 4;
	if (rest == 1)
		return -1; /* six bits are no byte */
	if (pads > (4 - rest) % 4)
		return -1;
	return (ssize_t)(len - pads);
}

/*
 * Whole groups of four, as long as they are of the alphabet and their bytes fit; returns the
 * characters read, of which each four made three bytes.
 */
static size_t
decode_groups(const uint8_t *text, size_t len, uint8_t *out, size_t out_len)
{
	size_t i = 0;

	for (; len - i >= 4 && out_len >= 3; i += 4, out += 3, out_len -= 3) {
		/* What is not in the alphabet, 0, becomes all ones. */
		uint32_t bits = (base64_worth[text[i]] - 1u) << 18 |
				(base64_worth[text[i + 1]] - 1u) << 12 |
				(base64_worth[text[i + 2]] - 1u) << 6 |
				(base64_worth[text[i + 3]] - 1u);
		if (bits >> 24 != 0)
			break;
		out[0] = (uint8_t)(bits >> 16);
		out[1] = (uint8_t)(bits >> 8);
		out[2] = (uint8_t)bits;
	}
	return i;
}

ssize_t
base64_decode(const uint8_t *text, size_t len, uint8_t *out, size_t out_len)
{
	ssize_t digits = strip_padding(text, len);
	uint32_t bits = 0;
	unsigned held = 0;

	if (digits < 0)
		return -1;
	size_t done = decode_groups(text, (size_t)digits, out, out_len);
	size_t n = done / 4 * 3;
	for (size_t i = done; i < (size_t)digits; i++) {
		uint32_t worth = base64_worth[text[i]];
		if (worth == 0)
			return -1;
		bits = bits << 6 | (worth - 1);
		held += 6;
		if (held < 8)
			continue;
		if (n == out_len)
			return -1;
		held -= 8;
		out[n++] = (uint8_t)(bits >> held);
	}
	return (ssize_t)n;
}
