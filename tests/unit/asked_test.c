/* What smtap-export hears of reloads, whenever control and it begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

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

/* A control that has two steps, each told once it is asked for; and what it was asked. */
struct steps {
	int listener;
	char heard[3][256];
};

/* Its end may come apart from it. */
static void
hear_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && recv(fd, line + n, 1, 0) == 1 && line[n] != '\n')
		n++;
}

static void *
tell_steps(void *arg)
{
	static const char *const said[] = {"{\"reload\":1,\"step\":\"take\",\"at\":1}\n",
		"{\"reload\":2,\"step\":\"check\",\"at\":3}\n", "{\"ok\":true}\n"};
	struct steps *s = arg;
	int client = accept(s->listener, NULL, NULL);

	for (size_t i = 0; i < 3; i++) {
		hear_line(client, s->heard[i], sizeof(s->heard[i]));
		if (send(client, said[i], strlen(said[i]), MSG_NOSIGNAL) < 0)
			break;
	}
	close(client);
	return NULL;
}

/* It asks for what comes after it, and that is all that it hears. */
static void
reload_before_the_files_were_read_asks_for_nothing(void **state)
{
	struct place *p = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct steps steps = {.listener = socket(AF_UNIX, SOCK_STREAM, 0)};
	struct pollfd fd = {.events = POLLIN};
	enum feed_step step;
	struct asked *asked;
	pthread_t thread;

	strcpy(address.sun_path, p->socket);
	assert_int_equal(bind(steps.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(steps.listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, tell_steps, &steps), 0);
	assert_int_equal(asked_start(&asked, p->socket, 2), 0);
	fd.fd = asked_fd(asked);
	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	assert_true(asked_take(asked, &step));
	assert_int_equal(step, FEED_CHECK);
	asked_done(asked, "line 3: no");
	pthread_join(thread, NULL);
	asked_stop(asked);
	close(steps.listener);
	unlink(p->socket);
	assert_non_null(strstr(steps.heard[1], "\"seen\":1"));
	assert_non_null(strstr(steps.heard[2], "line 3: no"));
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
		cmocka_unit_test_setup_teardown(
			reload_before_the_files_were_read_asks_for_nothing, set_up, tear_down),
		TEST(each_step_is_heard_and_answered),
		TEST(reload_of_a_control_that_came_meanwhile_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
