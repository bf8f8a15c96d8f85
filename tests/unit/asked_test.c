/* What smtap-export hears of reloads, whenever control and it begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/asked.h"
#include "tests/unit/outlet_place.h"

#define WAIT_MS 20000

static uint64_t
now_ns(void)
{
	return clock_now_ns(CLOCK_MONOTONIC);
}

/* It is asked for that step, does it, and says so. */
static void
expect_step(struct place *p, struct asked *asked, enum feed_step want, const char *why)
{
	struct pollfd fd = {.fd = asked_fd(asked), .events = POLLIN};
	char said[OUTLET_WHY_MAX] = "";
	enum feed_step step;

	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	assert_true(asked_take(asked, &step));
	assert_int_equal(step, want);
	asked_done(asked, why);
	for (uint64_t end = now_ns() + WAIT_MS * NS_PER_MS; !outlet_reloaded(p->outlet, said);)
		assert_true(now_ns() < end);
	assert_string_equal(said, why);
}

static void
reload_after_the_files_were_read_and_before_control_is_asked_is_heard(void **state)
{
	struct place *p = *state;
	struct asked *asked;
	uint64_t read_ns = now_ns();

	outlet_reload(p->outlet, OUTLET_TAKE);
	assert_int_equal(asked_start(&asked, p->socket, read_ns), 0);
	expect_step(p, asked, FEED_TAKE, "");
	asked_stop(asked);
}

static void
reload_before_the_files_were_read_asks_for_nothing(void **state)
{
	struct place *p = *state;
	struct asked *asked;

	outlet_reload(p->outlet, OUTLET_TAKE);
	assert_int_equal(asked_start(&asked, p->socket, now_ns()), 0);
	/* What it does hear is the next one. */
	outlet_reload(p->outlet, OUTLET_CHECK);
	expect_step(p, asked, FEED_CHECK, "line 3: no");
	asked_stop(asked);
}

static void
each_step_is_heard_and_answered(void **state)
{
	static const struct {
		enum outlet_step step;
		enum feed_step heard;
	} steps[] = {{OUTLET_CHECK, FEED_CHECK}, {OUTLET_TAKE, FEED_TAKE},
		{OUTLET_CHECK, FEED_CHECK}, {OUTLET_DROP, FEED_DROP}};
	struct place *p = *state;
	struct asked *asked;

	assert_int_equal(asked_start(&asked, p->socket, now_ns()), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		outlet_reload(p->outlet, steps[i].step);
		expect_step(p, asked, steps[i].heard, "");
	}
	asked_stop(asked);
}

static void
reload_of_a_control_that_came_meanwhile_is_heard(void **state)
{
	struct place *p = *state;
	struct asked *asked;

	assert_int_equal(asked_start(&asked, p->socket, now_ns()), 0);
	outlet_reload(p->outlet, OUTLET_TAKE);
	expect_step(p, asked, FEED_TAKE, "");
	assert_int_equal(close_control(p), 0);
	open_control(p);
	/* As many steps as of the one before. */
	outlet_reload(p->outlet, OUTLET_TAKE);
	expect_step(p, asked, FEED_TAKE, "");
	asked_stop(asked);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_running, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(reload_after_the_files_were_read_and_before_control_is_asked_is_heard),
		TEST(reload_before_the_files_were_read_asks_for_nothing),
		TEST(each_step_is_heard_and_answered),
		TEST(reload_of_a_control_that_came_meanwhile_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
