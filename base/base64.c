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

ssize_t
base64_decode(const uint8_t *text, size_t len, uint8_t *out, size_t out_len)
{
	ssize_t digits = strip_padding(text, len);
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;

	if (digits < 0)
		return -1;
	for (ssize_t i = 0; i < digits; i++) {
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
