/*
 * Theory of operation.
 *
 * Keeps: the listening socket, at most SERVE_CLIENTS clients with a request that is not complete
 * and an answer that is not sent, and the status as control last made it, under a lock.
 *
 * Always holds: a client has one answer at a time; its next request is not read before that is
 * sent, so what it costs us is bounded by SERVE_LINE_MAX and the status. One that sends a longer
 * line is told and closed.
 *
 * The status is made by control's main thread, and only while somebody asks: the first answer after
 * a pause waits for it (up to STATUS_WAIT_MS), since what is kept is old by then.
 *
 * What an attacker would try: whoever may open the socket is trusted to read and to acknowledge,
 * not to stop us. All clients together cost one thread.
 */
#include "control/serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/serve/answer.h"

#define BACKLOG 16
#define STATUS_AGE_NS (5 * NS_PER_S) /* since the last question: is it still worth making? */
#define STATUS_OLD_NS (3 * NS_PER_S)
#define STATUS_WAIT_MS 3000

struct client {
	int fd;            /* -1: free */
	bool waits;        /* for a status */
	uint64_t since_ns; /* that long */
	size_t len;        /* of request */
	char request[SERVE_LINE_MAX];
	char *answer; /* owned; NULL: none */
	size_t answer_len;
	size_t sent;
	bool last; /* close when it is sent */
};

struct serve {
	struct serve_options options;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *store;
	int listener;
	int wake; /* eventfd: there is a status, or it is over */
	pthread_t thread;
	struct client clients[SERVE_CLIENTS]; /* the thread's */
	pthread_mutex_t lock;                 /* of what follows */
	bool stop;
	uint64_t asked_ns; /* monotonic; 0: never */
	uint64_t made_ns;
	char *status; /* owned; NULL: none yet */
	size_t status_len;
};

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void
drop(struct client *c)
{
	close(c->fd);
	free(c->answer);
	c->fd = -1;
	c->answer = NULL;
	c->answer_len = c->sent = c->len = 0;
	c->waits = c->last = false;
}

/* text is owned by the client from now on; NULL: out of memory. */
static void
give(struct client *c, char *text)
{
	if (!text) {
		drop(c);
		return;
	}
	c->answer = text;
	c->answer_len = strlen(text);
	c->sent = 0;
}

/* The status, if it is new enough or there is no more time to wait for one. */
static bool
give_status(struct serve *s, struct client *c)
{
	uint64_t now = now_ns();
	char *text = NULL;

	pthread_mutex_lock(&s->lock);
	s->asked_ns = now;
	bool fresh = s->status && now - s->made_ns < STATUS_OLD_NS;
	bool late = now - c->since_ns >= STATUS_WAIT_MS * NS_PER_MS;
	if (s->status && (fresh || late)) {
		text = malloc(s->status_len + 2);
		if (text) {
			memcpy(text, s->status, s->status_len);
			strcpy(text + s->status_len, "\n");
		}
	}
	bool have = s->status != NULL;
	pthread_mutex_unlock(&s->lock);
	if (!fresh && !late)
		return false;
	c->waits = false;
	give(c, have ? text : answer_error("control is busy: there is no status yet"));
	return true;
}

/* A whole request, without its newline. */
static void
take_request(struct serve *s, struct client *c)
{
	struct answer_request request;
	char *error = answer_read(&request, c->request);

	if (error) {
		give(c, error);
		return;
	}
	if (request.verb == ANSWER_STATUS) {
		c->waits = true;
		c->since_ns = now_ns();
		give_status(s, c);
	} else {
		give(c, answer_ack(&request, s->store, c->fd));
	}
}

/* Requests that are there, one at a time. */
static void
take_lines(struct serve *s, struct client *c)
{
	char *end;

	while (c->fd >= 0 && !c->answer && !c->waits &&
		(end = memchr(c->request, '\n', c->len)) != NULL) {
		size_t used = (size_t)(end - c->request) + 1;
		size_t rest = c->len - used;

		*end = '\0';
		take_request(s, c);
		if (c->fd < 0)
			return;
		memmove(c->request, c->request + used, rest);
		c->len = rest;
	}
	if (c->fd >= 0 && !c->answer && !c->waits && c->len == sizeof(c->request)) {
		c->last = true;
		give(c, answer_error("the request is too long"));
	}
}

static void
send_answer(struct serve *s, struct client *c)
{
	while (c->sent < c->answer_len) {
		ssize_t n = send(c->fd, c->answer + c->sent, c->answer_len - c->sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			drop(c);
			return;
		}
		c->sent += (size_t)n;
	}
	free(c->answer);
	c->answer = NULL;
	if (c->last)
		drop(c);
	else
		take_lines(s, c);
}

static void
receive(struct serve *s, struct client *c)
{
	ssize_t n = recv(c->fd, c->request + c->len, sizeof(c->request) - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->len += (size_t)n;
	take_lines(s, c);
}

static struct client *
free_client(struct serve *s)
{
	for (unsigned i = 0; i < SERVE_CLIENTS; i++)
		if (s->clients[i].fd < 0)
			return &s->clients[i];
	return NULL;
}

static void
welcome(struct serve *s)
{
	struct client *c = free_client(s);

	if (c)
		c->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static bool
stopped(struct serve *s)
{
	uint64_t times;

	if (read(s->wake, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return true;
	pthread_mutex_lock(&s->lock);
	bool stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

/* What each fd is waited for. Returns how long at most, in ms; -1: for ever. */
static int
prepare(struct serve *s, struct pollfd fds[SERVE_CLIENTS + 2])
{
	int timeout = -1;

	fds[SERVE_CLIENTS] = (struct pollfd){.fd = s->wake, .events = POLLIN};
	fds[SERVE_CLIENTS + 1] =
		(struct pollfd){.fd = free_client(s) ? s->listener : -1, .events = POLLIN};
	for (unsigned i = 0; i < SERVE_CLIENTS; i++) {
		const struct client *c = &s->clients[i];

		fds[i] = (struct pollfd){.fd = c->fd, .events = c->answer ? POLLOUT : POLLIN};
		if (!c->waits)
			continue;
		fds[i].events = 0; /* its end is still told */
		timeout = STATUS_WAIT_MS;
	}
	return timeout;
}

static void *
run(void *arg)
{
	struct serve *s = arg;
	struct pollfd fds[SERVE_CLIENTS + 2];

	for (;;) {
		int timeout = prepare(s, fds);

		if (poll(fds, SERVE_CLIENTS + 2, timeout) < 0 && errno != EINTR)
			break;
		if (stopped(s))
			break;
		for (unsigned i = 0; i < SERVE_CLIENTS; i++) {
			struct client *c = &s->clients[i];

			if (c->fd < 0)
				continue;
			if (c->waits && fds[i].revents)
				drop(c);
			else if (c->waits)
				give_status(s, c);
			else if (fds[i].revents && !c->answer)
				receive(s, c);
			if (c->fd >= 0 && c->answer)
				send_answer(s, c);
		}
		if (fds[SERVE_CLIENTS + 1].revents)
			welcome(s);
	}
	return NULL;
}

/* Is somebody there? Only who is refused knows that nobody is; another error may be a right that we
   do not have, or a socket of another kind. */
static bool
is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served = fd < 0 ||
		      connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		      errno != ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return served;
}

static int
bind_socket(struct serve *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int r;

	memcpy(address.sun_path, s->path, sizeof(s->path));
	if (lstat(s->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (is_served(&address))
			return -EADDRINUSE;
		unlink(s->path);
	}
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return -errno;
	/* Nobody else before the permissions are right. */
	mode_t old = umask(0117);
	r = bind(s->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ? -errno : 0;
	umask(old);
	if (r == 0 && listen(s->listener, BACKLOG) != 0)
		r = -errno;
	return r;
}

static int
start(struct serve *s)
{
	sigset_t all, old;
	int r = bind_socket(s);

	if (r != 0)
		return r;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void
give_up(struct serve *s)
{
	if (s->wake >= 0)
		close(s->wake);
	if (s->listener >= 0)
		close(s->listener);
	pthread_mutex_destroy(&s->lock);
	free(s->status);
	free(s->store);
	free(s);
}

int
serve_open(struct serve **out, const struct serve_options *options, char *why, size_t why_len)
{
	struct serve *s = calloc(1, sizeof(*s));
	int r = 0;

	*out = NULL;
	if (!s) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	s->listener = s->wake = -1;
	for (unsigned i = 0; i < SERVE_CLIENTS; i++)
		s->clients[i].fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->store = strdup(options->store);
	if (!s->store)
		r = -ENOMEM;
	if (strlen(options->path) >= sizeof(s->path))
		r = -ENAMETOOLONG;
	if (r == 0) {
		strcpy(s->path, options->path);
		r = start(s);
	}
	if (r != 0) {
		snprintf(why, why_len, "%s: %s", options->path,
			r == -EADDRINUSE ? "another smtap run, or another program, has it"
					 : strerror(-r));
		give_up(s);
		return r;
	}
	*out = s;
	return 0;
}

bool
serve_wants_status(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	bool wants = s->asked_ns && now_ns() - s->asked_ns < STATUS_AGE_NS;
	pthread_mutex_unlock(&s->lock);
	return wants;
}

static void
wake(struct serve *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->wake, &one, sizeof(one));

	(void)n; /* it is awake already when the counter is full */
}

void
serve_put_status(struct serve *s, const char *json, size_t len)
{
	char *copy = malloc(len + 1), *old;

	if (!copy)
		return;
	memcpy(copy, json, len);
	copy[len] = '\0';
	pthread_mutex_lock(&s->lock);
	old = s->status;
	s->status = copy;
	s->status_len = len;
	s->made_ns = now_ns();
	pthread_mutex_unlock(&s->lock);
	free(old);
	wake(s);
}

void
serve_close(struct serve *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	wake(s);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < SERVE_CLIENTS; i++)
		if (s->clients[i].fd >= 0)
			drop(&s->clients[i]);
	unlink(s->path);
	give_up(s);
}
