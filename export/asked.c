/*
 * Theory of operation.
 *
 * Keeps: the number of the last step of a reload at the control that is there, to wait for the
 * next; and when the last one began that we know the files of. A step that began later is news,
 * whichever control it is of and whatever broke meanwhile: so none is missed, not in the second in
 * which we start either. A connection that breaks begins anew, so that no number of one control is
 * compared with that of another.
 *
 * The main thread does the reload; meanwhile the thread here waits for it, and for the end.
 */
#include "export/asked.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "export/feed/feed.h"

#define AWAY_MS 1000 /* control is not there: how long until it is looked for again */

struct asked {
	int stop_fd;
	int asked_fd;        /* the thread -> main */
	int done_fd;         /* main -> the thread; what is in why by then */
	enum feed_step step; /* the thread's, until asked_fd is written; then main's */
	uint64_t known_ns;   /* the thread's: what began by then is known */
	char why[SINK_WHY_MAX];
	struct feed *feed; /* the thread's */
	pthread_t thread;
};

static bool
stops(const struct asked *a, int fd, int ms)
{
	struct pollfd p[2] = {{.fd = a->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	while (poll(p, 2, ms) < 0 && errno == EINTR)
		;
	return p[0].revents != 0;
}

/* 0, or what the feed says. */
static int
have_it_done(struct asked *a, const struct feed_reload *asked)
{
	char why[SINK_WHY_MAX];
	eventfd_t times;

	a->known_ns = asked->at_ns;
	a->step = asked->step;
	eventfd_write(a->asked_fd, 1);
	if (stops(a, a->done_fd, -1))
		return -ECANCELED;
	/* Its write -> our read: why is there. */
	eventfd_read(a->done_fd, &times);
	return feed_reloaded(a->feed, asked->number, a->why, why);
}

static void *
run(void *arg)
{
	struct asked *a = arg;
	uint64_t seen = FEED_NO_RELOAD;
	int r = 0;

	while (r != -ECANCELED) {
		char why[SINK_WHY_MAX];
		struct feed_reload asked;

		r = feed_reload(a->feed, seen, &asked, why);
		if (r == 0 && asked.at_ns > a->known_ns)
			r = have_it_done(a, &asked);
		seen = r == 0 ? asked.number : FEED_NO_RELOAD;
		/* Why is told by whoever has alerts to send. */
		if (r != 0 && r != -ECANCELED && stops(a, -1, AWAY_MS))
			break;
	}
	return NULL;
}

static int
start_thread(struct asked *a, const char *socket)
{
	const struct feed_options feed = {.path = socket, .exporter = "", .stop_fd = a->stop_fd};
	sigset_t all, old;

	if (a->stop_fd < 0 || a->asked_fd < 0 || a->done_fd < 0)
		return -errno;
	a->feed = feed_new(&feed);
	if (!a->feed)
		return -ENOMEM;
	/* Signals are for the main thread. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = -pthread_create(&a->thread, NULL, run, a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void
give_up(struct asked *a)
{
	feed_free(a->feed);
	if (a->stop_fd >= 0)
		close(a->stop_fd);
	if (a->asked_fd >= 0)
		close(a->asked_fd);
	if (a->done_fd >= 0)
		close(a->done_fd);
	free(a);
}

int
asked_start(struct asked **out, const char *socket, uint64_t read_ns)
{
	struct asked *a = calloc(1, sizeof(*a));

	*out = NULL;
	if (!a)
		return -ENOMEM;
	a->known_ns = read_ns;
	a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->asked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = start_thread(a, socket);
	if (r == 0)
		*out = a;
	else
		give_up(a);
	return r;
}

int
asked_fd(const struct asked *a)
{
	return a->asked_fd;
}

bool
asked_take(struct asked *a, enum feed_step *step)
{
	eventfd_t times;

	if (eventfd_read(a->asked_fd, &times) != 0)
		return false;
	*step = a->step;
	return true;
}

void
asked_done(struct asked *a, const char *why)
{
	snprintf(a->why, sizeof(a->why), "%s", why);
	eventfd_write(a->done_fd, 1);
}

void
asked_stop(struct asked *a)
{
	if (!a)
		return;
	eventfd_write(a->stop_fd, 1);
	pthread_join(a->thread, NULL);
	give_up(a);
}
