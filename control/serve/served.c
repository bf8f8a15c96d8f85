/*
 * Theory of operation.
 *
 * Keeps: the listening socket, and so many clients, each with a request that is not complete and
 * an answer that is not sent.
 *
 * Always holds: a client has one answer at a time; its next request is not read before that is
 * sent, so what it costs us is bounded by SERVED_LINE_MAX and its answer. One that sends a longer
 * line is told and closed. No call blocks but poll().
 *
 * Limits: when all places are taken, whoever was silent longest goes, if that was for IDLE_NS at
 * least; one that waits for its answer is not silent, one that does not fetch it is. So clients
 * that connect and say nothing keep nobody out. When the process has no descriptor left,
 * connections wait for PAUSE_NS, instead of being looked at again and again.
 *
 * What an attacker would try: whoever may open the socket is trusted to ask, not to stop us. All
 * clients together cost one thread.
 */
#include "control/serve/served.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/socket_file.h"

#define BACKLOG 16
#define IDLE_NS NS_PER_S
#define PAUSE_NS NS_PER_S

struct served_client {
	int fd;                          /* -1: free */
	const struct served_verb *waits; /* for what; NULL: it does not */
	uint64_t until_ns;               /* that long */
	uint64_t last_ns;                /* when it was last heard of, or fetched something */
	size_t len;                      /* of request */
	char request[SERVED_LINE_MAX];
	_Alignas(max_align_t) char state[SERVED_STATE_BYTES];
	char *answer; /* owned; NULL: none */
	size_t answer_len;
	size_t sent;
	bool last; /* close when it is sent */
};

struct served {
	struct served_options options;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int listener;
	int wake; /* eventfd */
	atomic_bool stop;
	pthread_t thread;
	uint64_t pause_ns; /* nobody is welcomed before */
	struct pollfd *fds;
	struct served_client clients[];
};

uint64_t
served_now_ns(void)
{
	return clock_now_ns(CLOCK_MONOTONIC);
}

static void
drop(struct served_client *c)
{
	close(c->fd);
	free(c->answer);
	c->fd = -1;
	c->answer = NULL;
	c->answer_len = c->sent = c->len = 0;
	c->waits = NULL;
	c->last = false;
}

void
served_give(struct served_client *c, char *lines, size_t len)
{
	c->waits = NULL;
	if (!lines) {
		drop(c);
		return;
	}
	c->answer = lines;
	c->answer_len = len;
	c->sent = 0;
}

void
served_give_object(struct served_client *c, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 1) : NULL;

	json_decref(object);
	if (line)
		line[len] = '\n';
	else
		free(text);
	served_give(c, line, len + 1);
}

void
served_give_error(struct served_client *c, const char *why)
{
	served_give_object(c, json_pack("{s:s}", "error", why));
}

void
served_wait(struct served_client *c, uint64_t ns)
{
	c->until_ns = served_now_ns() + ns;
}

void *
served_state(struct served_client *c)
{
	return c->state;
}

void
served_peer(const struct served_client *c, char name[64])
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	struct passwd entry, *found = NULL;
	char buffer[1024];

	getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (getpwuid_r(peer.uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(name, 64, "%s", found->pw_name);
	else
		snprintf(name, 64, "uid %u", (unsigned)peer.uid);
}

static void
give_unknown_verb(struct served *s, struct served_client *c)
{
	char why[256] = "unknown verb; known are";
	size_t len = strlen(why);

	for (size_t i = 0; i < s->options.verb_count && len < sizeof(why); i++)
		len += (size_t)snprintf(why + len, sizeof(why) - len, "%s %s",
			i == 0                          ? ""
			: i + 1 < s->options.verb_count ? ","
							: " and",
			s->options.verbs[i].name);
	served_give_error(c, why);
}

/* A whole request, without its newline: it gets an answer or waits. */
static void
take_request(struct served *s, struct served_client *c)
{
	json_t *request = json_loads(c->request, 0, NULL);
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const struct served_verb *v = s->options.verbs, *end = v + s->options.verb_count;

	memset(c->state, 0, sizeof(c->state));
	while (verb && v < end && strcmp(v->name, verb) != 0)
		v++;
	if (!request) {
		served_give_error(c, "no JSON object");
	} else if (!verb) {
		served_give_error(c, "verb is missing");
	} else if (v == end) {
		give_unknown_verb(s, c);
	} else {
		c->waits = v;
		v->take(s->options.arg, c, request);
	}
	json_decref(request);
}

/* Requests that are there, one at a time. */
static void
take_lines(struct served *s, struct served_client *c)
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
		served_give_error(c, "the request is too long");
	}
}

static void
send_answer(struct served *s, struct served_client *c)
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
		c->last_ns = served_now_ns();
	}
	free(c->answer);
	c->answer = NULL;
	if (c->last)
		drop(c);
	else
		take_lines(s, c);
}

static void
receive(struct served *s, struct served_client *c)
{
	ssize_t n = recv(c->fd, c->request + c->len, sizeof(c->request) - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->len += (size_t)n;
	c->last_ns = served_now_ns();
	take_lines(s, c);
}

/* A place that is free, or whose client was silent longest; NULL: all are waiting. */
static struct served_client *
best_place(struct served *s)
{
	struct served_client *best = NULL;

	for (unsigned i = 0; i < s->options.clients; i++) {
		struct served_client *c = &s->clients[i];

		if (c->fd < 0)
			return c;
		if (!c->waits && (!best || c->last_ns < best->last_ns))
			best = c;
	}
	return best;
}

static void
welcome(struct served *s)
{
	struct served_client *c = best_place(s);
	uint64_t now = served_now_ns();

	if (!c || (c->fd >= 0 && now - c->last_ns < IDLE_NS))
		return;
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* What is still there to be taken would wake us at once: EMFILE, ENFILE, ENOMEM. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			s->pause_ns = now + PAUSE_NS;
		return;
	}
	if (c->fd >= 0)
		drop(c);
	c->fd = fd;
	c->last_ns = now;
}

static void
sooner(uint64_t *at_ns, uint64_t ns)
{
	if (ns < *at_ns)
		*at_ns = ns;
}

/* Is the listener worth looking at? If not, from when on it is. */
static bool
welcomes(struct served *s, uint64_t now, uint64_t *at_ns)
{
	const struct served_client *place = best_place(s);

	if (now < s->pause_ns) {
		sooner(at_ns, s->pause_ns);
		return false;
	}
	if (place && place->fd >= 0 && now - place->last_ns < IDLE_NS) {
		sooner(at_ns, place->last_ns + IDLE_NS);
		return false;
	}
	return place != NULL;
}

/* What each fd is waited for, and how long at most: ms; -1: for ever. */
static int
prepare(struct served *s)
{
	unsigned n = s->options.clients;
	uint64_t at_ns = UINT64_MAX, now = served_now_ns();

	for (unsigned i = 0; i < n; i++) {
		const struct served_client *c = &s->clients[i];

		s->fds[i] = (struct pollfd){.fd = c->fd,
			.events = c->waits    ? 0 /* its end is still told */
				  : c->answer ? POLLOUT
					      : POLLIN};
		if (c->fd >= 0 && c->waits)
			sooner(&at_ns, c->until_ns);
	}
	s->fds[n] = (struct pollfd){.fd = s->wake, .events = POLLIN};
	s->fds[n + 1] = (struct pollfd){
		.fd = welcomes(s, now, &at_ns) ? s->listener : -1, .events = POLLIN};
	if (at_ns == UINT64_MAX)
		return -1;
	return at_ns <= now ? 0 : (int)((at_ns - now) / NS_PER_MS + 1);
}

static void
look_at(struct served *s, struct served_client *c, short revents)
{
	if (c->fd < 0)
		return;
	if (c->waits && revents)
		drop(c);
	else if (c->waits)
		c->waits->look(s->options.arg, c, served_now_ns() >= c->until_ns);
	else if (revents && !c->answer)
		receive(s, c);
	if (c->fd >= 0 && c->answer)
		send_answer(s, c);
}

static void *
run(void *arg)
{
	struct served *s = arg;
	unsigned n = s->options.clients;
	uint64_t times;

	for (;;) {
		int timeout = prepare(s);

		if (poll(s->fds, n + 2, timeout) < 0 && errno != EINTR)
			break;
		if (s->fds[n].revents && read(s->wake, &times, sizeof(times)) < 0 &&
			errno != EAGAIN)
			break;
		if (atomic_load_explicit(&s->stop, memory_order_relaxed))
			break;
		for (unsigned i = 0; i < n; i++)
			look_at(s, &s->clients[i], s->fds[i].revents);
		if (s->fds[n + 1].revents)
			welcome(s);
	}
	return NULL;
}

/* To a group that we are in, unless we are root. */
static int
listen_there(struct served *s)
{
	const char *name = s->options.user;
	const struct passwd *user = name && name[0] ? getpwnam(name) : NULL;
	const struct socket_file file = {.path = s->path,
		.type = SOCK_STREAM,
		.group = user ? user->pw_gid : (gid_t)-1,
		.backlog = BACKLOG};

	if (name && name[0] && !user)
		return -ENOENT;
	s->listener = socket_file_listen(&file);
	return s->listener < 0 ? s->listener : 0;
}

static int
start(struct served *s)
{
	sigset_t all, old;
	int r = listen_there(s);

	if (r != 0)
		return r;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0)
		return -errno;
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void
give_up(struct served *s)
{
	if (s->wake >= 0)
		close(s->wake);
	if (s->listener >= 0)
		close(s->listener);
	free(s->fds);
	free(s);
}

int
served_open(struct served **out, const struct served_options *options, char *why, size_t why_len)
{
	struct served *s = calloc(1, sizeof(*s) + options->clients * sizeof(s->clients[0]));
	int r = 0;

	*out = NULL;
	if (!s) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	s->options = *options;
	s->listener = s->wake = -1;
	for (unsigned i = 0; i < options->clients; i++)
		s->clients[i].fd = -1;
	s->fds = calloc(options->clients + 2, sizeof(*s->fds));
	if (!s->fds)
		r = -ENOMEM;
	if (strlen(options->path) >= sizeof(s->path))
		r = -ENAMETOOLONG;
	if (r == 0) {
		strcpy(s->path, options->path);
		r = start(s);
	}
	if (r != 0) {
		const char *user = options->user && options->user[0] ? options->user : NULL;
		if (user && (r == -EPERM || r == -ENOENT))
			snprintf(why, why_len,
				"%s: whoever runs control has to be in the group of %s",
				options->path, user);
		else
			snprintf(why, why_len, "%s: %s", options->path,
				r == -EADDRINUSE ? "another smtap run, or another program, has it"
						 : strerror(-r));
		give_up(s);
		return r;
	}
	*out = s;
	return 0;
}

void
served_wake(struct served *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->wake, &one, sizeof(one));

	(void)n; /* it is awake already when the counter is full */
}

void
served_close(struct served *s)
{
	if (!s)
		return;
	atomic_store_explicit(&s->stop, true, memory_order_relaxed);
	served_wake(s);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < s->options.clients; i++)
		if (s->clients[i].fd >= 0)
			drop(&s->clients[i]);
	unlink(s->path);
	give_up(s);
}
