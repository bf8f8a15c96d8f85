/* The parts of the HTML report: names as text, times, prefixes, capped tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/page/names.h"
#include "cli/page/text.h"
#include "cli/page/ties.h"
#include "cli/page/when.h"

/* What text_name or text_plain writes. To be freed. */
static char *
shown(void (*put)(FILE *, const char *, unsigned), const char *text, unsigned max)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	put(f, text, max);
	fclose(f);
	return out;
}

static void
expect_shown(const char *text, const char *want)
{
	char *got = shown(text_name, text, TEXT_NAME_CHARS);

	assert_string_equal(got, want);
	free(got);
}

#define CTL(mark) "<span class=\"ctl\">" mark "</span>"

static void
markup_in_a_name_is_text(void **state)
{
	(void)state;
	expect_shown("<script>alert('x')</script>&\"",
		"<bdi>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;</bdi>");
}

static void
what_cannot_be_seen_is_shown_by_its_number(void **state)
{
	(void)state;
	expect_shown("a\nb", "<bdi>a" CTL("U+000A") "b</bdi>");
	expect_shown("\x7f\xc2\x85", "<bdi>" CTL("U+007F") CTL("U+0085") "</bdi>");
	expect_shown("evil\xe2\x80\xae"
		     "fdp",
		"<bdi>evil" CTL("U+202E") "fdp</bdi>");
	expect_shown("\xe2\x81\xa6x\xe2\x80\x8b\xef\xbb\xbf",
		"<bdi>" CTL("U+2066") "x" CTL("U+200B") CTL("U+FEFF") "</bdi>");
	expect_shown("\xf3\xa0\x81\x81", "<bdi>" CTL("U+E0041") "</bdi>");
}

static void
bytes_that_are_no_utf8_are_shown_by_their_value(void **state)
{
	(void)state;
	expect_shown("a\xff\xc0\xaf", "<bdi>a" CTL("\\xFF") CTL("\\xC0") CTL("\\xAF") "</bdi>");
	expect_shown("\xed\xa0\x80", "<bdi>" CTL("\\xED") CTL("\\xA0") CTL("\\x80") "</bdi>");
	expect_shown("\xe2\x82", "<bdi>" CTL("\\xE2") CTL("\\x82") "</bdi>");
}

static void
letters_of_any_script_pass_and_piles_of_marks_do_not(void **state)
{
	(void)state;
	expect_shown("j\xc3\xb6rg@\xd7\x90\xd7\x91", "<bdi>j\xc3\xb6rg@\xd7\x90\xd7\x91</bdi>");
	expect_shown("z\xcc\x81\xcc\x82\xcc\x83", "<bdi>z\xcc\x81\xcc\x82" CTL("U+0303") "</bdi>");
}

static void
a_long_name_is_cut_with_a_mark(void **state)
{
	char name[200];
	char *got;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	got = shown(text_name, name, 10);
	assert_string_equal(got, "<bdi>aaaaaaaaaa<span class=\"cut\">&hellip; cut</span></bdi>");
	free(got);
	got = shown(text_plain, name, 10);
	assert_string_equal(got, "aaaaaaaaaa\xe2\x80\xa6");
	free(got);
	got = shown(text_plain, "<\xe2\x80\xae", 10);
	assert_string_equal(got, "&lt;[U+202E]");
	free(got);
}

static void
numbers_have_commas(void **state)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	text_number(f, 0);
	fputc(' ', f);
	text_number(f, 1234567);
	fputc(' ', f);
	text_count(f, 1, "account", "accounts");
	fputc(' ', f);
	text_number(f, UINT64_MAX);
	fclose(f);
	assert_string_equal(out, "0 1,234,567 1 account 18,446,744,073,709,551,615");
	free(out);
}

static void
times_are_read_and_told(void **state)
{
	char text[WHEN_MAX];
	int64_t us, other;

	(void)state;
	assert_true(when_parse("2026-11-22T02:05:33.334986+0000", &us));
	assert_string_equal(when_text(us, text), "2026-11-22 02:05:33");
	assert_int_equal(us % WHEN_SECOND, 334986);
	assert_true(when_parse("2026-11-22T04:05:33.334986+02:00", &other));
	assert_int_equal(us, other);
	assert_true(when_parse("2026-11-22T02:05:33.3349861234Z", &other));
	assert_int_equal(us, other);
	static const char *const bad[] = {"", "2026", "2026-13-01T00:00:00Z",
		"2026-11-22T25:00:00Z", "2026-11-22T02:05:33", "2026-11-22T02:05:33.1+0000x",
		"yesterday", "-001-11-22T02:05:33Z"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(when_parse(bad[i], &us));
}

static void
spans_and_widths_are_round(void **state)
{
	char text[WHEN_MAX];

	(void)state;
	assert_string_equal(when_span(7 * WHEN_SECOND, text), "7 s");
	assert_string_equal(when_span(90 * WHEN_MINUTE, text), "1 h 30 min");
	assert_string_equal(when_span(2 * WHEN_DAY, text), "2 d");
	assert_string_equal(when_span(1500, text), "1 ms");
	assert_int_equal(when_width(0, 90), 1000);
	assert_int_equal(when_width(8 * WHEN_SECOND, 90), 100000);
	assert_int_equal(when_width(WHEN_DAY, 90), 30 * WHEN_MINUTE);
	for (int64_t span = 1; span < INT64_MAX / 4; span = span * 3 + 1)
		assert_true(span / when_width(span, 89) < 89);
	assert_int_equal(when_floor(-1, 1000), -1000);
	assert_string_equal(when_mark(-1000, 1000, text), "23:59:59.999");
}

static void
prefixes_are_masked(void **state)
{
	char text[TIE_PREFIX_TEXT];

	(void)state;
	assert_true(ties_prefix("198.51.100.77", 24, text));
	assert_string_equal(text, "198.51.100.0/24");
	assert_true(ties_prefix("2001:db8:bad:1:2::3", 64, text));
	assert_string_equal(text, "2001:db8:bad:1::/64");
	assert_true(ties_prefix("2001:db8:bad:1ff::", 56, text));
	assert_string_equal(text, "2001:db8:bad:100::/56");
	assert_false(ties_prefix("198.51.100.77", 33, text));
	assert_false(ties_prefix("example.org", 24, text));
}

/* A table that is full: who is busy or got in stays, and nothing that was counted is lost. */
static void
a_full_table_keeps_who_matters(void **state)
{
	struct names_shared shared = {.key = {{1, 2}}};
	struct tally once = {.auth = {[OUTCOME_FAILURE] = 1}};
	struct tally in = {.auth = {[OUTCOME_SUCCESS] = 1}};
	struct names names = {.number = 1};
	const uint64_t crowd = 3 * NAMES_MAX;
	uint64_t attempts = 0;
	char name[32];

	(void)state;
	assert_int_equal(seen_open(&shared.seen), 0);
	names_add(&names, &shared, "in", "hello", &in);
	for (uint64_t i = 0; i < crowd; i++) {
		snprintf(name, sizeof(name), "n%llu", (unsigned long long)i);
		assert_int_equal(names_add(&names, &shared, name, NULL, &once), 0);
		assert_int_equal(names_add(&names, &shared, "busy", NULL, &once), 0);
	}
	/* Late, when there is no place left: the first time is not kept, all others are. */
	for (uint64_t i = 0; i < 100; i++)
		names_add(&names, &shared, "late", NULL, &once);
	names_add(&names, &shared, "late in", NULL, &in);
	assert_int_equal(names.count, NAMES_MAX);
	assert_true(names.full);
	assert_int_equal(names.distinct, crowd + 4);
	names_sort(&names);
	assert_string_equal(names.entries[0].text, "in");
	assert_string_equal(names.entries[0].note, "hello");
	assert_string_equal(names.entries[1].text, "late in");
	assert_string_equal(names.entries[2].text, "busy");
	assert_int_equal(tally_attempts(&names.entries[2].tally), crowd);
	assert_string_equal(names.entries[3].text, "late");
	assert_int_equal(tally_attempts(&names.entries[3].tally), 99);
	for (size_t i = 0; i < names.count; i++)
		attempts += tally_attempts(&names.entries[i].tally);
	assert_int_equal(attempts + tally_attempts(&names.further), 2 * crowd + 102);
	names_free(&names);
	seen_close(&shared.seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_in_a_name_is_text),
		cmocka_unit_test(what_cannot_be_seen_is_shown_by_its_number),
		cmocka_unit_test(bytes_that_are_no_utf8_are_shown_by_their_value),
		cmocka_unit_test(letters_of_any_script_pass_and_piles_of_marks_do_not),
		cmocka_unit_test(a_long_name_is_cut_with_a_mark),
		cmocka_unit_test(numbers_have_commas),
		cmocka_unit_test(times_are_read_and_told),
		cmocka_unit_test(spans_and_widths_are_round),
		cmocka_unit_test(prefixes_are_masked),
		cmocka_unit_test(a_full_table_keeps_who_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
