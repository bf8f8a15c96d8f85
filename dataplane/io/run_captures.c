/*
 * run_captures: theory of operation.
 *
 * Order: whatever a person may have got wrong is looked at first (captures,
 * patterns), then what can fail in the machine. The rings are offered to control
 * before DPDK starts, so that control sets itself up meanwhile. The lcores start
 * when control has accepted: no event is ever lost to a slow start.
 *
 * The main lcore then waits for whatever comes first: every other lcore has
 * ended; control has gone (its end of the socket closed), and everything is
 * dropped; a signal, and what was read is handled and reported.
 *
 * Who started us with a status fd watches both processes, and says what befell
 * control; without one, we say it.
 */
#include "dataplane/io/edge.h"

#include <errno.h>
#include <poll.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/peer.h"
#include "dataplane/io/run_internal.h"

/* How soon status lines that nobody took are offered again. */
#define RUN_STATUS_RETRY_MS 50

static int
run_check_captures(struct run *run)
{
	const struct options *o = run->options;
	char why[CAPTURE_WHY_BYTES];

	run->captures = calloc(o->capture_count, sizeof(*run->captures));
	if (!run->captures)
		return run_fail(EXIT_FAILED, "out of memory");
	for (unsigned i = 0; i < o->capture_count; i++) {
		if (capture_check(&run->captures[i], o->captures[i], why) != 0)
			return run_fail(
				EXIT_BAD_INPUT, "%s: %s", capture_name(o->captures[i]), why);
	}
	return 0;
}

/* The rings, and the offer to control. */
static int
run_offer_rings(struct run *run)
{
	struct peer_offer offer;
	int r = run_open_rings(run);

	if (r != 0)
		return r;
	run_peer_offer(run, &offer);
	r = peer_offer(run->options->control_fd, &offer);
	return r == 0 ? 0
		      : run_fail(EXIT_FAILED, "smtap-control cannot be reached: %s", strerror(-r));
}

static int
run_start_eal(struct run *run)
{
	char why[RUN_WHY_BYTES] = "";
	const struct dispatch_size size = {
		.workers = run->worker_count, .slots = DISPATCH_RING_SLOTS, .big_per_worker = 4};
	const struct eal_options eal = {.lcores = run->worker_count + RUN_LCORE_READER,
		.memory_mib = dispatch_memory_mib(&size)};

	if (eal_start(&eal, why, sizeof(why)) != 0)
		return run_fail(EXIT_FAILED, "DPDK does not start: %s", why);
	run->eal_started = true;
	return run_set_up_mbufs(run, &size);
}

static int
run_set_up_lcores(struct run *run)
{
	int r = run_set_up_workers(run, true);

	if (r == 0)
		r = run_set_up_dispatch(run);
	run->reader = (struct reader){
		.captures = run->captures,
		.capture_count = run->options->capture_count,
		.dispatch = &run->dispatch,
		.status = &run->status,
		.run = &run->control,
		.real_time = run->options->real_time,
		.progress = run->options->progress,
		.done_fd = run->done_fd,
	};
	return r;
}

static void
run_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	/* Who started us with a status fd, and stops us, says so itself. */
	if (!run->interrupted &&
		(run->options->status_fd < 0 || info.ssi_pid != (uint32_t)getppid()))
		run_fail(EXIT_FAILED, "the dataplane was stopped by signal %u", info.ssi_signo);
	/* A second one: at once. */
	run_mode_set(&run->control, run->interrupted ? RUN_ABORT : RUN_STOP);
	run->interrupted = true;
}

/* Control's answer, or a signal instead of it. */
static int
run_await_control(struct run *run)
{
	const struct options *o = run->options;
	struct pollfd p[2] = {
		{.fd = o->control_fd, .events = POLLIN}, {.fd = run->signal_fd, .events = POLLIN}};
	int cursors[HELLO_WORKERS_MAX];
	char why[RUN_WHY_BYTES] = "";

	if (poll(p, 2, -1) < 0)
		return EXIT_FAILED;
	if (p[1].revents != 0) {
		run_signal(run);
		return EXIT_FAILED;
	}
	int r = peer_answer(o->control_fd, cursors, run->worker_count, why, sizeof(why));
	if (r == -EPIPE && o->status_fd >= 0)
		return EXIT_FAILED;
	if (r != 0)
		return run_fail(EXIT_FAILED, "%s", why);
	for (unsigned i = 0; i < run->worker_count; i++) {
		int e = ring_writer_set_cursor(&run->workers[i].ring, cursors[i]);
		close(cursors[i]);
		r = r != 0 ? r : e;
	}
	return r == 0 ? 0 : run_fail(EXIT_FAILED, "control's cursor: %s", strerror(-r));
}

/* Its socket says something: control never does, so it is the end. */
static void
run_control_gone(struct run *run)
{
	run->control_gone = true;
	run_mode_set(&run->control, RUN_ABORT);
	if (run->options->status_fd < 0)
		run_fail(EXIT_FAILED, "smtap-control has gone; stopped after packet %llu",
			(unsigned long long)run->reader.packets);
}

/* Until every lcore has ended. */
static void
run_watch(struct run *run)
{
	enum { CONTROL, DONE, WAKE, SIGNAL, FDS };
	struct pollfd p[FDS] = {
		[CONTROL] = {.fd = run->options->control_fd, .events = POLLIN},
		[DONE] = {.fd = run->done_fd, .events = POLLIN},
		[WAKE] = {.fd = run->wake_fd, .events = POLLIN},
		[SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
	};
	eventfd_t done = 0;
	eventfd_t n;

	while (done < run->worker_count + 1u) {
		if (poll(p, FDS, RUN_STATUS_RETRY_MS) < 0 && errno != EINTR)
			break;
		if (p[DONE].revents != 0 && eventfd_read(run->done_fd, &n) == 0)
			done += n;
		if (p[WAKE].revents != 0)
			eventfd_read(run->wake_fd, &n);
		if (p[SIGNAL].revents != 0)
			run_signal(run);
		/* Once every event was published, control may leave before us. */
		if (p[CONTROL].revents != 0 && done < run->worker_count + 1u) {
			run_control_gone(run);
			p[CONTROL].fd = -1;
		}
		status_flush(&run->status, false);
	}
}

static int
run_lcores(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		rte_eal_remote_launch(worker_run, &run->workers[i], RUN_LCORE_WORKER + i);
	rte_eal_remote_launch(reader_run, &run->reader, RUN_LCORE_READER);
	run_watch(run);
	rte_eal_mp_wait_lcore();
	if (run->interrupted)
		status_stopped(&run->status, run->reader.packets);
	status_flush(&run->status, !run->control_gone);
	if (run->control_gone || run->interrupted)
		return EXIT_FAILED;
	return run->reader.unsupported ? EXIT_BAD_INPUT : run->reader.damaged ? EXIT_FAILED : 0;
}

int
run_captures(const struct options *options)
{
	static int (*const steps[])(struct run *) = {
		run_check_captures,
		run_load_patterns,
		run_open_fds,
		run_offer_rings,
		run_start_eal,
		run_set_up_lcores,
		run_await_control,
		run_confine,
		run_lcores,
	};
	struct run *run = run_begin(options);
	int status;

	if (!run)
		return EXIT_FAILED;
	status = run_steps(run, steps, sizeof(steps) / sizeof(steps[0]));
	/* The mappings, the rings among them, end with the process. */
	run_tear_down(run);
	return status;
}
