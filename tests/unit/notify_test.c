/* What the service manager hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/notify.h"

#define SECOND NS_PER_S

/* The service manager's socket. */
struct manager {
	int fd;
	struct notify notify;
};

static int
set_up(void **state)
{
	struct manager *m = calloc(1, sizeof(*m));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);

	/* The kernel chooses a name that nobody else has. */
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
		getsockname(m->fd, (struct sockaddr *)&address, &len) != 0)
		return -1;
	address.sun_path[0] = '@';
	address.sun_path[len - offsetof(struct sockaddr_un, sun_path)] = '\0';
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	setenv("WATCHDOG_USEC", "4000000", 1);
	unsetenv("WATCHDOG_PID");
	notify_begin(&m->notify);
	*state = m;
	return 0;
}

static int
tear_down(void **state)
{
	struct manager *m = *state;

	close(m->fd);
	free(m);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	return 0;
}

static void
assert_heard(struct manager *m, const char *want)
{
	char buf[512];
	ssize_t n = recv(m->fd, buf, sizeof(buf) - 1, 0);

	buf[n < 0 ? 0 : n] = '\0';
	assert_string_equal(buf, want);
}

static void
each_word_is_what_systemd_knows(void **state)
{
	struct manager *m = *state;

	notify_ready(&m->notify);
	assert_heard(m, "READY=1");
	notify_reloading(&m->notify, 7 * SECOND);
	assert_heard(m, "RELOADING=1\nMONOTONIC_USEC=7000000");
	notify_stopping(&m->notify);
	assert_heard(m, "STOPPING=1");
	assert_heard(m, "");
}

static void
a_status_is_told_once(void **state)
{
	struct manager *m = *state;

	notify_status(&m->notify, "%u workers", 2);
	assert_heard(m, "STATUS=2 workers");
	notify_status(&m->notify, "%u workers", 2);
	assert_heard(m, "");
	notify_status(&m->notify, "%u workers", 3);
	assert_heard(m, "STATUS=3 workers");
}

static void
alive_is_told_at_half_of_the_watchdogs_time(void **state)
{
	struct manager *m = *state;
	uint64_t mark = 0;

	for (uint64_t s = 1; s <= 6; s++) {
		mark++;
		notify_alive(&m->notify, &mark, 1, s * SECOND);
		assert_heard(m, s % 2 == 1 ? "WATCHDOG=1" : "");
	}
}

static void
a_loop_that_hangs_is_not_alive(void **state)
{
	struct manager *m = *state;
	uint64_t marks[2] = {1, 1};

	notify_alive(&m->notify, marks, 2, SECOND);
	assert_heard(m, "WATCHDOG=1");
	for (uint64_t s = 3; s < 20; s++) {
		marks[0]++;
		notify_alive(&m->notify, marks, 2, s * SECOND);
		assert_heard(m, "");
	}
	/* It goes on: each turned since we last said so, though not between two looks. */
	marks[1]++;
	notify_alive(&m->notify, marks, 2, 20 * SECOND);
	assert_heard(m, "WATCHDOG=1");
}

static void
nobody_who_asks_is_nothing_said(void **state)
{
	struct manager *m = *state;
	struct notify quiet;
	uint64_t mark = 1;
	char *socket = strdup(getenv("NOTIFY_SOCKET"));

	unsetenv("NOTIFY_SOCKET");
	notify_begin(&quiet);
	setenv("NOTIFY_SOCKET", socket, 1);
	free(socket);
	notify_ready(&quiet);
	notify_status(&quiet, "here");
	notify_alive(&quiet, &mark, 1, SECOND);
	notify_stopping(&quiet);
	assert_heard(m, "");
}

static void
without_a_watchdog_nothing_is_said_of_life(void **state)
{
	struct manager *m = *state;
	uint64_t mark = 1;

	unsetenv("WATCHDOG_USEC");
	notify_begin(&m->notify);
	notify_alive(&m->notify, &mark, 1, SECOND);
	assert_heard(m, "");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(each_word_is_what_systemd_knows),
		T(a_status_is_told_once),
		T(alive_is_told_at_half_of_the_watchdogs_time),
		T(a_loop_that_hangs_is_not_alive),
		T(nobody_who_asks_is_nothing_said),
		T(without_a_watchdog_nothing_is_said_of_life),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
