/*
 * keep: theory of operation.
 *
 * Keeps: two children, when control was started last and how often it died early.
 *
 * The dataplane starts first, with one end of the handover socket. When its ports are up it says so
 * with a byte; then control is started, and one end of a new socketpair goes to each: to control as
 * it is born, to the dataplane over the handover socket. So nothing has a name that another could
 * connect to. When control dies, the same is done again, at once the first time, later each time
 * that it dies soon after; the dataplane goes on meanwhile and counts what it cannot keep. Control
 * that refuses its configuration (status 2) is not started again, nor when it is the first that
 * fails: the run ends.
 *
 * A dataplane that ends takes all with it: its rings' memory stays with control, which reports.
 *
 * SIGTERM and SIGINT end the dataplane; it ends its rings, control reports, both are awaited. A
 * second one, SECOND_SIGNAL_S later or more, kills both. SIGHUP is for control (its EVE file is
 * opened anew). If we are killed, the kernel tells the dataplane to stop (PR_SET_PDEATHSIG), and
 * control, which is told that by the rings, still reports.
 */
#include "cli/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"

#define RESTART_MAX_S 60u /* the longest wait before control starts again */
#define SECOND_SIGNAL_S 2
#define EARLY_S 10 /* a control that lived for less died early */

struct run {
	struct keep *keep;
	pid_t dataplane; /* 0: not running */
	pid_t control;
	int handover; /* our end; -1: closed */
	int signal_fd;
	int timer_fd; /* when control is to start again */
	sigset_t old_mask;
	bool ready;   /* the dataplane's ports are up */
	bool stopped; /* by a person */
	bool ending;  /* nothing is started any more */
	unsigned early;
	time_t started_s; /* of control */
	time_t stopped_s;
	int status;
};

static time_t
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void
worsen(struct run *run, int status)
{
	run->status = status > run->status ? status : run->status;
}

static void __attribute__((noreturn))
child_exec(const struct run *run, const struct args *args, int fd, bool dies_with_us)
{
	/* Ctrl-C on a terminal reaches every process of the group; we pass it on. */
	signal(SIGINT, SIG_IGN);
	if (dies_with_us)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	fcntl(fd, F_SETFD, 0);
	sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
	execv(args->v[0], args->v);
	command_fail(COMMAND_FAILED, "%s: %s", args->v[0], strerror(errno));
	_exit(COMMAND_FAILED);
}

/* Start a program whose argument at place is the number of fd. Its pid, or 0. */
static pid_t
child_start(struct run *run, struct args *args, size_t place, int fd)
{
	char number[24];
	pid_t self = getpid();

	snprintf(number, sizeof(number), "%d", fd);
	free(args->v[place]);
	args->v[place] = strdup(number);
	pid_t pid = args->v[place] ? fork() : -1;
	if (pid == 0) {
		bool dataplane = args == &run->keep->dataplane;
		if (dataplane && getppid() != self)
			_exit(COMMAND_FAILED);
		child_exec(run, args, fd, dataplane);
	}
	if (pid < 0)
		command_fail(COMMAND_FAILED, "%s: %s", args->v[0], strerror(errno));
	return pid < 0 ? 0 : pid;
}

/* One end of a new socketpair to each. 0 or -errno. */
static int
hand_over(const struct run *run, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(run->handover, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static void
start_control(struct run *run)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		worsen(run, command_fail(COMMAND_FAILED, "socket: %s", strerror(errno)));
		return;
	}
	run->control = child_start(run, &run->keep->control, run->keep->dataplane_arg, pair[0]);
	run->started_s = now_s();
	/* When it cannot be handed over the dataplane has gone: its end is told elsewhere. */
	if (run->control != 0)
		hand_over(run, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

/* Nothing more is started; what runs ends. */
static void
end_all(struct run *run)
{
	run->ending = true;
	if (run->dataplane != 0)
		kill(run->dataplane, SIGTERM);
}

static void
restart_later(struct run *run, const char *what)
{
	bool early = now_s() - run->started_s < EARLY_S;
	unsigned wait_s;

	run->early = early ? run->early + 1 : 0;
	wait_s = run->early == 0 ? 0 : 1u << (run->early < 7 ? run->early - 1 : 6);
	wait_s = wait_s < RESTART_MAX_S ? wait_s : RESTART_MAX_S;
	command_fail(COMMAND_FAILED,
		"%s; it starts again in %u s; packets are inspected meanwhile, what is remembered "
		"of attacks is lost",
		what, wait_s);
	struct itimerspec when = {.it_value = {.tv_sec = wait_s, .tv_nsec = 1}};
	timerfd_settime(run->timer_fd, 0, &when, NULL);
}

static void
control_ended(struct run *run, int fate)
{
	char what[64];
	bool bad_input = WIFEXITED(fate) && WEXITSTATUS(fate) == COMMAND_BAD;

	run->control = 0;
	if (WIFSIGNALED(fate))
		snprintf(what, sizeof(what), "control was killed by signal %d", WTERMSIG(fate));
	else
		snprintf(what, sizeof(what), "control ended with status %d", WEXITSTATUS(fate));
	if (run->ending || run->dataplane == 0) {
		bool good = WIFEXITED(fate) && WEXITSTATUS(fate) == 0;
		if (WIFSIGNALED(fate))
			command_fail(COMMAND_FAILED, "%s; there is no report", what);
		worsen(run, good ? 0 : COMMAND_FAILED);
	} else if (bad_input) {
		worsen(run, COMMAND_BAD);
		end_all(run);
	} else {
		restart_later(run, what);
	}
}

static void
dataplane_ended(struct run *run, int fate)
{
	run->dataplane = 0;
	run->ending = true;
	if (WIFEXITED(fate)) {
		/* It has said why. */
		worsen(run, WEXITSTATUS(fate) <= COMMAND_BAD ? WEXITSTATUS(fate) : COMMAND_FAILED);
		return;
	}
	worsen(run, command_fail(COMMAND_FAILED,
			    "the dataplane was killed by signal %d; the report covers what was "
			    "seen until then",
			    WTERMSIG(fate)));
}

static void
reap(struct run *run)
{
	int fate;
	pid_t pid;

	while ((pid = waitpid(-1, &fate, WNOHANG)) > 0) {
		if (pid == run->dataplane)
			dataplane_ended(run, fate);
		else if (pid == run->control)
			control_ended(run, fate);
	}
}

static void
stop(struct run *run)
{
	/* Whoever stops a group of processes may tell us twice. */
	if (run->stopped && now_s() - run->stopped_s < SECOND_SIGNAL_S)
		return;
	if (run->stopped) {
		if (run->dataplane != 0)
			kill(run->dataplane, SIGKILL);
		if (run->control != 0)
			kill(run->control, SIGKILL);
	}
	run->stopped = true;
	run->stopped_s = now_s();
	end_all(run);
}

static void
take_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(run);
		else if (info.ssi_signo != SIGHUP)
			stop(run);
		else if (run->control != 0)
			kill(run->control, SIGHUP);
	}
}

/* The dataplane's byte: its ports are up. */
static void
take_ready(struct run *run)
{
	char byte;

	if (recv(run->handover, &byte, 1, MSG_DONTWAIT) == 1) {
		run->ready = true;
		if (!run->ending)
			start_control(run);
	} else {
		run->ready = true; /* its end: it is about to be reaped */
	}
}

static void
take_timer(struct run *run)
{
	uint64_t times;

	if (read(run->timer_fd, &times, sizeof(times)) == (ssize_t)sizeof(times) && !run->ending)
		start_control(run);
}

static void
watch(struct run *run)
{
	enum { SIGNAL, TIMER, HANDOVER, FDS };

	while (run->dataplane != 0 || run->control != 0) {
		struct pollfd p[FDS] = {
			[SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
			[TIMER] = {.fd = run->timer_fd, .events = POLLIN},
			[HANDOVER] = {.fd = run->ready ? -1 : run->handover, .events = POLLIN},
		};
		if (poll(p, FDS, -1) < 0 && errno != EINTR)
			break;
		if (p[SIGNAL].revents)
			take_signals(run);
		if (p[HANDOVER].revents)
			take_ready(run);
		if (p[TIMER].revents)
			take_timer(run);
	}
}

static int
open_fds(struct run *run)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, &run->old_mask) != 0)
		return -errno;
	run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return run->signal_fd < 0 || run->timer_fd < 0 ? -errno : 0;
}

int
keep_run(struct keep *keep)
{
	struct run run = {.keep = keep, .handover = -1};
	int pair[2];

	if (keep->dataplane.failed || keep->control.failed)
		return command_fail(COMMAND_FAILED, "out of memory");
	if (open_fds(&run) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return command_fail(COMMAND_FAILED, "descriptors: %s", strerror(errno));
	run.handover = pair[0];
	run.dataplane = child_start(&run, &keep->dataplane, keep->handover_arg, pair[1]);
	close(pair[1]);
	if (run.dataplane == 0)
		run.status = COMMAND_FAILED;
	watch(&run);
	close(run.handover);
	close(run.timer_fd);
	close(run.signal_fd);
	sigprocmask(SIG_SETMASK, &run.old_mask, NULL);
	return run.status;
}
