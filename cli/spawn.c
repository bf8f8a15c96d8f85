#include "cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"

static void __attribute__((noreturn)) spawn_exec(const struct spawn *s, pid_t parent)
{
	char *const *v = s->args->v;

	/* Ctrl-C on a terminal reaches every process of the group; we pass it on. */
	signal(SIGINT, SIG_IGN);
	if (!s->outlives_us) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		/* Dead before that: nobody tells us any more. */
		if (getppid() != parent)
			_exit(COMMAND_FAILED);
	}
	for (unsigned i = 0; i < 2; i++)
		if (s->fds[i].fd >= 0)
			fcntl(s->fds[i].fd, F_SETFD, 0);
	/* logrotate may come at any moment: who starts reads it when it can, and is not killed. */
	sigset_t mask = *s->mask;
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	vouch_enter(s->vouch);
	execv(v[0], v);
	command_fail(COMMAND_FAILED, "%s: %s", v[0], strerror(errno));
	_exit(COMMAND_FAILED);
}

/* The descriptors' numbers among the arguments; false: out of memory. */
static bool
spawn_number(const struct spawn *s)
{
	char **v = s->args->v;

	for (unsigned i = 0; i < 2; i++) {
		char number[24];

		if (s->fds[i].fd < 0)
			continue;
		snprintf(number, sizeof(number), "%d", s->fds[i].fd);
		free(v[s->fds[i].place]);
		v[s->fds[i].place] = strdup(number);
		if (!v[s->fds[i].place])
			return false;
	}
	return true;
}

pid_t
spawn(const struct spawn *s)
{
	pid_t self = getpid();
	pid_t pid = spawn_number(s) ? fork() : -1;

	if (pid == 0)
		spawn_exec(s, self);
	if (pid < 0)
		command_fail(COMMAND_FAILED, "%s: %s", s->args->v[0], strerror(errno));
	return pid < 0 ? 0 : pid;
}

/* Until it has ended; false: not within that. */
static bool
has_ended(pid_t pid, unsigned limit_ms)
{
	struct pollfd ends = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	uint64_t until_ns = clock_now_ns(CLOCK_MONOTONIC) + limit_ms * NS_PER_MS;
	int n = ends.fd < 0 ? 0 : -1;

	while (n < 0) {
		uint64_t now_ns = clock_now_ns(CLOCK_MONOTONIC);

		n = poll(&ends, 1, now_ns < until_ns ? (int)((until_ns - now_ns) / NS_PER_MS) : 0);
		n = n < 0 && errno != EINTR ? 0 : n;
	}
	if (ends.fd >= 0)
		close(ends.fd);
	return n > 0;
}

int
spawn_await(const struct args *args, unsigned limit_ms)
{
	const char *path = args->v[0];
	pid_t parent = getpid(), pid = fork();
	int fate = 0;

	if (pid == 0) {
		/* It may block the others while it waits for a file. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(COMMAND_FAILED);
		execv(path, args->v);
		command_fail(COMMAND_FAILED, "%s: %s", path, strerror(errno));
		_exit(COMMAND_FAILED);
	}
	if (pid < 0)
		return command_fail(COMMAND_FAILED, "%s: %s", path, strerror(errno));
	bool ended = has_ended(pid, limit_ms);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &fate, 0) < 0)
		if (errno != EINTR)
			return command_fail(COMMAND_FAILED, "%s: %s", path, strerror(errno));
	if (!ended)
		return command_fail(COMMAND_FAILED, "%s has not ended within %u s: it was killed",
			path, limit_ms / 1000);
	if (WIFSIGNALED(fate))
		return command_fail(
			COMMAND_FAILED, "%s was killed by signal %d", path, WTERMSIG(fate));
	return WEXITSTATUS(fate);
}
