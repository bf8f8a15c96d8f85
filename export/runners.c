/*
 * Theory of operation.
 *
 * Keeps: a runner, a connection to control and a thread for each exporter; an eventfd that becomes
 * readable when all are to end and stays so; since when control is away, which one of them tells
 * for all. That is told after AWAY_TELL_NS only: control that is started again is soon there. What
 * control refuses to one of them is told of that one, and at once: no other would.
 *
 * Always holds: sinks of before are closed before any of those after them sends: what a sink takes
 * back at its end, as routes, may be what one of another name is about to say at the same place.
 */
#include "export/runners.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "export/kinds.h"

#define AWAY_TELL_NS (10 * NS_PER_S)
#define TURN_NS NS_PER_S

struct one {
	struct runners *all;
	struct runner *runner;
	struct feed *feed;
	pthread_t thread;
	bool runs;
	bool refused; /* control gives it nothing, which was told; the thread's */
};

struct runners {
	struct one ones[CONFIG_EXPORTERS_MAX];
	unsigned count;
	int stop_fd;
	void (*turn)(void *arg);
	void *arg;
	_Atomic uint64_t away_ns; /* monotonic: since when control is away; 0: it is there */
	atomic_bool away_told;    /* whoever changes it tells */
};

static void
say(const char *line)
{
	fprintf(stderr, "smtap-export: %s\n", line);
}

/* Control is there, and answers this one with an error, as when it does not know its name. */
static void
tell_refused(struct one *one, bool refused, const char *why)
{
	const char *name = config_exporter_name(runner_exporter(one->runner));

	if (refused && !one->refused)
		fprintf(stderr, "smtap-export: %s: %s; it is tried again\n", name, why);
	else if (!refused && one->refused)
		fprintf(stderr, "smtap-export: %s: control gives it alerts again\n", name);
	one->refused = refused;
}

/* Of each call to control: how it went. */
static int
told(struct one *one, int r, const char *why)
{
	struct runners *all = one->all;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), since = 0;

	if (r == -ECANCELED)
		return r;
	if (r == 0 || r == -EINVAL) {
		atomic_store(&all->away_ns, 0);
		if (atomic_exchange(&all->away_told, false))
			say("control is there again");
		tell_refused(one, r != 0, why);
		return r;
	}
	atomic_compare_exchange_strong(&all->away_ns, &since, now);
	if (since != 0 && now - since >= AWAY_TELL_NS && !atomic_exchange(&all->away_told, true))
		fprintf(stderr, "smtap-export: %s; it is tried again\n", why);
	return r;
}

static int
source_alerts(void *arg, unsigned max, unsigned wait_ms, struct feed_batch *out)
{
	struct one *one = arg;
	char why[SINK_WHY_MAX] = "";

	return told(one, feed_alerts(one->feed, max, wait_ms, out, why), why);
}

static int
source_open_alerts(void *arg, struct feed_batch *out)
{
	struct one *one = arg;
	char why[SINK_WHY_MAX] = "";

	return told(one, feed_open_alerts(one->feed, out, why), why);
}

static int
source_delivered(void *arg, uint64_t seq)
{
	struct one *one = arg;
	char why[SINK_WHY_MAX] = "";

	return told(one, feed_delivered(one->feed, seq, why), why);
}

static bool
source_pause(void *arg, uint64_t ns)
{
	struct one *one = arg;
	struct pollfd p = {.fd = one->all->stop_fd, .events = POLLIN};

	poll(&p, 1, (int)(ns / NS_PER_MS));
	return p.revents != 0;
}

static uint64_t
source_now(void *arg)
{
	(void)arg;
	return clock_now_ns(CLOCK_REALTIME);
}

static void
source_tell(void *arg, const char *line)
{
	(void)arg;
	say(line);
}

static void *
run(void *arg)
{
	struct one *one = arg;

	runner_run(one->runner);
	return NULL;
}

/* It counts on from the one of that name before, and goes on from it, unless it succeeds another
 * and not that one. */
static void
begin(struct runner *runner, const struct runners *before)
{
	const char *name = config_exporter_name(runner_exporter(runner));
	struct runner *same = NULL, *from = NULL;
	struct sink_counters counters;

	for (unsigned i = 0; before && i < before->count; i++) {
		struct runner *other = before->ones[i].runner;

		if (strcmp(config_exporter_name(runner_exporter(other)), name) == 0)
			same = other;
		if (runner_succeeds(runner, other) && (!from || other == same))
			from = other;
	}
	if (same) {
		runner_counters(same, &counters);
		runner_inherit(runner, &counters);
	}
	runner_begin(runner, from ? from : same);
}

static int
open_one(struct runners *all, const struct runners_options *options, unsigned i,
	char why[SINK_WHY_MAX])
{
	const struct config_exporter *e = config_exporter_at(options->exporters, i);
	struct one *one = &all->ones[i];
	const struct feed_options feed = {.path = options->socket,
		.exporter = config_exporter_name(e),
		.stop_fd = all->stop_fd};
	const struct runner_options runner = {.exporter = e,
		.kind = kind_of(config_exporter_type(e)),
		.context = options->context,
		.source = {.alerts = source_alerts,
			.open_alerts = source_open_alerts,
			.delivered = source_delivered,
			.pause = source_pause,
			.now_ns = source_now,
			.tell = source_tell,
			.arg = one}};

	one->all = all;
	one->feed = feed_new(&feed);
	if (!one->feed) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	return runner_new(&one->runner, &runner, why);
}

/* Signals are for the main thread. */
static int
start_threads(struct runners *all)
{
	sigset_t every, old;
	int r = 0;

	sigfillset(&every);
	sigdelset(&every, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &every, &old);
	for (unsigned i = 0; i < all->count && r == 0; i++) {
		r = -pthread_create(&all->ones[i].thread, NULL, run, &all->ones[i]);
		all->ones[i].runs = r == 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

int
runners_open(struct runners **out, const struct runners_options *options, char why[SINK_WHY_MAX])
{
	struct runners *all = calloc(1, sizeof(*all));
	int r = all ? 0 : -ENOMEM;

	*out = NULL;
	snprintf(why, SINK_WHY_MAX, "out of memory");
	if (!all)
		return r;
	all->turn = options->turn;
	all->arg = options->arg;
	all->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (all->stop_fd < 0) {
		r = -errno;
		snprintf(why, SINK_WHY_MAX, "eventfd: %s", strerror(-r));
	}
	for (; r == 0 && all->count < options->exporters->count; all->count += r == 0)
		r = open_one(all, options, all->count, why);
	if (r == 0)
		*out = all;
	else
		runners_free(all);
	return r;
}

/* What its main thread has to do besides, while it waits. */
static void
turn(const struct runners *all)
{
	if (all->turn)
		all->turn(all->arg);
}

int
runners_start(struct runners *all, struct runners *before, char why[SINK_WHY_MAX])
{
	for (unsigned i = 0; i < all->count; i++)
		begin(all->ones[i].runner, before);
	for (unsigned i = 0; before && i < before->count; i++) {
		runner_close(before->ones[i].runner);
		turn(all);
	}
	int r = start_threads(all);
	if (r != 0)
		snprintf(why, SINK_WHY_MAX, "threads: %s", strerror(-r));
	return r;
}

unsigned
runners_count(const struct runners *all)
{
	return all->count;
}

const struct config_exporter *
runners_exporter(const struct runners *all, unsigned index)
{
	return runner_exporter(all->ones[index].runner);
}

void
runners_counters(const struct runners *all, unsigned index, struct sink_counters *out)
{
	runner_counters(all->ones[index].runner, out);
}

/* Until that time, monotonic. */
static void
await_thread(struct one *one, uint64_t until_ns)
{
	for (uint64_t next = 0; one->runs && next < until_ns;) {
		uint64_t now = clock_now_ns(CLOCK_MONOTONIC);

		next = now + TURN_NS < until_ns ? now + TURN_NS : until_ns;
		const struct timespec at = {(time_t)(next / NS_PER_S), (long)(next % NS_PER_S)};
		one->runs = pthread_clockjoin_np(one->thread, NULL, CLOCK_MONOTONIC, &at) != 0;
		turn(one->all);
	}
}

bool
runners_end(struct runners *all, unsigned wait_s)
{
	uint64_t one = 1, until_ns = clock_now_ns(CLOCK_MONOTONIC) + wait_s * NS_PER_S;
	bool ended = true;

	if (!all || all->stop_fd < 0 || write(all->stop_fd, &one, sizeof(one)) < 0)
		return true; /* none was started */
	for (unsigned i = 0; i < all->count; i++) {
		struct one *o = &all->ones[i];

		await_thread(o, until_ns);
		ended &= !o->runs;
	}
	return ended;
}

void
runners_let_go(struct runners *all, unsigned wait_s)
{
	uint64_t until_ns = clock_now_ns(CLOCK_MONOTONIC) + wait_s * NS_PER_S;

	for (unsigned i = 0; i < all->count; i++)
		if (!all->ones[i].runs)
			runner_close(all->ones[i].runner);
	for (unsigned i = 0; i < all->count; i++) {
		struct one *o = &all->ones[i];

		if (!o->runs || !runner_holds(o->runner))
			continue;
		await_thread(o, until_ns);
		if (!o->runs)
			runner_close(o->runner);
		else
			fprintf(stderr,
				"smtap-export: %s: it does not end: what it announced is not "
				"withdrawn\n",
				config_exporter_name(runner_exporter(o->runner)));
	}
}

void
runners_free(struct runners *all)
{
	if (!all)
		return;
	/* The one that could not be opened has a feed, too. */
	for (unsigned i = 0; i < CONFIG_EXPORTERS_MAX; i++) {
		runner_free(all->ones[i].runner);
		feed_free(all->ones[i].feed);
	}
	if (all->stop_fd >= 0)
		close(all->stop_fd);
	free(all);
}
