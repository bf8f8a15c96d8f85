/* spawn_await: what is tried before anything starts leaves nobody behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/spawn.h"

#define WAIT_MS 20000
#define NEVER_MS 600000

/* It hears of nothing but SIGKILL; says so, and waits for what never comes. */
static const char waits[] = "trap '' TERM INT HUP; echo; read -r line <&\"$1\"";

/* Its exit status, as spawn_await has it. */
static int
await_script(const char *text, unsigned limit_ms, int out, int never)
{
	struct args args = {0};

	args_add(&args, "/bin/bash");
	args_add(&args, "-c");
	args_add(&args, text);
	args_add(&args, "sh");
	args_add_number(&args, never);
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	int status = spawn_await(&args, limit_ms);
	args_free(&args);
	return status;
}

/* In a process of its own. Whoever is alive of it and of what it started has out. */
static pid_t
await_apart(const char *text, unsigned limit_ms, const int out[2], const int never[2])
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close(out[0]);
		close(never[1]);
		_exit(await_script(text, limit_ms, out[1], never[0]));
	}
	close(out[1]);
	return pid;
}

/* Does it say a word, or end? Not for ever. */
static ssize_t
hear(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char word;

	return poll(&p, 1, WAIT_MS) == 1 ? read(fd, &word, 1) : -1;
}

static void
exit_status_is_handed_on(void **state)
{
	(void)state;
	assert_int_equal(await_script("exit 0", NEVER_MS, -1, -1), 0);
	assert_int_equal(await_script("exit 65", NEVER_MS, -1, -1), 65);
	assert_int_equal(await_script("kill -9 $$", NEVER_MS, -1, -1), COMMAND_FAILED);
}

static void
who_is_waited_for_ends_with_us(void **state)
{
	int out[2], never[2], fate;

	(void)state;
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(never), 0);
	pid_t pid = await_apart(waits, NEVER_MS, out, never);
	assert_int_equal(hear(out[0]), 1);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &fate, 0), pid);
	assert_true(WIFSIGNALED(fate));
	ssize_t left = hear(out[0]);
	close(never[1]); /* one that is left goes now */
	close(never[0]);
	close(out[0]);
	assert_int_equal(left, 0);
}

static void
who_takes_too_long_is_killed(void **state)
{
	int out[2], never[2], fate;

	(void)state;
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(never), 0);
	pid_t pid = await_apart(waits, 1, out, never);
	ssize_t left = hear(out[0]);
	if (left == 1)
		left = hear(out[0]); /* the word came before the end */
	kill(pid, SIGKILL);
	close(never[1]);
	close(never[0]);
	close(out[0]);
	assert_int_equal(waitpid(pid, &fate, 0), pid);
	assert_int_equal(left, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status_is_handed_on),
		cmocka_unit_test(who_is_waited_for_ends_with_us),
		cmocka_unit_test(who_takes_too_long_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
