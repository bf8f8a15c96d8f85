#include "contract/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define V4_BITS 96   /* before an IPv4 address */
#define QUOTE_MAX 64 /* bytes of a wrong value that a message repeats */

static int
fail_form(const char *text, const char *expected, char *why, size_t why_len)
{
	char shown[QUOTE_MAX + 1];
	size_t n = utf8_escape((const uint8_t *)text, strlen(text), shown, QUOTE_MAX, NULL, NULL);

	shown[n] = '\0';
	snprintf(why, why_len, "expected %s, not '%s'", expected, shown);
	return -EINVAL;
}

static bool
is_v4(const struct prefix *prefix)
{
	return prefix->bits >= V4_BITS && addr_is_v4(&prefix->addr);
}

static bool
parse_addr(struct addr *addr, const char *text)
{
	uint8_t four[4];

	if (inet_pton(AF_INET, text, four) == 1) {
		*addr = addr_from_v4(four);
		return true;
	}
	return inet_pton(AF_INET6, text, addr->bytes) == 1;
}

/* 0 to 128, in digits alone, without leading zeros; -1: it is not. */
static int
parse_bits(const char *text)
{
	size_t len = strlen(text);
	int bits = 0;

	if (len == 0 || len > 3 || strspn(text, "0123456789") != len || (len > 1 && *text == '0'))
		return -1;
	for (const char *p = text; *p; p++)
		bits = bits * 10 + (*p - '0');
	return bits <= PREFIX_BITS ? bits : -1;
}

struct addr
prefix_mask(const struct addr *addr, unsigned bits)
{
	struct addr out = {{0}};

	memcpy(out.bytes, addr->bytes, bits / 8);
	if (bits % 8)
		out.bytes[bits / 8] = addr->bytes[bits / 8] & (uint8_t)(0xff00u >> bits % 8);
	return out;
}

int
prefix_parse_addr(struct prefix *prefix, const char *text, char *why, size_t why_len)
{
	struct prefix out = {.bits = PREFIX_BITS};

	if (!parse_addr(&out.addr, text))
		return fail_form(text, "an address such as 192.0.2.7 or 2001:db8::7", why, why_len);
	*prefix = out;
	return 0;
}

int
prefix_parse(struct prefix *prefix, const char *text, char *why, size_t why_len)
{
	static const char expected[] =
		"an address or a range such as 192.0.2.0/24 or 2001:db8::/32";
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN] = "";
	struct prefix out = {.bits = PREFIX_BITS};
	int bits = PREFIX_BITS;

	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	if (len >= sizeof(address))
		return fail_form(text, expected, why, why_len);
	memcpy(address, text, len);
	if (!parse_addr(&out.addr, address))
		return fail_form(text, expected, why, why_len);
	if (slash) {
		bool v4 = strchr(address, ':') == NULL;

		bits = parse_bits(slash + 1);
		if (bits < 0 || (v4 && bits > PREFIX_BITS - V4_BITS))
			return fail_form(slash,
				v4 ? "a length from /0 to /32" : "a length from /0 to /128", why,
				why_len);
		bits += v4 ? V4_BITS : 0;
	}
	struct addr masked = prefix_mask(&out.addr, (unsigned)bits);
	bool exact = memcmp(&masked, &out.addr, sizeof(masked)) == 0;

	out.addr = masked;
	out.bits = (uint8_t)bits;
	if (!exact) {
		char right[PREFIX_TEXT_MAX], wanted[PREFIX_TEXT_MAX + sizeof(expected)];

		prefix_format(&out, right);
		snprintf(wanted, sizeof(wanted), "%s (the range that holds it)", right);
		return fail_form(text, wanted, why, why_len);
	}
	*prefix = out;
	return 0;
}

void
prefix_format(const struct prefix *prefix, char out[PREFIX_TEXT_MAX])
{
	bool v4 = is_v4(prefix);

	if (v4)
		inet_ntop(AF_INET, prefix->addr.bytes + 12, out, PREFIX_TEXT_MAX);
	else
		inet_ntop(AF_INET6, prefix->addr.bytes, out, PREFIX_TEXT_MAX);
	if (prefix->bits < PREFIX_BITS)
		snprintf(out + strlen(out), PREFIX_TEXT_MAX - strlen(out), "/%d",
			prefix->bits - (v4 ? V4_BITS : 0));
}

bool
prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	struct addr masked = prefix_mask(addr, prefix->bits);

	return is_v4(prefix) == addr_is_v4(addr) &&
	       memcmp(&masked, &prefix->addr, sizeof(masked)) == 0;
}

bool
prefix_covers(const struct prefix *prefix, const struct prefix *inner)
{
	struct addr masked = prefix_mask(&inner->addr, prefix->bits);

	return is_v4(prefix) == is_v4(inner) && inner->bits >= prefix->bits &&
	       memcmp(&masked, &prefix->addr, sizeof(masked)) == 0;
}
