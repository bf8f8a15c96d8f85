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
#include "control/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/engine/engine.h"
#include "control/eve_file.h"
#include "control/export/eve.h"
#include "control/intake/intake.h"
#include "control/live.h"
#include "control/report/captures.h"
#include "control/report/report.h"
#include "control/report/words.h"
#include "control/stored.h"
#include "patterns/pattern.h"

#define WHY_BYTES 512
#define LOOK_EVERY 4096 /* events between looks at socket, signals and pipe */
#define YIELDS 16       /* vain looks before it waits */
#define IDLE_MS 1
#define SECOND_SIGNAL_NS (2 * NS_PER_S) /* sooner, it is the first again */
#define CAPTURES_WAIT_MS 5000           /* for what the dataplane still has to say at its end */

enum { FD_PEER, FD_SIGNAL, FD_CAPTURES, FDS };

struct run {
	const struct options *options;
	struct pattern_set patterns;
	struct captures captures;
	struct intake intake;
	struct engine *engine;
	struct enrich *enrich; /* NULL: no databases */
	struct eve *eve;
	struct live live;
	struct stored stored;
	struct event batch[ENGINE_AHEAD]; /* copies: in hand */
	unsigned taken;                   /* events since the last look around */
	int eve_fd;
	int captures_fd; /* -1: none, or it ended */
	int signal_fd;
	bool stopped;
	uint64_t told_ns; /* monotonic time of the first signal to stop; 0: none yet */
	bool progress_shown;
	const char *trouble; /* why it ended early */
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t holes;  /* sides of ended sessions whose bytes were not all seen */
	uint64_t losses; /* by the counters, when they were last looked at */
	uint64_t loss;   /* as engine and export were told */
};

__attribute__((format(printf, 2, 3))) static int
fail(int status, const char *format, ...)
{
	va_list args;

	fputs("smtap-control: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

static int
open_enrich(struct run *run)
{
	char why[WHY_BYTES] = "";
	int r = enrich_open(&run->enrich, &run->options->config, why, sizeof(why));

	return r ? fail(r == -ENOMEM ? EXIT_FAILED : EXIT_BAD_INPUT, "%s", why) : 0;
}

static int
open_eve(struct run *run)
{
	const struct options *o = run->options;
	struct eve_options options = {
		.config = &o->config, .patterns = &run->patterns, .enrich = run->enrich};

	const char *path;

	run->eve_fd = eve_file_open(o, &path);
	if (run->eve_fd < 0)
		return fail(EXIT_BAD_INPUT, "%s: %s", path, strerror(-run->eve_fd));
	if (stored_open(&run->stored, o) != 0)
		return fail(EXIT_FAILED, "out of memory");
	options.fd = run->eve_fd;
	options.alert = stored_alert;
	options.arg = &run->stored;
	run->eve = eve_open(&options);
	return run->eve ? 0 : fail(EXIT_FAILED, "out of memory");
}

/* Pattern files: the configuration's, those beside this program, those installed. */
static int
read_patterns(struct run *run)
{
	const char *dir = run->options->config.pattern_dir;
	char path[PATH_MAX + sizeof("/patterns")], why[WHY_BYTES] = "";

	if (!dir[0]) {
		ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
		char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

		dir = SMTAP_PATTERN_DIR;
		if (slash) {
			strcpy(slash, "/patterns");
			if (access(path, F_OK) == 0)
				dir = path;
		}
	}
	if (pattern_set_read_dir(&run->patterns, dir, why, sizeof(why)) != 0)
		return fail(EXIT_BAD_INPUT, "%s", why);
	return 0;
}

static void
on_telling(void *arg, const struct engine_telling *telling)
{
	struct run *run = arg;

	eve_finding(run->eve, telling);
}

static void
on_suppressed(void *arg, const struct finding *finding)
{
	struct run *run = arg;

	eve_hidden(run->eve, finding, engine_rules(run->engine));
}

static int
open_engine(struct run *run)
{
	struct engine_sink sink = {.tell = on_telling, .suppressed = on_suppressed, .arg = run};

	run->engine = engine_open(&run->options->config, &sink);
	if (!run->engine)
		return fail(EXIT_FAILED, "out of memory for the tables");
	stored_begin_ids(&run->stored, run->engine);
	eve_set_rules(run->eve, engine_rules(run->engine));
	return 0;
}

static int
open_fds(struct run *run)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (run->options->live)
		sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN); /* a reader of ours that goes is a write error */
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return fail(EXIT_FAILED, "signals: %s", strerror(errno));
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return fail(EXIT_FAILED, "signals: %s", strerror(errno));
	run->captures_fd = run->options->captures_fd;
	if (run->captures_fd >= 0)
		fcntl(run->captures_fd, F_SETFL, O_NONBLOCK);
	return captures_init(&run->captures) == 0 ? 0 : fail(EXIT_FAILED, "out of memory");
}

static int
shake_hands(struct run *run)
{
	struct pollfd p[2] = {{.fd = run->options->dataplane_fd, .events = POLLIN},
		{.fd = run->signal_fd, .events = POLLIN}};
	char why[WHY_BYTES] = "";

	/* intake_accept blocks, and signals are blocked too: wait for either here. */
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents)
		return fail(EXIT_FAILED, "stopped by a signal before the dataplane's offer");
	int r = intake_accept(&run->intake, run->options->dataplane_fd, why, sizeof(why));
	/* Whoever started both processes tells that one has gone. */
	if (r == -EPIPE && run->options->captures_fd >= 0)
		return EXIT_FAILED;
	if (r != 0)
		return fail(EXIT_FAILED, "%s", why);
	/* A capture may be small, and its user waits. */
	if (!run->intake.replay)
		engine_touch_memory(run->engine);
	return 0;
}

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

/* Bytes on this socket mean nothing; its end means that the dataplane has gone. */
static void
read_peer(struct run *run)
{
	char bytes[64];
	ssize_t n = recv(run->options->dataplane_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
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
		int r = eve_file_reopen(run->options, run->eve_fd);
		if (r != 0)
			fail(EXIT_FAILED, "%s: %s", run->options->eve, strerror(-r));
		return;
	}
	run->stopped = !run->options->live ||
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
		[FD_PEER] = {.fd = run->intake.peer_gone ? -1 : run->options->dataplane_fd,
			.events = POLLIN},
		[FD_SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
		[FD_CAPTURES] = {.fd = run->captures_fd, .events = POLLIN},
	};

	if (poll(p, FDS, timeout_ms) <= 0)
		return;
	if (p[FD_CAPTURES].revents)
		read_captures(run);
	if (p[FD_PEER].revents)
		read_peer(run);
	if (p[FD_SIGNAL].revents)
		take_signal(run);
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

/* What is due by the clock of live ports. */
static void
look_at_clock(struct run *run)
{
	uint64_t now_ns = live_now_ns();
	struct counters sum;

	if (!live_due_look(&run->live, now_ns))
		return;
	count_losses(run, &sum);
	if (live_minute(&run->live, &sum, now_ns))
		eve_sensor_loss(run->eve, &run->live.loss, live_wall_ns());
	if (live_shed(&run->live, &sum, now_ns))
		eve_sensor_shed(run->eve, &run->live.shed, live_wall_ns());
	if (live_due_stats(&run->live, now_ns))
		write_stats(run, &sum);
	stored_look(&run->stored, run->engine, now_ns);
	eve_flush(run->eve);
}

static void
idle(struct run *run, unsigned vain)
{
	if (run->options->live)
		engine_clock(run->engine, run->intake.past_ns);
	if (vain < YIELDS) {
		sched_yield();
		look_around(run, 0);
	} else {
		/* Whoever follows the file sees what there is so far. An error is told at the end.
		 */
		if (vain == YIELDS)
			eve_flush(run->eve);
		look_around(run, IDLE_MS);
	}
}

/* What is there, up to a batch: how many events, and why there are no more of them. */
static unsigned
gather(struct run *run, enum intake_status *status)
{
	const struct event *event;
	unsigned n = 0;

	*status = INTAKE_EVENT;
	while (n < ENGINE_AHEAD && (*status = intake_next(&run->intake, &event)) == INTAKE_EVENT)
		run->batch[n++] = *event;
	return n;
}

static void
take_batch(struct run *run, unsigned n)
{
	struct counters sum;

	engine_ahead(run->engine, run->batch, n);
	for (unsigned i = 0; i < n; i++)
		take_event(run, &run->batch[i]);
	run->taken += n;
	if (run->taken < LOOK_EVERY)
		return;
	run->taken = 0;
	look_around(run, 0);
	if (!run->intake.replay)
		count_losses(run, &sum);
}

static void
take_events(struct run *run)
{
	enum intake_status status;
	unsigned vain = 0;

	while (!run->stopped) {
		unsigned n = gather(run, &status);

		if (run->options->live)
			look_at_clock(run);
		if (n > 0) {
			vain = 0;
			take_batch(run, n);
		}
		switch (status) {
		case INTAKE_EVENT:
			break;
		case INTAKE_IDLE:
			idle(run, vain++);
			break;
		case INTAKE_VANISHED:
			run->trouble = run->intake.counters.broken
					       ? "the dataplane's rings made no sense"
					       : "the dataplane ended early";
			return;
		case INTAKE_ENDED:
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
		.patterns = &run->patterns,
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
	return r ? fail(EXIT_FAILED, "the report could not be written: %s", strerror(errno)) : 0;
}

/* Close what is open, then tell. */
static int
finish(struct run *run)
{
	struct counters sum;
	int status = EXIT_DONE;

	count_losses(run, &sum);
	engine_finish(run->engine);
	await_captures(run);
	intake_sum_counters(&run->intake, &sum);
	if (stored_close(&run->stored, run->engine) != 0)
		status = EXIT_FAILED;
	write_stats(run, &sum);
	int r = eve_flush(run->eve);
	if (r)
		status = fail(EXIT_FAILED, "%s: %s",
			strcmp(run->options->eve, "-") == 0 ? "standard output" : run->options->eve,
			strerror(-r));
	if (write_report(run, &sum) != 0)
		status = EXIT_FAILED;
	if (!run->trouble)
		return status;
	/* Whoever started both processes tells that one has gone; alone, we do. */
	if (run->options->captures_fd < 0 || run->stopped)
		fail(EXIT_FAILED, "%s; the report covers what was read until then", run->trouble);
	return EXIT_FAILED;
}

static void
tear_down(struct run *run)
{
	if (run->intake.rings)
		intake_close(&run->intake);
	if (run->eve)
		eve_close(run->eve);
	if (run->engine)
		engine_close(run->engine);
	stored_close(&run->stored, NULL);
	enrich_close(run->enrich);
	captures_free(&run->captures);
	pattern_set_free(&run->patterns);
}

int
run_control(const struct options *options)
{
	static int (*const steps[])(struct run *) = {
		open_fds, read_patterns, open_enrich, open_eve, open_engine, shake_hands};
	struct run run = {.options = options, .eve_fd = -1, .captures_fd = -1, .signal_fd = -1};
	int status = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++)
		status = steps[i](&run);
	if (status == 0) {
		if (options->live) {
			live_init(&run.live, &options->config);
			run.first_ns = live_wall_ns();
		}
		take_events(&run);
		status = finish(&run);
	}
	tear_down(&run);
	return status;
}
