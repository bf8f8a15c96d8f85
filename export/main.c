/*
 * smtap-export: sends alerts to whom the configuration says. It speaks to the network; it has no
 * ring and no store, only control's socket for exporters.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/notify.h"
#include "base/stdfds.h"
#include "base/text.h"
#include "confine/confine.h"
#include "export/asked.h"
#include "export/kinds.h"
#include "export/metrics/metrics.h"
#include "export/options.h"
#include "export/pages/pages.h"
#include "export/runners.h"

#define PROGRAM "smtap-export"
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_BAD_INPUT 2
#define LOOK_MS 1000
#define END_S 5 /* for what is in hand; what is not delivered comes after the next start */

struct program {
	struct options options;
	struct config *config;
	struct config *started; /* with which it began: some of it stays so */
	struct config *draft;   /* of a reload that control has not taken yet; NULL: none */
	struct runners *draft_runners;
	pthread_mutex_t lock;    /* of runners, for who counts */
	struct runners *runners; /* NULL: none run now */
	struct pages *pages;     /* NULL: none */
	struct metrics *metrics; /* the same */
	struct asked *asked;
	struct notify notify;
	char sensor[256];
};

static void
say(const char *what)
{
	fprintf(stderr, PROGRAM ": %s\n", what);
}

static void
forget_config(struct config *config)
{
	if (config)
		config_free(config);
	free(config);
}

/* This loop turns, and that of the pages does. */
static void
tell_manager(void *arg)
{
	struct program *p = arg;
	uint64_t turns = p->pages ? pages_turns(p->pages) : 0;

	notify_alive(&p->notify, &turns, p->pages ? 1 : 0, clock_now_ns(CLOCK_MONOTONIC));
	notify_status(&p->notify, "%u exporter%s%s%s", runners_count(p->runners),
		text_s(runners_count(p->runners)), p->pages ? "; HTTP at " : "",
		p->started->http_listen);
}

/* The exporters of a configuration, which do not run yet. NULL: why says. */
static struct runners *
open_runners(struct program *p, struct config *config, char why[SINK_WHY_MAX])
{
	const struct sink_context context = {
		.pages = p->pages, .sensor = p->sensor, .config = config};
	const struct runners_options options = {.exporters = &config->exporters,
		.socket = p->options.socket,
		.context = &context,
		.turn = tell_manager,
		.arg = p};
	struct runners *runners;

	return runners_open(&runners, &options, why) == 0 ? runners : NULL;
}

static void
set_runners(struct program *p, struct runners *runners)
{
	pthread_mutex_lock(&p->lock);
	p->runners = runners;
	pthread_mutex_unlock(&p->lock);
}

static int
start(struct program *p)
{
	char why[SINK_WHY_MAX];
	struct runners *runners = open_runners(p, p->config, why);
	int r = runners ? runners_start(runners, NULL, why) : -EINVAL;

	if (r != 0)
		say(why);
	set_runners(p, runners);
	return r;
}

/*
 * It speaks to the network: whoever takes it over from there is a user who owns nothing, who may
 * ask control for alerts and say how far they were delivered. Before any file of a sink is read, so
 * that it can be read again.
 */
static int
confine(const struct program *p)
{
	/* Besides what every program needs: what is in a socket's queue, and names to look up. */
	static const char *const names[] = {"ioctl", "sched_getparam", "sched_getscheduler"};
	const struct confine_calls calls = {.names = names,
		.count = sizeof(names) / sizeof(names[0]),
		.network = CONFINE_CLIENT};
	const struct confine_user to = {.user = p->config->export_user};
	char why[CONFINE_WHY_MAX] = "";
	int r = confine_user(&to, why);

	if (r == 0 && p->config->confine_calls)
		r = confine_calls(&calls, why);
	if (r != 0)
		say(why);
	return r;
}

/* NULL: it is wrong, as why says. */
static struct config *
read_config(struct options *options, char why[SINK_WHY_MAX])
{
	struct config *config = malloc(sizeof(*config));

	snprintf(why, SINK_WHY_MAX, "out of memory");
	if (config && options_read_config(options, config, why, SINK_WHY_MAX) == 0)
		return config;
	free(config);
	return NULL;
}

/* For who counts them, from a thread of its own. */
static unsigned
count_exporters(void *arg, struct metrics_exporter out[CONFIG_EXPORTERS_MAX])
{
	struct program *p = arg;
	unsigned n = 0;

	pthread_mutex_lock(&p->lock);
	for (; p->runners && n < runners_count(p->runners); n++) {
		const struct config_exporter *e = runners_exporter(p->runners, n);

		snprintf(out[n].name, sizeof(out[n].name), "%s", config_exporter_name(e));
		out[n].type = config_exporter_type_name(config_exporter_type(e));
		runners_counters(p->runners, n, &out[n].counters);
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* What is served over HTTP, and who makes it. 0, or an exit status. */
static int
open_pages(struct program *p)
{
	const struct pages_options pages = {.listen = p->config->http_listen,
		.cert_file = p->config->http_cert,
		.key_file = p->config->http_key};
	struct metrics_options metrics = {.socket = p->options.socket,
		.version = SMTAP_VERSION,
		.config = p->config,
		.exporters = count_exporters,
		.arg = p};
	char why[SINK_WHY_MAX];

	if (!pages.listen[0])
		return 0;
	if (pages_open(&p->pages, &pages, why, sizeof(why)) != 0) {
		say(why);
		return EXIT_BAD_INPUT;
	}
	metrics.pages = p->pages;
	if (metrics_start(&p->metrics, &metrics) == 0)
		return 0;
	say("out of memory, or of threads");
	return EXIT_FAILED;
}

static void
end_pages(struct program *p)
{
	pages_close(p->pages);
	metrics_stop(p->metrics);
}

/* What it began with stays so until it is started again. */
static void
tell_waiting(const struct config *started, const struct config *new)
{
	const bool others[] = {strcmp(started->http_listen, new->http_listen) != 0,
		!started->http_cert[0] != !new->http_cert[0],
		strcmp(started->export_socket, new->export_socket) != 0,
		strcmp(started->export_user, new->export_user) != 0,
		started->confine_calls != new->confine_calls};
	static const char *const names[] = {"http.listen", "http.cert_file, http.key_file",
		"export.socket", "export.user", "confine.system_calls"};
	char list[256] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (others[i])
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				list[0] ? ", " : "", names[i]);
	if (list[0])
		fprintf(stderr, PROGRAM ": needs a restart: %s\n", list);
}

/* The certificate as it is by now. A key that only root may read was read before we were confined:
 * that is no fault of the configuration. 0, or -errno with why. */
static int
renew_certificate(struct program *p, const struct config *config, char why[SINK_WHY_MAX])
{
	int r = p->pages ? pages_renew(
				   p->pages, config->http_cert, config->http_key, why, SINK_WHY_MAX)
			 : 0;

	if (r != -EACCES)
		return r;
	fprintf(stderr, PROGRAM ": %s; the certificate stays as it is until a restart\n", why);
	return 0;
}

/* Those of before end, and others, which are open, go on from there. */
static int
exchange_runners(struct program *p, struct runners *runners)
{
	struct runners *before = p->runners;
	char why[SINK_WHY_MAX];

	/* No call of a sink is longer than that. */
	if (!runners_end(before, SINK_CALL_MAX_S + END_S)) {
		say("an exporter does not end: it cannot be started again");
		return -ETIMEDOUT;
	}
	int r = runners_start(runners, before, why);
	if (r != 0)
		say(why);
	set_runners(p, runners);
	runners_free(before);
	return r;
}

static void
drop_draft(struct program *p)
{
	runners_free(p->draft_runners);
	forget_config(p->draft);
	p->draft_runners = NULL;
	p->draft = NULL;
}

/*
 * The configuration anew, and with it the files that it names, opened beside those that run. False:
 * it is wrong, as why says; else why is "".
 */
static bool
read_draft(struct program *p, char why[SINK_WHY_MAX])
{
	struct options options = p->options; /* its socket stays control's */

	drop_draft(p);
	p->draft = read_config(&options, why);
	if (p->draft)
		p->draft_runners = open_runners(p, p->draft, why);
	bool good = p->draft_runners != NULL;
	if (good && p->pages) {
		int r = pages_try(p->draft->http_cert, p->draft->http_key, why, SINK_WHY_MAX);
		good = r == 0 || r == -EACCES; /* as renew_certificate */
	}
	if (!good) {
		drop_draft(p);
		say(why);
		return false;
	}
	why[0] = '\0';
	return true;
}

/* The draft is what counts. Not 0: it cannot go on. */
static int
take_draft(struct program *p, char why[SINK_WHY_MAX])
{
	struct config *old = p->config, *config = p->draft;
	struct runners *runners = p->draft_runners;

	if (renew_certificate(p, config, why) != 0) {
		drop_draft(p);
		say(why);
		return 0;
	}
	p->draft = NULL;
	p->draft_runners = NULL;
	why[0] = '\0';
	notify_reloading(&p->notify, clock_now_ns(CLOCK_MONOTONIC));
	tell_waiting(p->started, config);
	int r = exchange_runners(p, runners);
	if (r != 0)
		return r;
	if (p->metrics)
		metrics_reload(p->metrics, config);
	p->config = config;
	if (old != p->started)
		forget_config(old);
	notify_ready(&p->notify);
	return 0;
}

/*
 * A step that control asks for: what was checked is taken as it was then. One that is wrong leaves
 * all as it is: why says what, else it is "". Not 0: it cannot go on.
 */
static int
reload(struct program *p, enum feed_step step, char why[SINK_WHY_MAX])
{
	why[0] = '\0';
	if (step == FEED_DROP) {
		drop_draft(p);
		return 0;
	}
	if (step == FEED_TAKE && p->draft)
		return take_draft(p, why);
	bool good = read_draft(p, why);
	return step == FEED_CHECK || !good ? 0 : take_draft(p, why);
}

/* All could be opened; whether the exporters could, too. An exit status. */
static int
check(struct program *p)
{
	char why[SINK_WHY_MAX];
	struct runners *runners = open_runners(p, p->config, why);
	int status = runners ? EXIT_DONE : EXIT_BAD_INPUT;

	if (!runners)
		say(why);
	runners_free(runners);
	end_pages(p);
	return status;
}

/* A signal: is it to end? */
static bool
take_signal(int signal_fd, bool *hangs_up)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	*hangs_up = info.ssi_signo == SIGHUP;
	return !*hangs_up;
}

static int
watch(struct program *p, int signal_fd)
{
	struct pollfd fds[2] = {
		{.fd = signal_fd, .events = POLLIN}, {.fd = asked_fd(p->asked), .events = POLLIN}};
	enum feed_step step;
	char why[SINK_WHY_MAX];

	for (;;) {
		bool hangs_up = false;

		tell_manager(p);
		if (poll(fds, 2, LOOK_MS) <= 0)
			continue;
		if (fds[0].revents && take_signal(signal_fd, &hangs_up))
			return EXIT_DONE;
		if (hangs_up) {
			drop_draft(p);
			if (reload(p, FEED_TAKE, why) != 0)
				return EXIT_FAILED;
		}
		if (!fds[1].revents || !asked_take(p->asked, &step))
			continue;
		if (reload(p, step, why) != 0)
			return EXIT_FAILED;
		asked_done(p->asked, why);
	}
}

/* Before any thread is there: they have the mask of whoever starts them. */
static int
open_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN); /* who goes while we write is an error of that write */
	return signalfd(-1, &mask, SFD_CLOEXEC);
}

static int
run(struct program *p)
{
	char why[SINK_WHY_MAX] = "";
	int signal_fd = open_signals();
	int status = EXIT_FAILED;

	if (signal_fd < 0 || gethostname(p->sensor, sizeof(p->sensor) - 1) != 0) {
		say(strerror(errno));
		return EXIT_FAILED;
	}
	uint64_t read_ns = clock_now_ns(CLOCK_MONOTONIC);
	p->config = p->started = read_config(&p->options, why);
	if (!p->config) {
		say(why);
		return EXIT_BAD_INPUT;
	}
	if (p->config->exporters.count == 0 && !p->config->http_listen[0]) {
		say("there is nothing to do: no exporters are configured, and no http.listen");
		/* A service manager takes an end before that for a failure, and starts us again. */
		notify_begin(&p->notify);
		notify_ready(&p->notify);
		return EXIT_DONE;
	}
	/* Its port, and the key of TLS, may be for root alone. */
	status = open_pages(p);
	if (status == 0 && confine(p) != 0)
		status = EXIT_BAD_INPUT;
	if (p->options.check)
		return status == 0 ? check(p) : status;
	if (status == 0 && start(p) != 0)
		status = EXIT_BAD_INPUT;
	if (status == 0 && asked_start(&p->asked, p->options.socket, read_ns) != 0) {
		say("out of memory, or of threads");
		status = EXIT_FAILED;
	}
	if (status != 0)
		return status;
	notify_begin(&p->notify);
	notify_ready(&p->notify);
	status = watch(p, signal_fd);
	notify_stopping(&p->notify);
	asked_stop(p->asked);
	if (!runners_end(p->runners, END_S)) {
		say("an exporter is busy: what it has in hand comes again after the next start");
		runners_let_go(p->runners, SINK_CALL_MAX_S);
		_exit(status);
	}
	drop_draft(p);
	struct runners *ended = p->runners;
	set_runners(p, NULL);
	runners_free(ended);
	end_pages(p);
	close(signal_fd);
	return status;
}

int
main(int argc, char **argv)
{
	static struct program p = {.lock = PTHREAD_MUTEX_INITIALIZER};
	char why[512] = "";
	int status = EXIT_BAD_INPUT;

	confine_begin();
	if (stdfds_open() != 0)
		return EXIT_FAILED;
	switch (options_read(&p.options, argc, argv, why, sizeof(why))) {
	case OPTIONS_DONE:
		return stdfds_finish(PROGRAM, EXIT_DONE);
	case OPTIONS_BAD:
		say(why);
		return EXIT_BAD_INPUT;
	case OPTIONS_RUN:
		status = run(&p);
		break;
	}
	if (p.config != p.started)
		forget_config(p.config);
	forget_config(p.started);
	status = stdfds_finish(PROGRAM, status);
	if (kinds_still_end())
		_exit(status);
	return status;
}
