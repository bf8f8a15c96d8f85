/* What smtap top shows of an answer, in a window of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top/screen.h"

/* %d: clock in ns, packets received. */
static json_t *
status(json_int_t clock_ns, json_int_t packets, unsigned people)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:b, s:i, s:{s:I, s:i, s:i}, s:[], s:[], s:[]}",
		"version", "0.1", "time", "2026-11-22T11:35:01.123456+0000", "started",
		"2026-11-22T10:00:00.000000+0000", "clock_ns", clock_ns, "losing", 0, "sensor_loss",
		7, "counters", "rx_packets", packets, "port_missed", 0, "auth_attempts", 12345,
		"incidents", "top_sources", "top_accounts");

	assert_non_null(o);
	for (unsigned i = 0; i < people; i++) {
		json_array_append_new(json_object_get(o, "top_sources"),
			json_pack("{s:s, s:i, s:i}", "source", "192.0.2.1", "failures", i,
				"successes", 1));
		json_array_append_new(json_object_get(o, "top_accounts"),
			json_pack("{s:s, s:i}", "account", "d\u00e4ve\x1f", "failures", i));
		json_array_append_new(json_object_get(o, "incidents"),
			json_pack("{s:i, s:s, s:s, s:s, s:[s,s], s:[s]}", "incident_id", i + 1,
				"severity", "critical", "stage", "guessing", "last_seen",
				"2026-11-22T11:34:59.000000+0000", "sources", "198.51.100.9",
				"198.51.100.10", "accounts", "dave"));
	}
	return o;
}

static struct screen *
shown(unsigned rows, unsigned columns, json_t *now, json_t *before)
{
	struct screen *s = calloc(1, sizeof(*s));

	s->rows = rows;
	s->columns = columns;
	screen_fill(s, now, before);
	json_decref(now);
	json_decref(before);
	return s;
}

static bool
has(const struct screen *s, const char *text)
{
	for (unsigned i = 0; i < s->used; i++)
		if (strstr(s->line[i], text))
			return true;
	return false;
}

static void
rates_are_of_the_time_between_two_answers(void **state)
{
	struct screen *s = shown(24, 80, status(3000000000, 90500, 0), status(1000000000, 500, 0));

	(void)state;
	assert_true(has(s, "packets/s 45.0 k"));
	assert_true(has(s, "attempts 12.3 k"));
	assert_true(has(s, "losses known 7"));
	assert_true(has(s, "11:35:01 UTC, up since 10:00:00"));
	assert_true(has(s, "no incident is open"));
	assert_false(has(s, "LOSES"));
	free(s);
}

static void
one_answer_or_a_restart_between_two_gives_no_rate(void **state)
{
	struct screen *s = shown(24, 80, status(3000000000, 90500, 0), NULL);

	(void)state;
	assert_true(has(s, "packets/s 0 "));
	free(s);
	s = shown(24, 80, status(3000000000, 10, 0), status(1000000000, 90500, 0));
	assert_true(has(s, "packets/s 0 "));
	free(s);
}

static void
every_part_has_room_in_80_by_24(void **state)
{
	struct screen *s = shown(24, 80, status(1, 1, 50), NULL);

	(void)state;
	assert_int_equal(s->used, 24);
	assert_true(
		has(s, "     1 critical  guessing    11:34:59  198.51.100.9           +1  dave"));
	assert_true(has(s, "more: smtap incidents --open"));
	assert_true(has(s, "192.0.2.1"));
	assert_true(has(s, "SOURCE"));
	free(s);
}

static void
no_line_is_longer_than_the_window_whatever_its_size(void **state)
{
	(void)state;
	for (unsigned rows = 0; rows < 40; rows++) {
		for (unsigned columns = 1; columns < 120; columns += 7) {
			struct screen *s = shown(rows, columns, status(1, 1, 20), NULL);

			assert_true(s->used <= rows);
			for (unsigned i = 0; i < s->used; i++)
				assert_true(strlen(s->line[i]) <= columns);
			free(s);
		}
	}
}

static void
names_cannot_speak_to_the_terminal(void **state)
{
	struct screen *s = shown(24, 80, status(1, 1, 1), NULL);

	(void)state;
	assert_true(has(s, "d?ve?"));
	for (unsigned i = 0; i < s->used; i++)
		for (const char *p = s->line[i]; *p; p++)
			assert_in_range(*p, 32, 126);
	free(s);
}

static void
an_answer_without_anything_is_shown_as_such(void **state)
{
	struct screen *s = shown(24, 80, json_object(), json_object());

	(void)state;
	assert_true(s->used > 4);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_of_the_time_between_two_answers),
		cmocka_unit_test(one_answer_or_a_restart_between_two_gives_no_rate),
		cmocka_unit_test(every_part_has_room_in_80_by_24),
		cmocka_unit_test(no_line_is_longer_than_the_window_whatever_its_size),
		cmocka_unit_test(names_cannot_speak_to_the_terminal),
		cmocka_unit_test(an_answer_without_anything_is_shown_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
