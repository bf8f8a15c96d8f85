/*
 * Theory of operation.
 *
 * One thread, one loop: take a few events, give each to export, then to the engine;
 * when there is none, wait on the socket (whose end says that the dataplane has
 * gone), on signals, and on the pipe that tells of the captures. Order matters:
 * an event's own EVE line comes before the alert that it causes.
 *
 * It ends when the rings have ended, when the dataplane has gone (what it had
 * published is handled first), or on a signal. In each case findings are
 * closed, the stats line and the report are written: what was seen is never
 * lost with the run.
 *
 * Waiting: a few times only the processor is given up, since workers that share
 * it publish soon; after that it waits IDLE_MS at a time, so that an idle
 * control costs nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/text.h"
#include "contract/swap.h"
#include "control/metrics.h"
#include "control/report/report.h"
#include "control/report/words.h"
#include "control/run_internal.h"
#include "control/status.h"

#define LOOK_EVERY 4096 /* events between looks at socket, signals and pipe; a part of a ring */
#define YIELDS 16       /* vain looks before it waits */
#define IDLE_MS 1
#define SECOND_SIGNAL_NS (2 * NS_PER_S) /* sooner, it is the first again */
#define CAPTURES_WAIT_MS 5000           /* for what the dataplane still has to say at its end */

enum { FD_PEER, FD_SIGNAL, FD_CAPTURES, FD_HANDOVER, FDS };

static void
show_progress(struct run *run)
{
	const struct captures *c = &run->captures;
	char file[WORDS_NAME_MAX], packets[WORDS_NUMBER_MAX];
	unsigned percent = 0;

	if (!run->options->progress || !c->progress_file || !isatty(STDERR_FILENO))
		return;
	if (c->progress_size > 0)
		percent =
			(unsigned)(100.0 * (double)c->progress_position / (double)c->progress_size);
	fprintf(stderr, "\r\x1b[K%s: %u %%, %s packets", words_name(c->progress_file, 48, file),
		percent < 100 ? percent : 100, words_number(c->progress_packets, packets));
	run->progress_shown = true;
}

static void
hide_progress(struct run *run)
{
	if (run->progress_shown)
		fputs("\r\x1b[K", stderr);
	run->progress_shown = false;
}

/* Take what is in the pipe. */
static void
read_captures(struct run *run)
{
	char bytes[4096];
	ssize_t n;

	if (run->captures_fd < 0)
		return;
	while ((n = read(run->captures_fd, bytes, sizeof(bytes))) > 0)
		captures_feed(&run->captures, bytes, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(run->captures_fd);
		run->captures_fd = -1;
	}
	show_progress(run);
}

/* What it says of its patterns; the end of this socket means that the dataplane has gone. */
static void
read_peer(struct run *run)
{
	struct swap answer;
	int r;

	if (run->away.on) {
		away_end(run);
		return;
	}
	r = swap_receive(run->dataplane_fd, SWAP_ANSWER, &answer);
	if (r == 0)
		reload_answered(run, &answer);
	else if (r == -EPROTO)
		reload_answered(run, NULL);
	else if (r == -EPIPE)
		intake_peer_gone(&run->intake);
}

/*
 * Live, whoever stops the service may tell both processes at once: the dataplane then still has
 * to publish what it saw, and its end is ours. A second signal does not wait for that.
 */
static void
take_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		eve_flush(run->eve);
		eve_file_reopen(&run->eve_file);
		return;
	}
	run->stopped = !run->options->live || (run->away.on && !run->meets) ||
		       (run->told_ns != 0 && live_now_ns() - run->told_ns > SECOND_SIGNAL_NS);
	if (run->told_ns == 0)
		run->told_ns = live_now_ns();
	if (run->stopped)
		run->trouble = "stopped by a signal";
}

static void
look_around(struct run *run, int timeout_ms)
{
	struct pollfd p[FDS] = {
		[FD_PEER] = {.fd = run->intake.peer_gone ? -1 : run->dataplane_fd,
			.events = POLLIN},
		[FD_SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
		[FD_CAPTURES] = {.fd = run->captures_fd, .events = POLLIN},
		[FD_HANDOVER] = {.fd = away_fd(run), .events = POLLIN},
	};

	reload_look(run);
	if (poll(p, FDS, timeout_ms) <= 0)
		return;
	if (p[FD_CAPTURES].revents)
		read_captures(run);
	if (p[FD_PEER].revents)
		read_peer(run);
	if (p[FD_SIGNAL].revents)
		take_signal(run);
	if (p[FD_HANDOVER].revents)
		away_take(run);
}

/*
 * Alerts carry the number of losses known by then (intake_lost). The counters run ahead of the
 * events by how the workers are scheduled; so that a capture gives the same lines each time, a
 * replay looks at them at its end only, and until then knows of a hole when its session ends.
 */
static void
tell_loss(struct run *run)
{
	uint64_t loss = run->holes > run->losses ? run->holes : run->losses;

	if (loss <= run->loss)
		return;
	run->loss = loss;
	engine_set_loss(run->engine, loss);
	eve_set_loss(run->eve, loss);
}

static void
note_holes(struct run *run, const struct event *event)
{
	if (event->head.type != EVENT_SESSION)
		return;
	run->holes += (event->session.gap_bytes[0] > 0) + (event->session.gap_bytes[1] > 0);
	tell_loss(run);
}

static void
count_losses(struct run *run, struct counters *sum)
{
	intake_sum_counters(&run->intake, sum);
	run->losses = intake_lost(&run->intake, sum);
	tell_loss(run);
}

static void
take_event(struct run *run, const struct event *event)
{
	uint64_t time_ns = event->head.time_ns;

	if (time_ns && (!run->first_ns || time_ns < run->first_ns))
		run->first_ns = time_ns;
	if (time_ns > run->last_ns)
		run->last_ns = time_ns;
	eve_event(run->eve, event);
	note_holes(run, event);
	engine_event(run->engine, event);
}

static void
write_stats(struct run *run, const struct counters *sum)
{
	struct engine_totals totals;

	if (run->options->live)
		run->last_ns = live_wall_ns();
	engine_totals(run->engine, &totals);
	struct eve_stats stats = {.workers = sum,
		.intake = &run->intake.counters,
		.engine = &totals,
		.first_ns = run->first_ns,
		.last_ns = run->last_ns,
		.rules = engine_rules(run->engine),
		.store = stored_counters(&run->stored)};
	eve_stats(run->eve, &stats);
}

void
run_settle(struct run *run)
{
	eve_flush(run->eve);
	intake_settle(&run->intake);
	run->told = false;
}

/*
 * An alert is in the EVE file when the store has it: who comes after a control that died finds the
 * incident open there, whatever else is lost. That takes some milliseconds, in which the next
 * events are taken.
 */
static void
settle_alert(struct run *run)
{
	if (run->told && stored_is_out(&run->stored))
		run_settle(run);
}

/* They are looked for while somebody asks, and for the store. */
static void
look_for_busiest(struct run *run, uint64_t now_ns)
{
	bool due = stored_wants_subjects(&run->stored, now_ns);

	if (!due && !(run->serve && serve_wants_status(run->serve)))
		return;
	if (busiest_look(&run->busiest, run->engine) && due)
		stored_subjects(&run->stored, &run->busiest, now_ns);
}

/* This loop is the one that has to turn: whoever calls is its proof. */
static void
tell_manager(struct run *run, const struct counters *sum, uint64_t now_ns)
{
	notify_alive(&run->notify, NULL, 0, now_ns);
	notify_status(&run->notify, "%llu packets, %llu AUTH attempts; %s",
		(unsigned long long)sum->value[COUNTER_RX_PKTS],
		(unsigned long long)sum->value[COUNTER_AUTH_ATTEMPTS],
		run->live.losing ? "packets are being lost" : "no packets are being lost");
}

static void
tell_eve_trouble(struct run *run)
{
	char why[EVE_FILE_WHY_MAX];

	if (eve_file_trouble(&run->eve_file, why))
		run_fail(0, "%s", why);
}

/* What is due by the clock of live ports. */
static void
look_at_clock(struct run *run)
{
	uint64_t now_ns = live_now_ns();
	struct counters sum;

	snapshot_look(run, now_ns);
	if (!live_due_look(&run->live, now_ns))
		return;
	count_losses(run, &sum);
	live_note_packets(&run->live, &sum, live_wall_ns());
	if (live_minute(&run->live, &sum, now_ns))
		eve_sensor_loss(run->eve, &run->live.loss, live_wall_ns());
	if (live_shed(&run->live, &sum, now_ns))
		eve_sensor_shed(run->eve, &run->live.shed, live_wall_ns());
	if (live_due_stats(&run->live, now_ns))
		write_stats(run, &sum);
	stored_look(&run->stored);
	look_for_busiest(run, now_ns);
	status_put(run, &sum);
	metrics_put(run, &sum);
	tell_manager(run, &sum, now_ns);
	run_settle(run);
	eve_file_look(&run->eve_file, live_wall_ns());
	tell_eve_trouble(run);
}

static void
idle(struct run *run, unsigned vain)
{
	stored_guard_ids(&run->stored, run->engine);
	if (run->options->live)
		engine_clock(run->engine, run->intake.past_ns);
	if (vain < YIELDS) {
		sched_yield();
		look_around(run, 0);
	} else {
		/* Whoever follows the file sees what there is so far. An error is told at the end.
		 */
		if (vain == YIELDS && !run->told)
			run_settle(run);
		settle_alert(run);
		look_around(run, IDLE_MS);
	}
}

/* What is there, up to a batch: how many events, and why there are no more of them. */
static unsigned
gather(struct run *run, enum intake_status *status)
{
	const struct event *event;
	unsigned n = 0;

	*status = run->away.on ? INTAKE_IDLE : INTAKE_EVENT;
	if (run->away.on)
		return 0;
	while (n < ENGINE_AHEAD && (*status = intake_next(&run->intake, &event)) == INTAKE_EVENT)
		run->batch[n++] = *event;
	return n;
}

void
run_take(struct run *run, unsigned n)
{
	engine_ahead(run->engine, run->batch, n);
	for (unsigned i = 0; i < n; i++)
		take_event(run, &run->batch[i]);
}

static void
take_batch(struct run *run, unsigned n)
{
	struct counters sum;

	stored_guard_ids(&run->stored, run->engine);
	run_take(run, n);
	/* As little as possible is told twice. */
	settle_alert(run);
	run->taken += n;
	if (run->taken < LOOK_EVERY)
		return;
	run_settle(run);
	run->taken = 0;
	look_around(run, 0);
	if (!run->intake.replay)
		count_losses(run, &sum);
}

/* No dataplane is there, and whoever would start another has gone or will not; or, where nobody
   stops it with us, we were told to stop, and its rings are empty. */
static bool
nobody_comes(const struct run *run)
{
	bool told = run->meets && run->told_ns != 0;

	return told || (run->away.on && run->dataplane_fd < 0 && run->handover_fd < 0);
}

static void
take_events(struct run *run)
{
	enum intake_status status;
	unsigned vain = 0;

	while (!run->stopped && !run->abandoned) {
		unsigned n = gather(run, &status);

		if (n > 0) {
			vain = 0;
			take_batch(run, n);
		}
		/* Now nothing is in hand. */
		if (run->options->live)
			look_at_clock(run);
		switch (status) {
		case INTAKE_EVENT:
			break;
		case INTAKE_IDLE:
			idle(run, vain++);
			if (!nobody_comes(run))
				break;
			run->trouble = run->meets ? NULL : "the dataplane ended early";
			return;
		case INTAKE_VANISHED:
			if (away_begin(run))
				break;
			run->trouble = run->intake.counters.broken
					       ? "the dataplane's rings made no sense"
					       : "the dataplane ended early";
			return;
		case INTAKE_ENDED:
			/* One that was stopped may be started again without us. */
			if (run->meets && away_begin(run))
				break;
			return;
		}
	}
}

/* The dataplane's last words on the captures come after its last event. */
static void
await_captures(struct run *run)
{
	while (run->captures_fd >= 0 && !run->stopped) {
		struct pollfd p = {.fd = run->captures_fd, .events = POLLIN};

		if (poll(&p, 1, CAPTURES_WAIT_MS) <= 0)
			break;
		read_captures(run);
	}
	read_captures(run);
	hide_progress(run);
	if (run->captures.stopped && !run->trouble)
		run->trouble = "the dataplane was stopped by a signal";
}

static int
write_report(struct run *run, const struct counters *sum)
{
	const struct options *o = run->options;
	bool eve_on_stdout = strcmp(o->eve, "-") == 0;
	FILE *out = eve_on_stdout ? stderr : stdout;
	struct eve_counters eve;
	struct eve_signature signatures[REPORT_SIGNATURES_MAX];
	struct report report = {.engine = run->engine,
		.patterns = run->patterns,
		.enrich = run->enrich,
		.workers = sum,
		.intake = &run->intake.counters,
		.eve = &eve,
		.store = stored_counters(&run->stored),
		.signatures = signatures,
		.signature_count = eve_signatures(run->eve, signatures, REPORT_SIGNATURES_MAX),
		.rules = engine_rules(run->engine),
		.captures = &run->captures,
		.ports = &o->config.ports,
		.interfaces = o->live ? &o->config.interfaces : NULL,
		.eve_path = eve_on_stdout ? NULL : o->eve,
		.trouble = run->trouble,
		.first_ns = run->first_ns,
		.last_ns = run->last_ns,
		.color = isatty(fileno(out)) && !getenv("NO_COLOR")};

	eve_counters(run->eve, &eve);
	int r = o->json ? report_json(&report, out) : report_text(&report, out);
	return r ? run_fail(EXIT_FAILED, "the report could not be written: %s", strerror(errno))
		 : 0;
}

/* Close what is open, then tell. */
static int
finish(struct run *run)
{
	struct counters sum;
	int status = EXIT_DONE;

	count_losses(run, &sum);
	engine_finish(run->engine);
	snapshot_remove(&run->snapshot);
	await_captures(run);
	intake_sum_counters(&run->intake, &sum);
	if (run_close_store(run, run->engine) != 0)
		status = EXIT_FAILED;
	write_stats(run, &sum);
	eve_flush(run->eve);
	if (run->eve_file.lost > 0)
		status = run_fail(EXIT_FAILED, "%s: %s; %llu line%s %s lost",
			strcmp(run->options->eve, "-") == 0 ? "standard output" : run->options->eve,
			strerror(-run->eve_file.error), (unsigned long long)run->eve_file.lost,
			text_s(run->eve_file.lost), text_are(run->eve_file.lost));
	if (write_report(run, &sum) != 0)
		status = EXIT_FAILED;
	if (!run->trouble)
		return status;
	/* Whoever started both processes tells that one has gone; alone, we do. */
	if (run->options->captures_fd < 0 || run->stopped)
		run_fail(EXIT_FAILED, "%s; the report covers what was read until then",
			run->trouble);
	return EXIT_FAILED;
}

/* Somebody else goes on where we stood: what is open stays so. */
static int
abandon(struct run *run)
{
	eve_flush(run->eve);
	run_close_store(run, NULL);
	return run_fail(EXIT_FAILED, "%s", run->trouble);
}

int
run_control(struct options *options)
{
	struct run run = {.options = options,
		.eve_file.fd = -1,
		.config = &options->config,
		.dataplane_fd = -1,
		.handover_fd = -1,
		.captures_fd = -1,
		.signal_fd = -1};
	int status = run_begin(&run);

	if (status == 0) {
		if (options->live) {
			notify_begin(&run.notify);
			notify_ready(&run.notify);
			live_init(&run.live, &options->config);
			if (!run.resume.has_mark)
				run.first_ns = live_wall_ns();
		}
		take_events(&run);
		notify_stopping(&run.notify);
		status = run.abandoned ? abandon(&run) : finish(&run);
	}
	run_tear_down(&run);
	return status;
}
