/* The beginning of a run, and what is given back at its end. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "confine/confine.h"
#include "control/folder.h"
#include "control/meet.h"
#include "control/patterns.h"
#include "control/run_internal.h"

#define WHY_BYTES 512

int
run_fail(int status, const char *format, ...)
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

	return r ? run_fail(r == -ENOMEM ? EXIT_FAILED : EXIT_BAD_INPUT, "%s", why) : 0;
}

static uint64_t
write_eve(void *arg, const char *lines, size_t len)
{
	return eve_file_write(arg, lines, len);
}

void
run_set_rotation(struct run *run)
{
	const struct config *c = &run->options->config;
	const struct eve_file_rotation rotation = {.bytes = c->eve_rotate_size << 20,
		.interval_ns = c->eve_rotate_interval,
		.keep = (unsigned)c->eve_keep};

	if (run->options->live)
		eve_file_rotate_by(&run->eve_file, &rotation);
}

static int
open_eve_file(struct run *run)
{
	const struct options *o = run->options;
	/* The store is there, too. */
	bool needs_folder = strcmp(o->eve, "-") != 0 || o->store[0];
	int r = needs_folder ? folder_make(o->output) : 0;

	if (r != 0)
		return run_fail(EXIT_BAD_INPUT, "%s: %s", o->output, strerror(-r));
	r = eve_file_open(&run->eve_file, o->eve, o->live, live_wall_ns());
	if (r != 0)
		return run_fail(EXIT_BAD_INPUT, "%s: %s", o->eve, strerror(-r));
	run_set_rotation(run);
	return 0;
}

static int
open_eve(struct run *run)
{
	const struct options *o = run->options;
	struct eve_options options = {.config = &o->config,
		.patterns = run->patterns,
		.enrich = run->enrich,
		.write = write_eve,
		.write_arg = &run->eve_file,
		.alert = stored_alert,
		.before = o->live ? stored_await : NULL,
		.arg = &run->stored};
	int status = open_eve_file(run);

	if (status != 0)
		return status;
	if (stored_open(&run->stored, o) != 0)
		return run_fail(EXIT_FAILED, "out of memory");
	run->eve = eve_open(&options);
	return run->eve ? 0 : run_fail(EXIT_FAILED, "out of memory");
}

static int
read_patterns(struct run *run)
{
	char why[WHY_BYTES] = "";

	run->patterns = calloc(1, sizeof(*run->patterns));
	if (!run->patterns)
		return run_fail(EXIT_FAILED, "out of memory");
	if (patterns_read(run->patterns, run->config, why, sizeof(why)) != 0)
		return run_fail(EXIT_BAD_INPUT, "%s", why);
	return 0;
}

static int
open_reload(struct run *run)
{
	if (run->options->live && reload_open(&run->reload, run) != 0)
		return run_fail(EXIT_FAILED, "out of memory");
	return 0;
}

static void
on_telling(void *arg, const struct engine_telling *telling)
{
	struct run *run = arg;

	eve_finding(run->eve, telling);
	run->told = true;
}

static void
on_suppressed(void *arg, const struct finding *finding)
{
	struct run *run = arg;

	eve_hidden(run->eve, finding, engine_rules(run->engine));
}

int
run_open_engine(struct run *run)
{
	struct engine_sink sink = {.tell = on_telling, .suppressed = on_suppressed, .arg = run};

	run->engine = engine_open(&run->options->config, &sink);
	return run->engine ? 0 : run_fail(EXIT_FAILED, "out of memory for the tables");
}

static int
open_engine(struct run *run)
{
	int r = run_open_engine(run);

	if (r == 0 && snapshot_open(&run->snapshot, run) != 0)
		r = run_fail(EXIT_FAILED, "out of memory");
	if (r == 0)
		r = resume_engine(run);
	if (r != 0)
		return r;
	if (run->options->live && busiest_open(&run->busiest) != 0)
		return run_fail(EXIT_FAILED, "out of memory");
	reload_begin_own(run);
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
		return run_fail(EXIT_FAILED, "signals: %s", strerror(errno));
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return run_fail(EXIT_FAILED, "signals: %s", strerror(errno));
	run->captures_fd = run->options->captures_fd;
	run->dataplane_fd = run->options->dataplane_fd;
	run->handover_fd = run->options->handover_fd;
	if (run->captures_fd >= 0)
		fcntl(run->captures_fd, F_SETFL, O_NONBLOCK);
	return captures_init(&run->captures) == 0 ? 0 : run_fail(EXIT_FAILED, "out of memory");
}

int
run_accept(struct run *run)
{
	char why[WHY_BYTES] = "";
	int r = intake_accept(&run->intake, run->dataplane_fd, why, sizeof(why));

	/* Whoever started both processes tells that one has gone. */
	if (r != 0 && !(r == -EPIPE && (run->captures_fd >= 0 || run->handover_fd >= 0)))
		run_fail(0, "%s", why);
	if (r == 0 && run->options->live)
		reload_greet(run);
	return r;
}

/* Nobody started one beside us. */
static int
look_for_dataplane(struct run *run)
{
	const char *path = run->options->config.dataplane_socket;

	run->meets = true;
	run->handover_fd = meet_open_timer();
	if (run->handover_fd < 0)
		return run_fail(EXIT_FAILED, "timer: %s", strerror(errno));
	run->dataplane_fd = meet_dataplane(path, run->handover_fd);
	if (run->dataplane_fd >= 0)
		return 0;
	if (run->dataplane_fd != -EAGAIN)
		return run_fail(EXIT_BAD_INPUT, "dataplane.socket %s: %s", path,
			strerror(-run->dataplane_fd));
	run_fail(0, "waits for a dataplane at %s", path);
	away_begin(run);
	return 0;
}

static int
shake_hands(struct run *run)
{
	if (run->dataplane_fd < 0 && run->options->live) {
		int status = look_for_dataplane(run);
		if (status != 0 || run->away.on)
			return status;
	}
	struct pollfd p[2] = {{.fd = run->dataplane_fd, .events = POLLIN},
		{.fd = run->signal_fd, .events = POLLIN}};

	/* intake_accept blocks, and signals are blocked too: wait for either here. */
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents)
		return run_fail(EXIT_FAILED, "stopped by a signal before the dataplane's offer");
	int r = run_accept(run);
	if (r != 0 && !(r == -EPIPE && away_begin(run)))
		return EXIT_FAILED;
	resume_intake(run);
	/* A capture may be small, and its user waits. */
	if (!run->intake.replay)
		engine_touch_memory(run->engine);
	return 0;
}

void
run_tear_down(struct run *run)
{
	serve_close(run->serve);
	reload_close(&run->reload);
	if (run->intake.rings)
		intake_close(&run->intake);
	if (run->eve)
		eve_close(run->eve);
	eve_file_close(&run->eve_file);
	if (run->engine)
		engine_close(run->engine);
	run_close_store(run, NULL);
	snapshot_close(&run->snapshot);
	busiest_close(&run->busiest);
	enrich_close(run->enrich);
	captures_free(&run->captures);
	if (run->patterns)
		pattern_set_free(run->patterns);
	free(run->patterns);
}

/* Whoever cannot be answered changes nothing about what is seen. */
static int
open_serve(struct run *run)
{
	const struct options *o = run->options;
	struct serve_options options = {.path = o->socket,
		.store = o->store,
		.reload = reload_prepare,
		.own = reload_own,
		.arg = &run->reload};
	char why[WHY_BYTES] = "";

	if (!o->live)
		return 0;
	int r = serve_open(&run->serve, &options, why, sizeof(why));
	if (r == -EADDRINUSE)
		return run_fail(EXIT_BAD_INPUT, "%s", why);
	if (r != 0)
		run_fail(0, "%s; nobody can ask what is going on", why);
	return 0;
}

static int
open_outlet(struct run *run)
{
	const struct options *o = run->options;
	struct outlet_options options = {.path = o->outlet,
		.user = o->config.export_user,
		.store = o->store,
		.outbox = run->stored.outbox};
	char why[WHY_BYTES] = "";

	if (!o->live || !run->stored.outbox)
		return 0;
	int r = outlet_open(&run->outlet, &options, why, sizeof(why));
	if (r == -EADDRINUSE)
		return run_fail(EXIT_BAD_INPUT, "%s", why);
	if (r != 0)
		run_fail(0, "%s; no exporter can have alerts", why);
	return 0;
}

int
run_close_store(struct run *run, const struct engine *engine)
{
	outlet_close(run->outlet);
	run->outlet = NULL;
	return stored_close(&run->stored, engine);
}

/*
 * The ring comes from a process that strangers speak to: whoever takes control over through it is a
 * user who owns the store and nothing else, and has no network. First of all, so that files are
 * that user's.
 */
static int
confine(struct run *run)
{
	/* Besides what every program needs: rings, whose seals are asked for, and snapshots. */
	static const char *const names[] = {
		"memfd_create", "chown", "fchown", "fchownat", "wait4", "waitid", "ioctl"};
	const struct confine_calls calls = {.names = names,
		.count = sizeof(names) / sizeof(names[0]),
		.network = CONFINE_UNIX_ONLY};
	const struct config *config = &run->options->config;
	const struct confine_user to = {.user = config->control_user};
	char why[CONFINE_WHY_MAX] = "";

	if (run->options->live && confine_user(&to, why) != 0)
		return run_fail(EXIT_BAD_INPUT, "control.user: %s", why);
	if (config->confine_calls && confine_calls(&calls, why) != 0)
		return run_fail(EXIT_FAILED, "%s; confine.system_calls: false goes without", why);
	return 0;
}

int
run_begin(struct run *run)
{
	static int (*const steps[])(struct run *) = {confine, open_fds, read_patterns, open_enrich,
		open_eve, open_reload, open_serve, open_outlet, open_engine, shake_hands};
	int status = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++)
		status = steps[i](run);
	return status;
}
