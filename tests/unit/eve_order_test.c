/* When alerts are written, by who follows a run that may die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/export/eve.h"

/* What happened, in order. */
struct order {
	char text[64];
};

static uint64_t
note_write(void *arg, const char *lines, size_t len)
{
	(void)lines;
	(void)len;
	strcat(((struct order *)arg)->text, "written ");
	return 0;
}

static void
note_alert(void *arg, const struct eve_alert *alert)
{
	(void)alert;
	strcat(((struct order *)arg)->text, "told ");
}

static void
note_before(void *arg)
{
	strcat(((struct order *)arg)->text, "stored ");
}

/* Who comes after a control that died knows what the store has. */
static void
an_alert_is_written_after_it_was_stored(void **state)
{
	static const struct pattern_set no_patterns;
	static struct config config;
	struct order order = {""};
	struct eve_options options = {.config = &config,
		.patterns = &no_patterns,
		.write = note_write,
		.write_arg = &order,
		.alert = note_alert,
		.before = note_before,
		.arg = &order};
	const struct eve_loss loss = {.packets = 10, .lost = 5, .begins = true};

	(void)state;
	config_defaults(&config);
	struct eve *eve = eve_open(&options);
	assert_non_null(eve);
	eve_sensor_loss(eve, &loss, 1);
	assert_string_equal(order.text, "told ");
	eve_flush(eve);
	assert_string_equal(order.text, "told stored written ");
	eve_close(eve);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_is_written_after_it_was_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
