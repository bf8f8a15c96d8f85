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

#include "base/duration.h"
#include "base/notify.h"
#include "base/stdfds.h"
#include "confine/confine.h"
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
	pthread_mutex_t lock;    /* of runners, for who counts */
	struct runners *runners; /* NULL: none run now */
	struct pages *pages;     /* NULL: none */
	struct metrics *metrics; /* the same */
	struct notify notify;
	struct sink_context context;
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

static int
start(struct program *p, struct config *config, const struct runners *before)
{
	const struct runners_options options = {.exporters = &config->exporters,
		.socket = p->options.socket,
		.context = &p->context,
		.before = before};
	char why[SINK_WHY_MAX];
	struct runners *runners;

	p->context.config = config;
	int r = runners_start(&runners, &options, why);

	if (r != 0)
		say(why);
	pthread_mutex_lock(&p->lock);
	p->runners = runners;
	pthread_mutex_unlock(&p->lock);
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

/* NULL: it is wrong, which is told. */
static struct config *
read_config(struct program *p)
{
	struct config *config = malloc(sizeof(*config));
	char why[512] = "out of memory";

	if (config && options_read_config(&p->options, config, why, sizeof(why)) == 0)
		return config;
	free(config);
	say(why);
	return NULL;
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
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
	p->context.pages = metrics.pages = p->pages;
	if (metrics_start(&p->metrics, &metrics) == 0)
		return 0;
	say("out of memory, or of threads");
	return EXIT_FAILED;
}

static void
tell_http(const struct config *old, const struct config *new)
{
	if (strcmp(old->http_listen, new->http_listen) != 0 ||
		strcmp(old->http_cert, new->http_cert) != 0 ||
		strcmp(old->http_key, new->http_key) != 0)
		say("http.*: what has changed there counts from the next start");
}

/* Those that ran are no more; the configuration that they were made of may go. */
static void
forget_runners(struct program *p)
{
	pthread_mutex_lock(&p->lock);
	p->runners = NULL;
	pthread_mutex_unlock(&p->lock);
}

/* The configuration anew, and with it the files that it names. A bad one leaves all as it is. */
static int
reload(struct program *p)
{
	struct config *config = read_config(p), *old = p->config;
	struct runners *before = p->runners;

	if (!config)
		return 0;
	notify_reloading(&p->notify, now_ns());
	tell_http(old, config);
	/* No call of a sink is longer than that. */
	if (!runners_end(before, SINK_CALL_MAX_S + END_S)) {
		say("an exporter does not end: it cannot be started again");
		return -ETIMEDOUT;
	}
	forget_runners(p);
	int r = start(p, config, before);
	if (r == 0)
		p->config = config;
	else /* What ran before was right. */
		r = start(p, old, before);
	/* A sink may have looked at its configuration until now. */
	runners_free(before);
	forget_config(p->config == config ? old : config);
	notify_ready(&p->notify);
	return r;
}

/* This loop turns, and that of the pages does. */
static void
tell_manager(struct program *p)
{
	uint64_t turns = p->pages ? pages_turns(p->pages) : 0;

	notify_alive(&p->notify, &turns, p->pages ? 1 : 0, now_ns());
	notify_status(&p->notify, "%u exporters%s%s", runners_count(p->runners),
		p->pages ? "; HTTP at " : "", p->config->http_listen);
}

static int
watch(struct program *p, int signal_fd)
{
	struct pollfd signals = {.fd = signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;

	for (;;) {
		tell_manager(p);
		if (poll(&signals, 1, LOOK_MS) <= 0)
			continue;
		if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			break;
		if (info.ssi_signo != SIGHUP)
			return EXIT_DONE;
		if (reload(p) != 0)
			break;
	}
	return EXIT_FAILED;
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
	int signal_fd = open_signals();
	int status = EXIT_FAILED;

	if (signal_fd < 0 || gethostname(p->sensor, sizeof(p->sensor) - 1) != 0) {
		say(strerror(errno));
		return EXIT_FAILED;
	}
	p->context.sensor = p->sensor;
	p->config = read_config(p);
	if (!p->config)
		return EXIT_BAD_INPUT;
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
	if (status == 0 && start(p, p->config, NULL) != 0)
		status = EXIT_BAD_INPUT;
	if (status != 0)
		return status;
	notify_begin(&p->notify);
	notify_ready(&p->notify);
	status = watch(p, signal_fd);
	notify_stopping(&p->notify);
	if (!runners_end(p->runners, END_S)) {
		say("an exporter is busy: what it has in hand comes again after the next start");
		_exit(status);
	}
	struct runners *ended = p->runners;
	forget_runners(p);
	runners_free(ended);
	pages_close(p->pages);
	metrics_stop(p->metrics);
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
	forget_config(p.config);
	return stdfds_finish(PROGRAM, status);
}
