/* What a refusal that names a blocklist says: the list, the address, the page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/incident/blocklist.h"

static struct blocklist b;

static bool
add(uint32_t id, const char *line)
{
	return blocklist_add(&b, id, line, strlen(line));
}

static int
clear(void **state)
{
	(void)state;
	memset(&b, 0, sizeof(b));
	return 0;
}

static void
the_most_exact_pattern_of_a_refusal_names_the_list(void **state)
{
	static const char line[] =
		"554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked "
		"using zen.spamhaus.org; "
		"https://www.spamhaus.org/query/ip/192.0.2.25";

	(void)state;
	assert_true(add(2300, line));
	assert_int_equal(blocklist_next(&b, 0), 2300);
	assert_true(add(2306, line));
	assert_false(add(2350, line));
	assert_int_equal(blocklist_next(&b, 0), 2306);
	assert_int_equal(blocklist_next(&b, 2306), 0);
	assert_string_equal(b.address, "192.0.2.25");
	assert_string_equal(b.zone, "zen.spamhaus.org");
	assert_string_equal(b.url, "https://www.spamhaus.org/query/ip/192.0.2.25");
}

static void
several_lists_come_in_the_order_of_their_patterns(void **state)
{
	(void)state;
	assert_true(add(2344, "553 5.7.1 [BL21] no"));
	assert_true(add(2310, "554 blocked using b.barracudacentral.org"));
	assert_false(add(2310, "554 blocked using b.barracudacentral.org"));
	assert_true(add(2399, "554 x"));
	assert_int_equal(blocklist_next(&b, 0), 2310);
	assert_int_equal(blocklist_next(&b, 2310), 2344);
	assert_int_equal(blocklist_next(&b, 2344), 2399);
	assert_int_equal(blocklist_next(&b, 2399), 0);
}

static void
a_list_without_a_pattern_is_known_by_its_zone(void **state)
{
	(void)state;
	assert_true(
		add(2350, "554 5.7.1 Client host [2001:db8::25] blocked using rbl.corp.example."));
	assert_int_equal(blocklist_next(&b, 0), 2350);
	assert_string_equal(b.zone, "rbl.corp.example");
	assert_string_equal(b.address, "2001:db8::25");
	assert_string_equal(b.url, "");
}

static void
codes_and_words_are_no_address(void **state)
{
	(void)state;
	add(2350, "554 5.7.1 1.2.3 dead beef 300.1.1.1 cafe: 12:30 listed");
	assert_string_equal(b.address, "");
	add(2350, "550 your host 198.51.100.7. is listed");
	assert_string_equal(b.address, "198.51.100.7");
	add(2350, "550 your host 198.51.100.8 is listed");
	assert_string_equal(b.address, "198.51.100.7");
}

static void
a_page_ends_where_the_sentence_goes_on(void **state)
{
	(void)state;
	add(2350, "550 see (http://list.example/q?ip=192.0.2.25), please");
	assert_string_equal(b.url, "http://list.example/q?ip=192.0.2.25");
}

static void
what_is_too_long_is_left_out(void **state)
{
	char line[256];

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "550 http://", 11);
	blocklist_add(&b, 2350, line, 255);
	assert_string_equal(b.url, "");
	memset(line, '1', sizeof(line));
	memcpy(line, "blocked using a.", 16);
	blocklist_add(&b, 2350, line, 255);
	assert_string_equal(b.zone, "");
	assert_string_equal(b.address, "");
}

static void
other_patterns_are_not_its_business(void **state)
{
	(void)state;
	assert_false(add(2299, "554 192.0.2.1"));
	assert_false(add(2400, "554 192.0.2.1"));
	assert_false(add(0, "554 192.0.2.1"));
	assert_int_equal(blocklist_next(&b, 0), 0);
	assert_string_equal(b.address, "");
}

#define T(name) cmocka_unit_test_setup(name, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_most_exact_pattern_of_a_refusal_names_the_list),
		T(several_lists_come_in_the_order_of_their_patterns),
		T(a_list_without_a_pattern_is_known_by_its_zone),
		T(codes_and_words_are_no_address),
		T(a_page_ends_where_the_sentence_goes_on),
		T(what_is_too_long_is_left_out),
		T(other_patterns_are_not_its_business),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
