/* Ranges of addresses: read, written, and what is in them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "contract/prefix.h"

static struct prefix
range(const char *text)
{
	struct prefix p;
	char why[200] = "";

	if (prefix_parse(&p, text, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return p;
}

static bool
in(const char *prefix, const char *addr)
{
	struct prefix p = range(prefix), a = range(addr);

	assert_int_equal(a.bits, PREFIX_BITS);
	assert_int_equal(prefix_covers(&p, &a), prefix_contains(&p, &a.addr));
	return prefix_contains(&p, &a.addr);
}

static void
what_is_read_is_written_alike(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "192.0.2.0/24", "0.0.0.0/0",
		"198.51.100.128/25", "2001:db8::7", "2001:db8::/32", "::/0",
		"::", "2001:db8::/127"};
	char out[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct prefix p = range(texts[i]);

		prefix_format(&p, out);
		assert_string_equal(out, texts[i]);
	}
}

static void
other_writings_are_the_same_range(void **state)
{
	static const char *const pairs[][2] = {{"192.0.2.7/32", "192.0.2.7"},
		{"2001:db8::7/128", "2001:db8::7"}, {"2001:DB8:0::/32", "2001:db8::/32"},
		{"::ffff:192.0.2.0/120", "192.0.2.0/24"}, {"::ffff:192.0.2.7", "192.0.2.7"}};
	char out[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct prefix p = range(pairs[i][0]);

		prefix_format(&p, out);
		assert_string_equal(out, pairs[i][1]);
	}
}

static void
what_is_no_range_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = {"", "/", "/24", "192.0.2.0/", "192.0.2.0/33",
		"192.0.2.0/-1", "192.0.2.0/024", "192.0.2.0/+8", "192.0.2.0/24 ", " 192.0.2.0/24",
		"192.0.2", "192.0.2.256", "2001:db8::/129", "2001:db8::/1000", "fe80::1%eth0",
		"mail.example", "192.0.2.0/24/24", "192.0.2.0/255.255.255.0",
		"2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000/32"};
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct prefix p = range("192.0.2.0/24"), before = p;

		why[0] = '\0';
		if (prefix_parse(&p, bad[i], why, sizeof(why)) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(strncmp(why, "expected ", 9) == 0);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void
bits_behind_the_prefix_are_an_error_that_says_what_is_right(void **state)
{
	struct prefix p;
	char why[200];

	(void)state;
	assert_int_equal(prefix_parse(&p, "192.0.2.7/24", why, sizeof(why)), -EINVAL);
	assert_string_equal(
		why, "expected 192.0.2.0/24 (the range that holds it), not '192.0.2.7/24'");
	assert_int_equal(prefix_parse(&p, "2001:db8::1/33", why, sizeof(why)), -EINVAL);
	assert_string_equal(
		why, "expected 2001:db8::/33 (the range that holds it), not '2001:db8::1/33'");
}

static void
an_address_is_no_range(void **state)
{
	struct prefix p;
	char why[200];

	(void)state;
	assert_int_equal(prefix_parse_addr(&p, "192.0.2.0/24", why, sizeof(why)), -EINVAL);
	assert_string_equal(
		why, "expected an address such as 192.0.2.7 or 2001:db8::7, not '192.0.2.0/24'");
	assert_int_equal(prefix_parse_addr(&p, "192.0.2.7", why, sizeof(why)), 0);
	assert_int_equal(p.bits, PREFIX_BITS);
}

static void
a_range_holds_its_addresses_and_no_others(void **state)
{
	(void)state;
	assert_true(in("192.0.2.0/24", "192.0.2.0"));
	assert_true(in("192.0.2.0/24", "192.0.2.255"));
	assert_false(in("192.0.2.0/24", "192.0.3.0"));
	assert_true(in("192.0.2.128/25", "192.0.2.200"));
	assert_false(in("192.0.2.128/25", "192.0.2.127"));
	assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(in("192.0.2.7", "192.0.2.7"));
	assert_false(in("192.0.2.7", "192.0.2.6"));
}

static void
families_do_not_mix(void **state)
{
	(void)state;
	assert_true(in("0.0.0.0/0", "192.0.2.7"));
	assert_false(in("0.0.0.0/0", "2001:db8::7"));
	assert_true(in("::/0", "2001:db8::7"));
	assert_false(in("::/0", "192.0.2.7"));
	assert_true(in("::/0", "::7"));
}

static void
a_range_covers_the_smaller_ones_within(void **state)
{
	struct prefix big = range("198.51.0.0/16"), small = range("198.51.100.0/24"),
		      other = range("203.0.113.0/24"), all = range("::/0");

	(void)state;
	assert_true(prefix_covers(&big, &small));
	assert_true(prefix_covers(&small, &small));
	assert_false(prefix_covers(&small, &big));
	assert_false(prefix_covers(&big, &other));
	assert_false(prefix_covers(&all, &small));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_alike),
		cmocka_unit_test(other_writings_are_the_same_range),
		cmocka_unit_test(what_is_no_range_is_refused_and_changes_nothing),
		cmocka_unit_test(bits_behind_the_prefix_are_an_error_that_says_what_is_right),
		cmocka_unit_test(an_address_is_no_range),
		cmocka_unit_test(a_range_holds_its_addresses_and_no_others),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(a_range_covers_the_smaller_ones_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
