/*
 * notice: a thread that waits for the next step, and when that does not come in time says which
 * one it is waiting in. It knows nothing of the steps: so it speaks also when one hangs. It writes
 * to a descriptor of its own, since standard error is turned away while ports are set up.
 */
#include "dataplane/io/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"

static struct timespec
notice_deadline(uint64_t patience_ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t ns = (uint64_t)t.tv_nsec + patience_ns % NS_PER_S;
	t.tv_sec += (time_t)(patience_ns / NS_PER_S + ns / NS_PER_S);
	t.tv_nsec = (long)(ns % NS_PER_S);
	return t;
}

/* The lock is held. Is the step still the same at its deadline? */
static bool
notice_is_late(struct notice *n, uint64_t number)
{
	struct timespec deadline = notice_deadline(n->patience_ns);
	int r = 0;

	while (r == 0 && !n->ended && n->number == number)
		r = pthread_cond_timedwait(&n->changed, &n->lock, &deadline);
	return r == ETIMEDOUT && !n->ended && n->number == number;
}

static void *
notice_run(void *arg)
{
	struct notice *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->ended) {
		uint64_t number = n->number;
		if (n->doing[0] && notice_is_late(n, number))
			dprintf(n->fd, "smtap: still starting: it %s\n", n->doing);
		while (!n->ended && n->number == number)
			pthread_cond_wait(&n->changed, &n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int
notice_begin(struct notice *n, int fd, uint64_t patience_ns)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	n->patience_ns = patience_ns;
	n->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (n->fd < 0)
		return -errno;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are for who waits for them. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(&n->thread, NULL, notice_run, n);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	n->begun = r == 0;
	if (r != 0)
		close(n->fd);
	return -r;
}

void
notice_doing(struct notice *n, const char *format, ...)
{
	va_list args;

	if (!n->begun)
		return;
	va_start(args, format);
	pthread_mutex_lock(&n->lock);
	vsnprintf(n->doing, sizeof(n->doing), format, args);
	n->number++;
	pthread_cond_signal(&n->changed);
	pthread_mutex_unlock(&n->lock);
	va_end(args);
}

void
notice_end(struct notice *n)
{
	if (!n->begun)
		return;
	pthread_mutex_lock(&n->lock);
	n->ended = true;
	pthread_cond_signal(&n->changed);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	close(n->fd);
	n->begun = false;
}
