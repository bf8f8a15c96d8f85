/* confine: each case in a process of its own, since what is given up does not come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"

#define SAID_MAX 512
#define WITHOUT_LISTS 4u /* cases that need none: the first ones */

/* What case_fn returns is its exit status; what it says on standard error goes to said. */
static int
run_apart(int (*case_fn)(void), char said[SAID_MAX])
{
	int said_fd[2], fate;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe(said_fd), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(said_fd[1], STDERR_FILENO);
		close(said_fd[0]);
		_exit(case_fn());
	}
	close(said_fd[1]);
	while ((n = read(said_fd[0], said + len, SAID_MAX - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(said_fd[0]);
	assert_int_equal(waitpid(pid, &fate, 0), pid);
	return fate;
}

static int
confined(enum confine_network network)
{
	const struct confine_calls calls = {.network = network};
	char why[CONFINE_WHY_MAX];

	return confine_calls(&calls, why);
}

static int
call_forbidden(void)
{
	if (confined(CONFINE_UNIX_ONLY) != 0)
		return 2;
	return syscall(SYS_ptrace, 0, 0, 0, 0) == 0 ? 0 : 3;
}

static int
exec_something(void)
{
	char *const argv[] = {"true", NULL};

	if (confined(CONFINE_CLIENT) != 0)
		return 2;
	execv("/bin/true", argv);
	return 3;
}

static int
open_network(void)
{
	if (confined(CONFINE_UNIX_ONLY) != 0)
		return 2;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 3;
}

static int
open_packets(void)
{
	if (confined(CONFINE_CLIENT) != 0)
		return 2;
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 0 : 3;
}

static void *
forbidden_thread(void *gate)
{
	char byte;

	if (read(*(int *)gate, &byte, 1) == 1)
		syscall(SYS_ptrace, 0, 0, 0, 0);
	return NULL;
}

/* A thread that was there before. */
static int
call_in_older_thread(void)
{
	pthread_t thread;
	int gate[2];

	if (pipe(gate) != 0 || pthread_create(&thread, NULL, forbidden_thread, &gate[0]) != 0)
		return 2;
	if (confined(CONFINE_UNIX_ONLY) != 0 || write(gate[1], "", 1) != 1)
		return 2;
	pthread_join(thread, NULL);
	return 0;
}

static void
ignore(int number)
{
	(void)number;
}

/* Whoever wants to go on after a refusal. */
static int
take_the_handlers_place(void)
{
	if (confined(CONFINE_UNIX_ONLY) != 0)
		return 2;
	signal(SIGSYS, ignore);
	syscall(SYS_ptrace, 0, 0, 0, 0);
	return 0;
}

static int
do_the_usual(void)
{
	char name[] = "/tmp/confine-XXXXXX";

	if (confined(CONFINE_CLIENT) != 0)
		return 2;
	int fd = mkstemp(name);
	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || unlink(name) != 0)
		return 3;
	void *block = malloc(1 << 24);
	int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0);
	bool good = block && s >= 0 && u >= 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	free(block);
	return good ? 0 : 4;
}

static void
assert_ends(int (*case_fn)(void), long call)
{
	char said[SAID_MAX], number[64];

	int fate = run_apart(case_fn, said);
	assert_true(WIFSIGNALED(fate));
	assert_int_equal(WTERMSIG(fate), SIGSYS);
	snprintf(number, sizeof(number), "smtap: system call %ld is not", call);
	assert_non_null(strstr(said, number));
	assert_non_null(strchr(said, '\n'));
}

static void
forbidden_call_ends_the_process_and_says_which(void **state)
{
	(void)state;
	assert_ends(call_forbidden, SYS_ptrace);
}

static void
no_program_can_be_started(void **state)
{
	(void)state;
	assert_ends(exec_something, SYS_execve);
}

static void
without_network_only_unix_sockets_are_made(void **state)
{
	(void)state;
	assert_ends(open_network, SYS_socket);
	assert_ends(open_packets, SYS_socket);
}

static void
threads_that_were_there_before_are_confined_too(void **state)
{
	(void)state;
	assert_ends(call_in_older_thread, SYS_ptrace);
}

static void
refusal_cannot_be_caught_and_gone_on_from(void **state)
{
	(void)state;
	assert_ends(take_the_handlers_place, SYS_rt_sigaction);
}

static void
files_memory_and_sockets_work_on(void **state)
{
	char said[SAID_MAX];

	(void)state;
	assert_int_equal(run_apart(do_the_usual, said), 0);
}

static int
become_nobody(void)
{
	const unsigned keep[] = {CAP_NET_RAW};
	const struct confine_user to = {.user = "nobody", .keep = keep, .keep_count = 1};
	char why[CONFINE_WHY_MAX], line[256];
	unsigned long long effective = 0;

	if (confine_user(&to, why) != 0)
		return 2;
	if (getuid() != getpwnam("nobody")->pw_uid || geteuid() == 0 || setuid(0) == 0)
		return 3;
	FILE *status = fopen("/proc/thread-self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "CapEff: %llx", &effective);
	return effective == 1ull << CAP_NET_RAW ? 0 : 4;
}

static void
root_becomes_another_user_with_only_what_is_named(void **state)
{
	char said[SAID_MAX];

	(void)state;
	if (geteuid() != 0)
		return; /* nothing to give up; cmocka's skip() is a failure to meson */
	assert_int_equal(run_apart(become_nobody, said), 0);
}

static int
become_nobody_and_ask(void)
{
	const struct confine_user to = {.user = "nobody"};
	char why[CONFINE_WHY_MAX];
	int told = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || confine_user(&to, why) != 0)
		return 2;
	return prctl(PR_GET_PDEATHSIG, &told) == 0 && told == SIGTERM ? 0 : 3;
}

static void
who_becomes_another_user_is_still_told_of_its_parents_death(void **state)
{
	char said[SAID_MAX];

	(void)state;
	if (geteuid() != 0)
		return; /* nothing to give up; cmocka's skip() is a failure to meson */
	assert_int_equal(run_apart(become_nobody_and_ask, said), 0);
}

static void
user_that_is_not_there_is_an_error_that_names_it(void **state)
{
	const struct confine_user to = {.user = "no-such-user"};
	char why[CONFINE_WHY_MAX] = "";

	(void)state;
	assert_int_equal(confine_user(&to, why), -ENOENT);
	assert_non_null(strstr(why, "no-such-user"));
}

static void
root_is_not_a_user_to_become(void **state)
{
	const struct confine_user to = {.user = "root"};
	char why[CONFINE_WHY_MAX] = "";

	(void)state;
	if (geteuid() != 0)
		return; /* nothing to give up; cmocka's skip() is a failure to meson */
	assert_int_equal(confine_user(&to, why), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_that_is_not_there_is_an_error_that_names_it),
		cmocka_unit_test(root_is_not_a_user_to_become),
		cmocka_unit_test(root_becomes_another_user_with_only_what_is_named),
		cmocka_unit_test(who_becomes_another_user_is_still_told_of_its_parents_death),
		/* From here on with lists of calls. */
		cmocka_unit_test(forbidden_call_ends_the_process_and_says_which),
		cmocka_unit_test(no_program_can_be_started),
		cmocka_unit_test(without_network_only_unix_sockets_are_made),
		cmocka_unit_test(threads_that_were_there_before_are_confined_too),
		cmocka_unit_test(refusal_cannot_be_caught_and_gone_on_from),
		cmocka_unit_test(files_memory_and_sockets_work_on),
	};

	/* Sanitizers make calls of their own: there is no list under them. cmocka's skip() would be
	   a failure to meson. */
	size_t count = sizeof(tests) / sizeof(tests[0]);
	if (!confine_is_on())
		count = WITHOUT_LISTS;
	return _cmocka_run_group_tests("confine", tests, count, NULL, NULL);
}
