/*
 * keep: theory of operation.
 *
 * Keeps: two children, when each was started last and how often it died early, and whether they
 * are joined; and a third, smtap-export, if there is something to export.
 *
 * The dataplane starts first. Each has a handover socket to us. When the dataplane's ports are up
 * it says so with a byte; then control is started, and one end of a new socketpair goes to each: to
 * control as it is born, to the dataplane over its handover socket. So nothing has a name that
 * another could connect to.
 *
 * Either may die and is started again: at once the first time, later each time that it dies soon
 * after. Who was killed by SIGKILL was killed by somebody, and did not fail: it starts at once, but
 * for a second where it had not lived for one. The other goes on meanwhile. When control dies the
 * dataplane counts what its rings cannot keep; the next control reads on from them. When the
 * dataplane dies control reads its rings to their end, since their memory stays with it, and waits
 * on its handover socket for the next.
 *
 * smtap-export starts when the ports are up first, since by then all is well with the configuration
 * of the others; it knows control by its socket alone. It ends last, when control has ended, so
 * that it has what was told until then; what it does not deliver before it ends waits in the store.
 *
 * Not started again: who refuses its configuration (status 2), and a dataplane that never had its
 * ports up, or that ended well because somebody told it to. Then the run ends.
 *
 * A service manager hears of the daemons through us (vouch.c). Without its watchdog we look
 * ourselves: who hangs is killed, and starts again as any other that was. Not at the end, which may
 * take as long as it takes to tell all: there a second signal kills.
 *
 * SIGTERM and SIGINT end the dataplane; it ends its rings, control reports, both are awaited. Where
 * control waits to be started again it is started for that, before the dataplane is told. A second
 * one, SECOND_SIGNAL_S later or more, kills all. SIGHUP is for control (its EVE file is opened
 * anew) and smtap-export. If we are killed, the kernel tells the dataplane and smtap-export to stop
 * (PR_SET_PDEATHSIG), and control, which is told that by the rings, still reports.
 */
#include "cli/keep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "cli/command.h"
#include "cli/spawn.h"
#include "cli/vouch.h"
#include "contract/handover.h"

#define RESTART_MAX_S 60u /* the longest wait before control starts again */
#define SECOND_SIGNAL_S 2
#define EARLY_S 10 /* who lived for less died early */

struct child {
	pid_t pid;    /* 0: not running */
	int handover; /* our end; -1: closed */
	int timer_fd; /* when it is to start again */
	bool due;     /* it is to start as soon as it can */
	unsigned early;
	time_t started_s;
};

struct run {
	struct keep *keep;
	struct child dataplane;
	struct child control;
	struct child export;
	struct vouch vouch;
	int signal_fd;
	sigset_t old_mask;
	bool ready;    /* the dataplane's ports are up */
	bool worked;   /* they were, once */
	bool exported; /* smtap-export was started once more, after it worked */
	bool joined;   /* both have an end of one socketpair */
	bool stopped;  /* by a person */
	bool ending;   /* nothing is started any more */
	time_t stopped_s;
	int status;
};

static pid_t
child_spawn(struct run *run, struct args *args, struct spawn_fd one, struct spawn_fd other)
{
	const struct spawn how = {.args = args,
		.fds = {one, other},
		.mask = &run->old_mask,
		.vouch = &run->vouch,
		.outlives_us = args == &run->keep->control};

	return spawn(&how);
}

static time_t
now_s(void)
{
	return (time_t)(clock_now_ns(CLOCK_MONOTONIC) / NS_PER_S);
}

static void
worsen(struct run *run, int status)
{
	run->status = status > run->status ? status : run->status;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * With one end of a new handover socket, whose number stands at place, and another descriptor
 * (-1: none). False: it does not run, which was told.
 */
static bool
child_start(struct run *run, struct child *child, struct args *args, size_t place,
	const struct spawn_fd *other)
{
	int pair[2];

	close_fd(&child->handover);
	child->due = false;
	child->started_s = now_s();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		command_fail(COMMAND_FAILED, "socket: %s", strerror(errno));
		return false;
	}
	child->handover = pair[0];
	child->pid = child_spawn(run, args, (struct spawn_fd){place, pair[1]}, *other);
	close(pair[1]);
	return child->pid != 0;
}

static bool
start_dataplane(struct run *run)
{
	return child_start(run, &run->dataplane, &run->keep->dataplane,
		run->keep->dataplane_handover_arg, &(struct spawn_fd){.fd = -1});
}

/* False: it does not run, which was told. */
static bool
start_export(struct run *run)
{
	const struct spawn_fd none = {.fd = -1};

	run->export.started_s = now_s();
	run->export.pid = child_spawn(run, &run->keep->export, none, none);
	return run->export.pid != 0;
}

/* Nothing more is started; what runs ends. Control that waits for a dataplane is told by the end of
 * its handover socket that none will come. */
static void
end_all(struct run *run)
{
	run->ending = true;
	vouch_stopping(&run->vouch);
	if (run->dataplane.pid != 0)
		kill(run->dataplane.pid, SIGTERM);
	close_fd(&run->control.handover);
}

/* When it may start again is set; in how many seconds that is. */
static unsigned
wait_longer(struct child *child, int fate)
{
	time_t lived_s = now_s() - child->started_s;
	unsigned wait_s = 0;

	if (WIFSIGNALED(fate) && WTERMSIG(fate) == SIGKILL) {
		wait_s = lived_s < 1;
	} else {
		child->early = lived_s < EARLY_S ? child->early + 1 : 0;
		if (child->early > 0)
			wait_s = 1u << (child->early < 7 ? child->early - 1 : 6);
		wait_s = wait_s < RESTART_MAX_S ? wait_s : RESTART_MAX_S;
	}
	struct itimerspec when = {.it_value = {.tv_sec = wait_s, .tv_nsec = 1}};
	timerfd_settime(child->timer_fd, 0, &when, NULL);
	return wait_s;
}

static void
restart_later(struct child *child, int fate, const char *what, const char *meanwhile)
{
	command_fail(COMMAND_FAILED, "%s; it starts again in %u s; %s", what,
		wait_longer(child, fate), meanwhile);
}

/* Both have an end of the pair by now, or one of them is gone: its end is told elsewhere. */
static bool
give_ends(struct run *run, const int pair[2])
{
	const struct spawn_fd end = {run->keep->control_dataplane_arg, pair[0]};
	int r = 0;

	if (run->control.pid != 0)
		r = handover_send(run->control.handover, pair[0]);
	else if (!child_start(run, &run->control, &run->keep->control,
			 run->keep->control_handover_arg, &end))
		return false;
	if (r == 0 || r == -EPIPE)
		r = handover_send(run->dataplane.handover, pair[1]);
	if (r != 0 && r != -EPIPE)
		command_fail(COMMAND_FAILED, "socket: %s", strerror(-r));
	return r == 0 || r == -EPIPE;
}

/* One end of a new socketpair to each, once the dataplane is ready; control is started for it. */
static void
join(struct run *run)
{
	int pair[2];

	if (run->ending || !run->ready || run->joined ||
		(run->control.pid == 0 && !run->control.due))
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
		run->joined = give_ends(run, pair);
		close(pair[0]);
		close(pair[1]);
	} else {
		command_fail(COMMAND_FAILED, "socket: %s", strerror(errno));
	}
	run->control.due &= !run->joined;
	if (!run->joined)
		command_fail(COMMAND_FAILED,
			"control and the dataplane could not be brought together; it is tried "
			"again in %u s; packets are inspected meanwhile",
			wait_longer(&run->control, 0));
}

static void
say_fate(char what[64], const char *who, int fate)
{
	if (WIFSIGNALED(fate))
		snprintf(what, 64, "%s was killed by signal %d", who, WTERMSIG(fate));
	else
		snprintf(what, 64, "%s ended with status %d", who, WEXITSTATUS(fate));
}

static void
control_ended(struct run *run, int fate)
{
	char what[64];
	bool bad_input = WIFEXITED(fate) && WEXITSTATUS(fate) == COMMAND_BAD;

	run->control.pid = 0;
	run->joined = false;
	close_fd(&run->control.handover);
	say_fate(what, "control", fate);
	if (run->ending) {
		bool good = WIFEXITED(fate) && WEXITSTATUS(fate) == 0;
		if (WIFSIGNALED(fate))
			command_fail(COMMAND_FAILED, "%s; there is no report", what);
		worsen(run, good ? 0 : COMMAND_FAILED);
	} else if (bad_input) {
		worsen(run, COMMAND_BAD);
		end_all(run);
	} else {
		restart_later(&run->control, fate, what,
			"packets are inspected meanwhile, and it goes on with what it last wrote "
			"down");
	}
}

static void
dataplane_ended(struct run *run, int fate)
{
	bool good = WIFEXITED(fate) && WEXITSTATUS(fate) == 0;
	bool bad_input = WIFEXITED(fate) && WEXITSTATUS(fate) == COMMAND_BAD;
	char what[64];

	run->dataplane.pid = 0;
	run->ready = run->joined = false;
	close_fd(&run->dataplane.handover);
	say_fate(what, "the dataplane", fate);
	if (run->worked && !run->ending && !good && !bad_input) {
		restart_later(&run->dataplane, fate, what, "nothing is seen until then");
		return;
	}
	if (WIFSIGNALED(fate))
		worsen(run, command_fail(COMMAND_FAILED,
				    "%s; the report covers what was seen until then", what));
	else /* It has said why. */
		worsen(run, WEXITSTATUS(fate) <= COMMAND_BAD ? WEXITSTATUS(fate) : COMMAND_FAILED);
	end_all(run);
}

static void
export_ended(struct run *run, int fate)
{
	bool bad_input = WIFEXITED(fate) && WEXITSTATUS(fate) == COMMAND_BAD;
	char what[64];

	run->export.pid = 0;
	say_fate(what, "smtap-export", fate);
	if (run->ending)
		return;
	if (bad_input && !run->exported) {
		worsen(run, COMMAND_BAD);
		end_all(run);
		return;
	}
	run->exported = true;
	restart_later(&run->export, fate, what, "alerts are kept for it");
}

/* It has what was told until the others ended. */
static void
end_export_last(struct run *run)
{
	if (run->ending && run->dataplane.pid == 0 && run->control.pid == 0 && run->export.pid != 0)
		kill(run->export.pid, SIGTERM);
}

static void
reap(struct run *run)
{
	int fate;
	pid_t pid;

	while ((pid = waitpid(-1, &fate, WNOHANG)) > 0) {
		if (pid == run->dataplane.pid)
			dataplane_ended(run, fate);
		else if (pid == run->control.pid)
			control_ended(run, fate);
		else if (pid == run->export.pid)
			export_ended(run, fate);
	}
	end_export_last(run);
}

/*
 * A control that waits to be started again is, at once: the dataplane, which is told to end after
 * that, waits until it has the rings.
 */
static void
start_for_report(struct run *run)
{
	if (run->stopped || !run->worked || run->control.pid != 0)
		return;
	run->control.due = true;
	join(run);
	if (run->control.pid == 0)
		command_fail(COMMAND_FAILED, "control does not run: there is no report; what was "
					     "told of attacks is kept");
}

static void
stop(struct run *run)
{
	/* Whoever stops a group of processes may tell us twice. */
	if (run->stopped && now_s() - run->stopped_s < SECOND_SIGNAL_S)
		return;
	const pid_t all[] = {run->dataplane.pid, run->control.pid, run->export.pid};
	for (unsigned i = 0; run->stopped && i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != 0)
			kill(all[i], SIGKILL);
	start_for_report(run);
	run->stopped = true;
	run->stopped_s = now_s();
	end_all(run);
	/* Where both wait to be started again nobody else dies, who would remind us. */
	end_export_last(run);
}

/* A configuration may have got its first exporter. */
static void
look_for_exporters(struct run *run)
{
	if (run->export.pid == 0 && !run->ending && run->worked &&
		run->keep->exports(run->keep->arg))
		start_export(run);
}

static void
hang_up(struct run *run)
{
	if (run->control.pid != 0)
		kill(run->control.pid, SIGHUP);
	if (run->export.pid != 0)
		kill(run->export.pid, SIGHUP);
	look_for_exporters(run);
}

/* Control's byte: it has reloaded, and nobody was there to take exporters. */
static void
take_told(struct run *run)
{
	char byte;

	if (recv(run->control.handover, &byte, 1, MSG_DONTWAIT) == 1)
		look_for_exporters(run);
	else
		close_fd(&run->control.handover); /* its end: it is about to be reaped */
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
		else
			hang_up(run);
	}
}

/* The dataplane's byte: its ports are up. */
static void
take_ready(struct run *run)
{
	char byte;

	if (recv(run->dataplane.handover, &byte, 1, MSG_DONTWAIT) != 1) {
		close_fd(&run->dataplane.handover); /* its end: it is about to be reaped */
		return;
	}
	if (!run->worked && run->keep->exports(run->keep->arg) && !start_export(run))
		restart_later(&run->export, 0, "smtap-export could not be started",
			"alerts are kept for it");
	run->control.due |= !run->worked;
	run->ready = run->worked = true;
	join(run);
}

/* Has its time come? */
static bool
take_timer(const struct run *run, const struct child *child)
{
	uint64_t times;

	return read(child->timer_fd, &times, sizeof(times)) == (ssize_t)sizeof(times) &&
	       !run->ending;
}

static void
take_timers(struct run *run)
{
	/* One that cannot be started is tried as one that died at once. */
	if (take_timer(run, &run->dataplane) && !start_dataplane(run))
		restart_later(&run->dataplane, 0, "the dataplane could not be started",
			"nothing is seen until then");
	if (take_timer(run, &run->control)) {
		run->control.due = true;
		join(run);
	}
	if (take_timer(run, &run->export) && run->export.pid == 0 && !start_export(run))
		restart_later(&run->export, 0, "smtap-export could not be started",
			"alerts are kept for it");
}

static bool
goes_on(const struct run *run)
{
	return !run->ending || run->dataplane.pid != 0 || run->control.pid != 0 ||
	       run->export.pid != 0;
}

static void
vouch(struct run *run)
{
	const pid_t pids[VOUCHED_COUNT] = {[VOUCHED_DATAPLANE] = run->dataplane.pid,
		[VOUCHED_CONTROL] = run->control.pid,
		[VOUCHED_EXPORT] = run->export.pid};
	static const char *const names[VOUCHED_COUNT] = {
		"the dataplane", "control", "smtap-export"};

	vouch_look(&run->vouch, pids, clock_now_ns(CLOCK_MONOTONIC));
	enum vouched hung = vouch_hung(&run->vouch);
	if (hung == VOUCHED_COUNT || run->ending)
		return;
	/* As with any other that is killed: its end is reaped, and another starts. */
	command_fail(COMMAND_FAILED,
		"%s hangs: for %u s it has not said that it is alive; it is killed", names[hung],
		(unsigned)(run->vouch.watch_ns / NS_PER_S));
	kill(pids[hung], SIGKILL);
}

static void
watch(struct run *run)
{
	enum { SIGNAL, TIMER_DATAPLANE, TIMER_CONTROL, TIMER_EXPORT, HANDOVER, TOLD, VOUCH, FDS };

	while (goes_on(run)) {
		struct pollfd p[FDS] = {
			[SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
			[TIMER_DATAPLANE] = {.fd = run->dataplane.timer_fd, .events = POLLIN},
			[TIMER_CONTROL] = {.fd = run->control.timer_fd, .events = POLLIN},
			[TIMER_EXPORT] = {.fd = run->export.timer_fd, .events = POLLIN},
			[HANDOVER] = {.fd = run->ready ? -1 : run->dataplane.handover,
				.events = POLLIN},
			[TOLD] = {.fd = run->control.handover, .events = POLLIN},
			[VOUCH] = {.fd = run->vouch.fd, .events = POLLIN},
		};
		if (poll(p, FDS, vouch_patience_ms(&run->vouch)) < 0 && errno != EINTR)
			break;
		if (p[SIGNAL].revents)
			take_signals(run);
		if (p[HANDOVER].revents && run->dataplane.handover >= 0)
			take_ready(run);
		if (p[TOLD].revents && run->control.handover == p[TOLD].fd)
			take_told(run);
		if (p[TIMER_DATAPLANE].revents || p[TIMER_CONTROL].revents ||
			p[TIMER_EXPORT].revents)
			take_timers(run);
		vouch(run);
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
	run->dataplane.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	run->control.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	run->export.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return run->signal_fd < 0 || run->dataplane.timer_fd < 0 || run->control.timer_fd < 0 ||
			       run->export.timer_fd < 0
		       ? -errno
		       : 0;
}

int
keep_run(struct keep *keep)
{
	struct run run = {.keep = keep,
		.dataplane = {.handover = -1},
		.control = {.handover = -1},
		.export = {.handover = -1}};

	if (keep->dataplane.failed || keep->control.failed || keep->export.failed)
		return command_fail(COMMAND_FAILED, "out of memory");
	if (open_fds(&run) != 0 || vouch_open(&run.vouch) != 0)
		return command_fail(COMMAND_FAILED, "descriptors: %s", strerror(errno));
	if (start_dataplane(&run))
		watch(&run);
	else
		run.status = COMMAND_FAILED;
	close_fd(&run.dataplane.handover);
	close_fd(&run.control.handover);
	close(run.dataplane.timer_fd);
	close(run.control.timer_fd);
	close(run.export.timer_fd);
	close(run.signal_fd);
	vouch_close(&run.vouch);
	sigprocmask(SIG_SETMASK, &run.old_mask, NULL);
	return run.status;
}
