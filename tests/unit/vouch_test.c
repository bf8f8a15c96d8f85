/* What a service manager hears of the daemons of smtap run. */
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
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/duration.h"
#include "cli/vouch.h"

#define SECOND NS_PER_S

/* The service manager's socket, and daemons that wait for what they are to say. */
struct manager {
	int fd;
	struct vouch vouch;
	pid_t pids[VOUCHED_COUNT];
	int say[VOUCHED_COUNT];  /* pipes to them */
	int said[VOUCHED_COUNT]; /* and from them: it is sent */
	uint64_t now_ns;
};

/* A process that says each line it reads, up to an empty byte, to whom its environment names. */
static void __attribute__((noreturn)) be_daemon(const struct vouch *v, int say, int said)
{
	char text[800];
	ssize_t n;

	vouch_enter(v);
	while ((n = read(say, text, sizeof(text))) > 0) {
		sd_notify(0, text);
		if (write(said, "x", 1) != 1)
			break;
	}
	_exit(0);
}

static void
start(struct manager *m, enum vouched which)
{
	int say[2], said[2];

	assert_int_equal(pipe(say), 0);
	assert_int_equal(pipe(said), 0);
	m->pids[which] = fork();
	assert_true(m->pids[which] >= 0);
	if (m->pids[which] == 0) {
		close(say[1]);
		for (unsigned i = 0; i < VOUCHED_COUNT; i++)
			if (m->say[i] > 0)
				close(m->say[i]);
		be_daemon(&m->vouch, say[0], said[1]);
	}
	close(say[0]);
	close(said[1]);
	m->say[which] = say[1];
	m->said[which] = said[0];
}

static void
end(struct manager *m, enum vouched which)
{
	if (m->pids[which] == 0)
		return;
	close(m->say[which]);
	close(m->said[which]);
	waitpid(m->pids[which], NULL, 0);
	m->pids[which] = 0;
	m->say[which] = 0;
}

static void
look(struct manager *m)
{
	vouch_look(&m->vouch, m->pids, m->now_ns);
}

static void
say_unheard(struct manager *m, enum vouched which, const char *text)
{
	char x;

	assert_int_equal(write(m->say[which], text, strlen(text) + 1), strlen(text) + 1);
	assert_int_equal(read(m->said[which], &x, 1), 1);
}

static void
say(struct manager *m, enum vouched which, const char *text)
{
	say_unheard(m, which, text);
	look(m);
}

/* All but what is told of status: each message with a newline. */
static void
assert_heard(struct manager *m, const char *want)
{
	char all[2048] = "", text[800];
	ssize_t n;

	while ((n = recv(m->fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		if (strncmp(text, "STATUS=", 7) != 0)
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s\n", text);
	}
	assert_string_equal(all, want);
}

/* The last status. */
static void
assert_status(struct manager *m, const char *want)
{
	char last[800] = "", text[800];
	ssize_t n;

	while ((n = recv(m->fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		if (strncmp(text, "STATUS=", 7) == 0)
			strcpy(last, text + 7);
	}
	assert_string_equal(last, want);
}

static int
set_up(void **state)
{
	struct manager *m = calloc(1, sizeof(*m));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);

	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
		getsockname(m->fd, (struct sockaddr *)&address, &len) != 0)
		return -1;
	address.sun_path[0] = '@';
	address.sun_path[len - offsetof(struct sockaddr_un, sun_path)] = '\0';
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	setenv("WATCHDOG_USEC", "4000000", 1);
	m->now_ns = 1000 * SECOND;
	*state = m;
	if (vouch_open(&m->vouch) != 0)
		return -1;
	start(m, VOUCHED_DATAPLANE);
	start(m, VOUCHED_CONTROL);
	look(m);
	return 0;
}

static int
tear_down(void **state)
{
	struct manager *m = *state;

	for (unsigned i = 0; i < VOUCHED_COUNT; i++)
		end(m, i);
	vouch_close(&m->vouch);
	close(m->fd);
	free(m);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	return 0;
}

static void
both_ready(struct manager *m)
{
	char text[800];

	say(m, VOUCHED_DATAPLANE, "READY=1");
	say(m, VOUCHED_CONTROL, "READY=1");
	/* What was moved as they began is told. */
	m->now_ns += 10 * SECOND;
	say(m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	while (recv(m->fd, text, sizeof(text), 0) >= 0)
		;
}

static void
ready_is_told_when_both_are(void **state)
{
	struct manager *m = *state;

	assert_heard(m, "WATCHDOG=1\n"); /* those that begin need not say so yet */
	say(m, VOUCHED_DATAPLANE, "READY=1");
	assert_heard(m, "");
	say(m, VOUCHED_CONTROL, "READY=1");
	assert_heard(m, "READY=1\n");
	end(m, VOUCHED_CONTROL);
	look(m);
	start(m, VOUCHED_CONTROL);
	look(m);
	say(m, VOUCHED_CONTROL, "READY=1");
	assert_heard(m, "");
}

static void
alive_is_told_when_each_was_since_the_last_time(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	m->now_ns += 10 * SECOND;
	say(m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	say(m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	assert_heard(m, "");
	say(m, VOUCHED_CONTROL, "WATCHDOG=1");
	assert_heard(m, "WATCHDOG=1\n");
	m->now_ns += 10 * SECOND;
	say(m, VOUCHED_CONTROL, "WATCHDOG=1");
	assert_heard(m, "");
	say(m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	assert_heard(m, "WATCHDOG=1\n");
}

static void
who_does_not_run_is_not_waited_for(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	m->now_ns += 10 * SECOND;
	end(m, VOUCHED_CONTROL);
	say(m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	assert_heard(m, "WATCHDOG=1\n");
}

static void
who_begins_for_too_long_is_not_alive(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	m->now_ns += 10 * SECOND;
	end(m, VOUCHED_DATAPLANE);
	start(m, VOUCHED_DATAPLANE);
	look(m);
	m->now_ns += 100 * SECOND;
	say(m, VOUCHED_CONTROL, "WATCHDOG=1");
	assert_heard(m, "WATCHDOG=1\n");
	m->now_ns += 100 * SECOND;
	say(m, VOUCHED_CONTROL, "WATCHDOG=1");
	assert_heard(m, "");
}

static void
a_reload_of_either_is_one(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	say(m, VOUCHED_CONTROL, "RELOADING=1\nMONOTONIC_USEC=7");
	assert_heard(m, "RELOADING=1\nMONOTONIC_USEC=1010000000\n");
	say(m, VOUCHED_DATAPLANE, "RELOADING=1\nMONOTONIC_USEC=8");
	say(m, VOUCHED_DATAPLANE, "READY=1");
	assert_heard(m, "");
	say(m, VOUCHED_CONTROL, "READY=1");
	assert_heard(m, "READY=1\n");
}

static void
a_reload_that_is_over_at_the_next_look_is_told(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	say_unheard(m, VOUCHED_CONTROL, "RELOADING=1\nMONOTONIC_USEC=7");
	say(m, VOUCHED_CONTROL, "READY=1");
	assert_heard(m, "RELOADING=1\nMONOTONIC_USEC=1010000000\nREADY=1\n");
}

static void
the_end_of_who_reloads_ends_the_reload(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	say(m, VOUCHED_CONTROL, "RELOADING=1");
	end(m, VOUCHED_CONTROL);
	look(m);
	assert_heard(m, "RELOADING=1\nMONOTONIC_USEC=1010000000\nREADY=1\n");
}

static void
status_has_what_each_says_of_itself(void **state)
{
	struct manager *m = *state;

	say(m, VOUCHED_DATAPLANE, "STATUS=2 workers");
	say(m, VOUCHED_CONTROL, "STATUS=9 packets");
	assert_status(m, "dataplane: 2 workers; control: 9 packets");
	say(m, VOUCHED_CONTROL, "STATUS=\x1b[31mred");
	assert_status(m, "");
	end(m, VOUCHED_CONTROL);
	look(m);
	assert_status(m, "dataplane: 2 workers; control: does not run");
}

static void
nobody_else_is_heard(void **state)
{
	struct manager *m = *state;
	char own[108];

	both_ready(m);
	m->now_ns += 10 * SECOND;
	say(m, VOUCHED_CONTROL, "WATCHDOG=1");
	snprintf(own, sizeof(own), "%s", getenv("NOTIFY_SOCKET"));
	vouch_enter(&m->vouch);
	sd_notify(0, "WATCHDOG=1\nREADY=1\nSTATUS=all is well");
	setenv("NOTIFY_SOCKET", own, 1);
	look(m);
	assert_heard(m, "");
}

static void
all_stop_at_once(void **state)
{
	struct manager *m = *state;

	both_ready(m);
	vouch_stopping(&m->vouch);
	assert_heard(m, "STOPPING=1\n");
}

static void
without_a_manager_and_with_its_watchdog_off_nothing_is_opened(void **state)
{
	struct vouch v;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "0", 1);
	assert_int_equal(vouch_open(&v), 0);
	assert_int_equal(v.fd, -1);
	assert_int_equal(vouch_patience_ms(&v), -1);
	vouch_look(&v, (pid_t[VOUCHED_COUNT]){1, 2, 3}, 0);
	assert_int_equal(vouch_hung(&v), VOUCHED_COUNT);
	vouch_stopping(&v);
	vouch_close(&v);
}

/* Nobody but us looks, and all begin at 1000 s. */
static void
without_a_manager(struct manager *m)
{
	memset(m, 0, sizeof(*m));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(vouch_open(&m->vouch), 0);
	m->now_ns = 1000 * SECOND;
	start(m, VOUCHED_DATAPLANE);
	start(m, VOUCHED_CONTROL);
	look(m);
}

static void
pass(struct manager *m, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i += 10) {
		m->now_ns += 10 * SECOND;
		look(m);
	}
}

static void
without_a_manager_who_is_not_alive_for_90_s_hangs(void **state)
{
	struct manager m;

	(void)state;
	without_a_manager(&m);
	say(&m, VOUCHED_DATAPLANE, "READY=1");
	say(&m, VOUCHED_CONTROL, "READY=1");
	pass(&m, 60);
	say(&m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	pass(&m, 20);
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_COUNT);
	pass(&m, 10);
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_CONTROL);
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_COUNT); /* told once */
	end(&m, VOUCHED_CONTROL);
	start(&m, VOUCHED_CONTROL);
	pass(&m, 50);
	say(&m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_COUNT); /* another one, which begins */
	end(&m, VOUCHED_CONTROL);
	end(&m, VOUCHED_DATAPLANE);
	vouch_close(&m.vouch);
}

static void
who_begins_has_two_minutes_more(void **state)
{
	struct manager m;

	(void)state;
	without_a_manager(&m);
	say(&m, VOUCHED_DATAPLANE, "READY=1");
	for (unsigned i = 0; i < 20; i++) {
		pass(&m, 10);
		say(&m, VOUCHED_DATAPLANE, "WATCHDOG=1");
	}
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_COUNT);
	pass(&m, 10);
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_CONTROL);
	end(&m, VOUCHED_CONTROL);
	end(&m, VOUCHED_DATAPLANE);
	vouch_close(&m.vouch);
}

static void
nobody_hangs_for_time_that_we_did_not_look(void **state)
{
	struct manager m;

	(void)state;
	without_a_manager(&m);
	say(&m, VOUCHED_DATAPLANE, "READY=1");
	say(&m, VOUCHED_CONTROL, "READY=1");
	m.now_ns += 500 * SECOND;
	look(&m);
	assert_int_equal(vouch_hung(&m.vouch), VOUCHED_COUNT);
	end(&m, VOUCHED_CONTROL);
	end(&m, VOUCHED_DATAPLANE);
	vouch_close(&m.vouch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ready_is_told_when_both_are, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			alive_is_told_when_each_was_since_the_last_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_does_not_run_is_not_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_begins_for_too_long_is_not_alive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_of_either_is_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_reload_that_is_over_at_the_next_look_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_end_of_who_reloads_ends_the_reload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			status_has_what_each_says_of_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_else_is_heard, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_stop_at_once, set_up, tear_down),
		cmocka_unit_test(without_a_manager_and_with_its_watchdog_off_nothing_is_opened),
		cmocka_unit_test(without_a_manager_who_is_not_alive_for_90_s_hangs),
		cmocka_unit_test(who_begins_has_two_minutes_more),
		cmocka_unit_test(nobody_hangs_for_time_that_we_did_not_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
