/*
 * supervise: theory of operation.
 *
 * Keeps: the two children and whether a person asked to stop.
 *
 * The dataplane starts first. It looks at the captures, then offers its rings on
 * the socket: only then is control started. So bad input has one message, and
 * nothing is written, and no folder made, for a run that never began.
 *
 * Each child ends by itself when the other has gone: its end of the socket
 * closes. So nothing here has to guess who is at fault; both are awaited, and the
 * first one's fate is told. A signal to us stops the reading: the dataplane
 * handles what was read and control reports it. A second one kills both.
 *
 * Nothing is on disk or in a namespace: a socketpair, a pipe, and the memfds that
 * the children hold. If we are killed, the kernel tells the dataplane to stop
 * (PR_SET_PDEATHSIG), and control, which is told that by the rings, still reports.
 */
#include "cli/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"

enum { DATAPLANE, CONTROL, CHILDREN };

static const char *const child_names[CHILDREN] = {"the dataplane", "control"};

struct child {
	pid_t pid; /* 0: not running */
	bool started;
	int fate; /* of waitpid, when started and no longer running */
};

struct watch {
	struct child children[CHILDREN];
	int signal_fd;
	sigset_t old_mask;
	bool interrupted;
	int culprit; /* an index, or -1: none failed yet */
};

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
supervise_open(struct supervise *s)
{
	int sockets[2] = {-1, -1};
	int pipes[2] = {-1, -1};
	int error = 0;

	memset(s, 0, sizeof(*s));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0 ||
		pipe2(pipes, O_CLOEXEC) != 0)
		error = -errno;
	s->dataplane_socket = sockets[0];
	s->control_socket = sockets[1];
	s->status_read = pipes[0];
	s->status_write = pipes[1];
	return error;
}

void
supervise_close(struct supervise *s)
{
	close_fd(&s->dataplane_socket);
	close_fd(&s->control_socket);
	close_fd(&s->status_read);
	close_fd(&s->status_write);
	args_free(&s->dataplane);
	args_free(&s->control);
}

int
supervise_find(const char *name, char *path, size_t path_len)
{
	static const char *const places[] = {"", "../libexec/smtap/", "../bin/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;

	if (!slash)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(
			path, path_len, "%.*s/%s%s", (int)(slash - self), self, places[i], name);
		if (len > 0 && (size_t)len < path_len && access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* In the child: become the program. */
static void __attribute__((noreturn))
child_exec(const struct watch *w, const struct args *args, const int fds[2], pid_t parent)
{
	/* Ctrl-C on a terminal reaches every process of the group; the parent passes it on
	   to whom it concerns. */
	signal(SIGINT, SIG_IGN);
	if (parent != 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(COMMAND_FAILED);
	}
	for (int i = 0; i < 2; i++)
		fcntl(fds[i], F_SETFD, 0);
	sigprocmask(SIG_SETMASK, &w->old_mask, NULL);
	execv(args->v[0], args->v);
	command_fail(COMMAND_FAILED, "%s: %s", args->v[0], strerror(errno));
	_exit(COMMAND_FAILED);
}

/* fds: the two that it inherits; ours are closed. dies_with_us: told when we die. */
static int
child_start(struct watch *w, int which, const struct args *args, int *const fds[2])
{
	const int inherited[2] = {*fds[0], *fds[1]};
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return command_fail(COMMAND_FAILED, "%s: %s", child_names[which], strerror(errno));
	if (pid == 0)
		child_exec(w, args, inherited, which == DATAPLANE ? self : 0);
	w->children[which].pid = pid;
	w->children[which].started = true;
	close_fd(fds[0]);
	close_fd(fds[1]);
	return 0;
}

static bool
fate_is_bad(int fate)
{
	return !WIFEXITED(fate) || WEXITSTATUS(fate) != 0;
}

/*
 * Who failed first is to blame; but one that was killed rather than one that
 * failed: its socket closes before we hear of its end, and the other may be quicker.
 */
static void
blame(struct watch *w, int which)
{
	int fate = w->children[which].fate;
	bool other_killed = w->culprit >= 0 && WIFSIGNALED(w->children[w->culprit].fate);

	if (fate_is_bad(fate) && (w->culprit < 0 || (WIFSIGNALED(fate) && !other_killed)))
		w->culprit = which;
}

static void
reap(struct watch *w)
{
	for (int i = 0; i < CHILDREN; i++) {
		struct child *c = &w->children[i];
		if (c->pid == 0 || waitpid(c->pid, &c->fate, WNOHANG) != c->pid)
			continue;
		c->pid = 0;
		blame(w, i);
	}
}

static void
stop(struct watch *w)
{
	if (!w->interrupted && w->children[DATAPLANE].pid != 0)
		kill(w->children[DATAPLANE].pid, SIGTERM);
	for (int i = 0; w->interrupted && i < CHILDREN; i++) {
		if (w->children[i].pid != 0)
			kill(w->children[i].pid, SIGKILL);
	}
	w->interrupted = true;
}

static void
take_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(w);
		else
			stop(w);
	}
}

/* Until the dataplane has offered its rings (true) or has ended (false). */
static bool
await_offer(struct watch *w, int sock)
{
	struct pollfd p[2] = {
		{.fd = w->signal_fd, .events = POLLIN}, {.fd = sock, .events = POLLIN}};
	char byte;

	for (;;) {
		if (recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			return true;
		if (w->children[DATAPLANE].pid == 0)
			return false;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return false;
		take_signals(w);
		if (p[1].revents & POLLHUP)
			p[1].fd = -1; /* it is about to end: wait for that */
	}
}

static void
await_children(struct watch *w)
{
	struct pollfd p = {.fd = w->signal_fd, .events = POLLIN};

	while (w->children[DATAPLANE].pid != 0 || w->children[CONTROL].pid != 0) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
		take_signals(w);
	}
}

static int
watch_open(struct watch *w)
{
	sigset_t mask;

	memset(w, 0, sizeof(*w));
	w->culprit = -1;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, &w->old_mask) != 0)
		return -errno;
	w->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signal_fd < 0 ? -errno : 0;
}

/* What the children have not said themselves: a signal, an odd status. */
static void
tell_fate(const struct watch *w)
{
	const struct child *c = w->culprit < 0 ? NULL : &w->children[w->culprit];
	const char *report =
		w->culprit == CONTROL || !w->children[CONTROL].started ||
				WIFSIGNALED(w->children[CONTROL].fate)
			? "there is no report"
			: "the report, if there is one, covers what was read until then";

	if (w->interrupted)
		command_fail(COMMAND_FAILED, "interrupted; %s", report);
	else if (c && WIFSIGNALED(c->fate))
		command_fail(COMMAND_FAILED, "%s was killed by signal %d; %s",
			child_names[w->culprit], WTERMSIG(c->fate), report);
	else if (c && WEXITSTATUS(c->fate) > COMMAND_BAD)
		command_fail(COMMAND_FAILED, "%s failed with status %d; %s",
			child_names[w->culprit], WEXITSTATUS(c->fate), report);
}

/* The worst of both: 2 over 1 over 0. */
static int
worst_status(const struct watch *w)
{
	int worst = w->interrupted ? COMMAND_FAILED : COMMAND_DONE;

	for (int i = 0; i < CHILDREN; i++) {
		const struct child *c = &w->children[i];
		if (!c->started || !fate_is_bad(c->fate))
			continue;
		bool bad = WIFEXITED(c->fate) && WEXITSTATUS(c->fate) == COMMAND_BAD;
		int status = bad ? COMMAND_BAD : COMMAND_FAILED;
		worst = status > worst ? status : worst;
	}
	return worst;
}

int
supervise_run(struct supervise *s)
{
	struct watch w;
	int *const dataplane_fds[2] = {&s->dataplane_socket, &s->status_write};
	int *const control_fds[2] = {&s->control_socket, &s->status_read};
	int status;

	if (s->dataplane.failed || s->control.failed)
		return command_fail(COMMAND_FAILED, "out of memory");
	if (watch_open(&w) != 0)
		return command_fail(COMMAND_FAILED, "signals: %s", strerror(errno));
	status = child_start(&w, DATAPLANE, &s->dataplane, dataplane_fds);
	if (status == 0 && await_offer(&w, s->control_socket))
		status = child_start(&w, CONTROL, &s->control, control_fds);
	/* When control could not be started, this is what tells the dataplane. */
	close_fd(&s->control_socket);
	await_children(&w);
	tell_fate(&w);
	close(w.signal_fd);
	sigprocmask(SIG_SETMASK, &w.old_mask, NULL);
	int worst = worst_status(&w);
	return status > worst ? status : worst;
}
