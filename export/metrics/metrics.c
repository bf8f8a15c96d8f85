/*
 * Theory of operation.
 *
 * Keeps: under a lock, what control and the exporters said last (watch.c). The thread asks; the
 * thread of the pages reads. Neither holds the lock while it waits for anything.
 *
 * The connection to control is held: when control dies, the next question tells it at once.
 */
#include "export/metrics/metrics.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "export/feed/feed.h"
#include "export/metrics/internal.h"

struct metrics {
	struct metrics_options options;
	struct feed *feed;
	int stop;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	uint64_t silence_ns;
	uint64_t failing_ns;
	struct watch watch;
};

static void
ask(struct metrics *m)
{
	struct metrics_exporter exporters[CONFIG_EXPORTERS_MAX];
	unsigned n = m->options.exporters(m->options.arg, exporters);
	char why[SINK_WHY_MAX] = "";
	json_t *answer = NULL;

	if (feed_counters(m->feed, &answer, why) != 0)
		answer = NULL;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	pthread_mutex_lock(&m->lock);
	watch_take(&m->watch, answer, why, now);
	watch_take_exporters(&m->watch, exporters, n, now);
	pthread_mutex_unlock(&m->lock);
}

static void *
run(void *arg)
{
	struct metrics *m = arg;
	struct pollfd stop = {.fd = m->stop, .events = POLLIN};

	do
		ask(m);
	while (poll(&stop, 1, METRICS_EVERY_S * 1000) == 0 || stop.revents == 0);
	return NULL;
}

static void
make_metrics(void *arg, const char *accept, struct pages_answer *answer)
{
	struct metrics *m = arg;
	bool openmetrics = text_wants_openmetrics(accept);
	struct pages_counters pages;
	const struct text_view view = {.watch = &m->watch,
		.pages = &pages,
		.version = m->options.version,
		.now_ns = clock_now_ns(CLOCK_MONOTONIC)};

	pages_counters(m->options.pages, &pages);
	answer->type = openmetrics ? TEXT_TYPE_OPENMETRICS : TEXT_TYPE_PROMETHEUS;
	pthread_mutex_lock(&m->lock);
	answer->body = text_make(&view, openmetrics, &answer->len);
	pthread_mutex_unlock(&m->lock);
}

static void
make_health(void *arg, const char *accept, struct pages_answer *answer)
{
	struct metrics *m = arg;
	struct health_view view = {.watch = &m->watch,
		.now_ns = clock_now_ns(CLOCK_MONOTONIC),
		.wall_ns = clock_now_ns(CLOCK_REALTIME)};
	bool ok = false;

	(void)accept;
	pthread_mutex_lock(&m->lock);
	view.silence_ns = m->silence_ns;
	view.failing_ns = m->failing_ns;
	answer->body = health_make(&view, &ok, &answer->len);
	pthread_mutex_unlock(&m->lock);
	answer->type = "application/json";
	answer->status = ok ? 200 : 503;
}

static int
start(struct metrics *m)
{
	struct feed_options feed = {.path = m->options.socket, .exporter = ""};
	sigset_t all, old;

	m->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->stop < 0)
		return -errno;
	feed.stop_fd = m->stop;
	m->feed = feed_new(&feed);
	if (!m->feed)
		return -ENOMEM;
	int r = pages_make(m->options.pages, "/metrics", make_metrics, m);
	if (r == 0)
		r = pages_make(m->options.pages, "/healthz", make_health, m);
	if (r != 0)
		return r;
	/* Signals are for the main thread. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&m->thread, NULL, run, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void
give_up(struct metrics *m)
{
	watch_free(&m->watch);
	feed_free(m->feed);
	if (m->stop >= 0)
		close(m->stop);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void
metrics_reload(struct metrics *m, const struct config *config)
{
	pthread_mutex_lock(&m->lock);
	m->silence_ns = config->health_silence;
	m->failing_ns = config->health_failing;
	pthread_mutex_unlock(&m->lock);
}

int
metrics_start(struct metrics **out, const struct metrics_options *options)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int r;

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->options = *options;
	m->stop = -1;
	pthread_mutex_init(&m->lock, NULL);
	metrics_reload(m, options->config);
	r = start(m);
	if (r == 0)
		*out = m;
	else
		give_up(m);
	return r;
}

void
metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	eventfd_write(m->stop, 1);
	pthread_join(m->thread, NULL);
	give_up(m);
}
