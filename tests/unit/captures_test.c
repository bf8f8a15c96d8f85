/* What the dataplane says of the captures: taken in pieces, believed with care. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/report/captures.h"

static const char two_files[] =
	"{\"event\":\"progress\",\"file\":\"a.pcap\",\"packets\":5,\"position\":50,\"size\":100}\n"
	"{\"event\":\"capture\",\"file\":\"a.pcap\",\"link\":\"ethernet\",\"packets\":10,"
	"\"bytes\":1000,\"first_ns\":7,\"last_ns\":9}\n"
	"{\"event\":\"damaged\",\"file\":\"b.pcap\",\"packets\":3,\"why\":\"cut short\"}\n"
	"{\"event\":\"capture\",\"file\":\"b.pcap\",\"link\":\"raw\",\"packets\":3,"
	"\"bytes\":300,\"first_ns\":11,\"last_ns\":12}\n";

static void
check_two_files(const struct captures *c)
{
	assert_int_equal(c->count, 2);
	assert_int_equal(c->bad_lines, 0);
	assert_int_equal(c->damaged, 1);
	assert_string_equal(c->rows[0].file, "a.pcap");
	assert_string_equal(c->rows[0].link, "ethernet");
	assert_int_equal(c->rows[0].packets, 10);
	assert_int_equal(c->rows[0].last_ns, 9);
	assert_null(c->rows[0].damage);
	assert_string_equal(c->rows[1].damage, "cut short");
	assert_string_equal(c->rows[1].link, "raw");
	assert_int_equal(c->progress_packets, 5);
	assert_int_equal(c->progress_size, 100);
}

static void
lines_split_at_every_offset_say_the_same(void **state)
{
	size_t len = sizeof(two_files) - 1;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct captures c;

		assert_int_equal(captures_init(&c), 0);
		captures_feed(&c, two_files, cut);
		captures_feed(&c, two_files + cut, len - cut);
		check_two_files(&c);
		captures_free(&c);
	}
}

static void
lines_byte_by_byte_say_the_same(void **state)
{
	struct captures c;

	(void)state;
	assert_int_equal(captures_init(&c), 0);
	for (size_t i = 0; i < sizeof(two_files) - 1; i++)
		captures_feed(&c, two_files + i, 1);
	check_two_files(&c);
	captures_free(&c);
}

static void
one_file_read_twice_is_two_rows(void **state)
{
	static const char line[] =
		"{\"event\":\"capture\",\"file\":\"a\",\"link\":\"raw\",\"packets\":1}\n";
	struct captures c;

	(void)state;
	assert_int_equal(captures_init(&c), 0);
	captures_feed(&c, line, sizeof(line) - 1);
	captures_feed(&c, line, sizeof(line) - 1);
	assert_int_equal(c.count, 2);
	captures_free(&c);
}

static void
lines_that_make_no_sense_are_counted_and_skipped(void **state)
{
	static const char *const bad[] = {"nonsense\n", "[]\n", "{}\n", "{\"event\":1}\n",
		"{\"event\":\"capture\"}\n", "{\"event\":\"new\",\"file\":\"a\"}\n",
		"{\"event\":\"capture\",\"file\":\"\xff\"}\n", "\xff\xfe\n", "null\n"};
	struct captures c;

	(void)state;
	assert_int_equal(captures_init(&c), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		captures_feed(&c, bad[i], strlen(bad[i]));
		assert_int_equal(c.bad_lines, i + 1);
	}
	/* Wrong types of what is optional are as good as absent. */
	static const char odd[] = "{\"event\":\"capture\",\"file\":\"a\",\"packets\":\"x\","
				  "\"bytes\":-5,\"first_ns\":1.5}\n";
	captures_feed(&c, odd, sizeof(odd) - 1);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.rows[0].packets + c.rows[0].bytes + c.rows[0].first_ns, 0);
	captures_free(&c);
}

static void
stop_by_a_signal_is_noted(void **state)
{
	static const char line[] = "{\"event\":\"stopped\",\"packets\":5}\n";
	struct captures c;

	(void)state;
	assert_int_equal(captures_init(&c), 0);
	assert_false(c.stopped);
	captures_feed(&c, line, sizeof(line) - 1);
	assert_true(c.stopped);
	assert_int_equal(c.bad_lines, 0);
	captures_free(&c);
}

static void
endless_line_is_dropped_whole(void **state)
{
	static const char tail[] = "{\"event\":\"capture\",\"file\":\"a\",\"packets\":1}\n";
	struct captures c;

	(void)state;
	assert_int_equal(captures_init(&c), 0);
	for (unsigned i = 0; i < 3 * CAPTURES_LINE_MAX; i++)
		captures_feed(&c, "x", 1);
	captures_feed(&c, "\n", 1);
	assert_int_equal(c.bad_lines, 1);
	captures_feed(&c, tail, sizeof(tail) - 1);
	assert_int_equal(c.count, 1);
	captures_free(&c);
}

static void
files_past_the_bound_are_counted(void **state)
{
	struct captures c;
	char line[100];

	(void)state;
	assert_int_equal(captures_init(&c), 0);
	for (unsigned i = 0; i < CAPTURES_MAX + 7; i++) {
		int n = snprintf(line, sizeof(line),
			"{\"event\":\"capture\",\"file\":\"%u\",\"link\":\"raw\"}\n", i);

		captures_feed(&c, line, (size_t)n);
	}
	assert_int_equal(c.count, CAPTURES_MAX);
	assert_int_equal(c.omitted, 7);
	captures_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_split_at_every_offset_say_the_same),
		cmocka_unit_test(lines_byte_by_byte_say_the_same),
		cmocka_unit_test(one_file_read_twice_is_two_rows),
		cmocka_unit_test(lines_that_make_no_sense_are_counted_and_skipped),
		cmocka_unit_test(stop_by_a_signal_is_noted),
		cmocka_unit_test(endless_line_is_dropped_whole),
		cmocka_unit_test(files_past_the_bound_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
