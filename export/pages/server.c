#include "export/pages/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "export/pages/pages.h"

#define TURN_MS 1000
#define TLS_VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct connection {
	int fd; /* -1: free */
	uint64_t since_ns;
	bool cut;
};

struct server {
	struct MHD_Daemon *daemon;
	struct connection connections[PAGES_CONNECTIONS];
	unsigned cut; /* since the last turn */
	bool ended;   /* one of them did, just now */
};

/* What is read from it next is its end. */
static void
cut(struct server *s, struct connection *c)
{
	c->cut = true;
	shutdown(c->fd, SHUT_RDWR);
	s->cut++;
}

static void
make_room(struct server *s)
{
	struct connection *oldest = NULL;

	for (unsigned i = 0; i < PAGES_CONNECTIONS; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd < 0)
			return;
		if (!c->cut && (!oldest || c->since_ns < oldest->since_ns))
			oldest = c;
	}
	if (oldest)
		cut(s, oldest);
}

static void
begins_or_ends(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct server *s = arg;
	struct connection *mine = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (mine)
			mine->fd = -1;
		s->ended = true;
		return;
	}
	for (unsigned i = 0; i < PAGES_CONNECTIONS && !mine; i++)
		if (s->connections[i].fd < 0)
			mine = &s->connections[i];
	if (!mine)
		return;
	*mine = (struct connection){
		.fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
			      ->connect_fd,
		.since_ns = clock_now_ns(CLOCK_MONOTONIC)};
	*context = mine;
	make_room(s);
}

static void
cut_old(struct server *s)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < PAGES_CONNECTIONS; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd >= 0 && !c->cut && now - c->since_ns > PAGES_CONNECTION_S * NS_PER_S)
			cut(s, c);
	}
}

int
server_start(struct server **out, const struct server_options *o)
{
	struct server *s = calloc(1, sizeof(*s));
	int listener = s ? fcntl(o->listener, F_DUPFD_CLOEXEC, 0) : -1;
	int error = s ? -errno : -ENOMEM;

	*out = NULL;
	if (listener < 0) {
		free(s);
		return error;
	}
	struct MHD_OptionItem options[] = {{MHD_OPTION_LISTEN_SOCKET, listener, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, PAGES_CONNECTIONS, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, PAGES_MEMORY, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, PAGES_SILENCE_S, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)begins_or_ends, s},
		{o->tls->key ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, o->tls->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, o->tls->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_VERSIONS},
		{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_EPOLL | (o->tls->key ? MHD_USE_TLS : 0u);

	for (unsigned i = 0; i < PAGES_CONNECTIONS; i++)
		s->connections[i].fd = -1;
	s->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, o->answer, o->arg, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (!s->daemon) {
		close(listener);
		free(s);
		return -EIO;
	}
	*out = s;
	return 0;
}

int
server_fd(const struct server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int
server_wait_ms(const struct server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	/* When all places were taken, libmicrohttpd looks for new connections only in its next
	   turn, and nothing else may wake us for that. */
	if (s->ended)
		return 0;
	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES || ms > TURN_MS)
		return TURN_MS;
	return (int)ms;
}

unsigned
server_turn(struct server *s)
{
	s->ended = false;
	MHD_run(s->daemon);
	cut_old(s);
	unsigned n = s->cut;
	s->cut = 0;
	return n;
}

void
server_leave(struct server *s)
{
	int listener = MHD_quiesce_daemon(s->daemon);

	if (listener >= 0)
		close(listener);
}

bool
server_is_idle(const struct server *s)
{
	for (unsigned i = 0; i < PAGES_CONNECTIONS; i++)
		if (s->connections[i].fd >= 0)
			return false;
	return true;
}

void
server_stop(struct server *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon);
	free(s);
}
