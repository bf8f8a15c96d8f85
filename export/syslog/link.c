/*
 * A connection to a log server, over UDP, TCP or TLS.
 *
 * Syslog has no answers, so the nearest to "it was received" that there is:
 *   TCP, TLS  the kernel of the other machine has confirmed every byte (SIOCOUTQ is 0) and the
 *             connection stands. What its program had not read when it was killed is lost.
 *             link_finish() is sure of that too, at the price of a connection each time: who ends a
 *             connection with bytes unread resets it (RFC 1122 4.2.2.13), so an orderly end says
 *             that all were read.
 *   UDP       no ICMP error came within UDP_ANSWER_MS. A datagram may be lost on the way.
 *
 * All sockets are non-blocking; whoever waits, polls until the caller's deadline. A name is asked
 * for at each connect, and all its addresses are tried, so that a server may move.
 */
#include "export/syslog/link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/syslog/resolve.h"
#include "export/syslog/tls.h"

#define ADDRESS_MS 5000u /* for one address, while there are others */
#define RESOLVE_MS 8000u
#define UDP_ANSWER_MS 200u /* an ICMP error comes within, from anywhere near */
#define UDP_BURST 8u      /* datagrams between pauses of a millisecond: a receiver's buffer fills */
#define SILENCE_MS 20000u /* without confirmation, the kernel gives the connection up */
#define LOOK_MS 20u       /* between looks at what is confirmed */

struct link {
	const struct link_options *options; /* borrowed */
	struct resolve *resolve;            /* owned; NULL: nothing is asked for */
	struct tls *tls;                    /* owned; NULL: none */
	int fd;                             /* -1: not connected */
	unsigned turn;                      /* of the addresses, over UDP */
	unsigned burst;
};

uint64_t
link_now(void)
{
	return clock_now_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

static int
left_ms(uint64_t deadline)
{
	uint64_t now = link_now();

	return now >= deadline ? 0 : (int)(deadline - now);
}

/* The sentence begins with whom it is about. Returns error. */
__attribute__((format(printf, 4, 5))) static int
fail(const struct link *link, int error, char why[SINK_WHY_MAX], const char *format, ...)
{
	int n = snprintf(
		why, SINK_WHY_MAX, "%s port %u: ", link->options->server, link->options->port);
	va_list args;

	va_start(args, format);
	vsnprintf(why + n, (size_t)(SINK_WHY_MAX - n), format, args);
	va_end(args);
	return error;
}

struct link *
link_new(const struct link_options *options)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link) {
		link->options = options;
		link->fd = -1;
	}
	return link;
}

void
link_drop(struct link *link)
{
	tls_free(link->tls);
	link->tls = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

void
link_free(struct link *link)
{
	if (!link)
		return;
	if (link->tls)
		tls_end(link->tls);
	link_drop(link);
	resolve_drop(link->resolve);
	free(link);
}

/* 1: one of the events, or an error that the next call shows; 0: the time is over. */
static int
wait_for(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do {
		n = poll(&p, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static int
socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

static void
set_options(int fd)
{
	const int on = 1, silence = (int)SILENCE_MS;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof(silence));
}

/* A connected socket, or -errno. */
static int
connect_to(const struct addrinfo *a, int ms)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (a->ai_socktype == SOCK_STREAM)
		set_options(fd);
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		error = errno;
		if (error == EINPROGRESS)
			error = wait_for(fd, POLLOUT, ms) ? socket_error(fd) : ETIMEDOUT;
	}
	if (error) {
		close(fd);
		return -error;
	}
	return fd;
}

/* The n-th of a list, from 0, and round again. */
static const struct addrinfo *
turn_of(const struct addrinfo *list, unsigned n)
{
	unsigned count = 0;

	for (const struct addrinfo *a = list; a; a = a->ai_next)
		count++;
	for (n %= count; n > 0; n--)
		list = list->ai_next;
	return list;
}

static int
connect_any(struct link *link, const struct addrinfo *list, uint64_t deadline)
{
	int fd = -EHOSTUNREACH;

	/* Over UDP each address seems to be there until something was sent to it: so the next one
	 * has its turn each time. */
	if (link->options->transport == LINK_UDP)
		fd = connect_to(turn_of(list, link->turn++), 0);
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		int ms = left_ms(deadline);

		fd = connect_to(a, a->ai_next && ms > (int)ADDRESS_MS ? (int)ADDRESS_MS : ms);
	}
	link->fd = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int
connect_anew(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX])
{
	const struct link_options *o = link->options;
	const int ms = left_ms(deadline);
	const struct resolve_question question = {.host = o->server,
		.port = o->port,
		.type = o->transport == LINK_UDP ? SOCK_DGRAM : SOCK_STREAM,
		.timeout_ms = ms > (int)RESOLVE_MS ? (int)RESOLVE_MS : ms};
	struct addrinfo *list;
	int error = resolve_name(&link->resolve, &question, &list, why);

	if (error)
		return error;
	error = connect_any(link, list, deadline);
	freeaddrinfo(list);
	if (error)
		return fail(link, error, why, "%s", strerror(-error));
	if (o->transport != LINK_TLS)
		return 0;
	error = tls_open(&link->tls, o, link->fd, deadline, why);
	if (error)
		link_drop(link);
	return error;
}

/*
 * What came is nothing to us, as syslog has no answers, but that the other side ended the
 * connection. 0: it stands.
 */
static int
read_away(struct link *link, char why[SINK_WHY_MAX])
{
	char dropped[512];
	ssize_t n;

	for (unsigned i = 0; i < 64; i++) {
		if (link->tls) {
			n = tls_read(link->tls, why);
			if (n < 0 && n != -EAGAIN)
				return (int)n;
		} else {
			n = recv(link->fd, dropped, sizeof(dropped), 0);
			if (n < 0 && errno == EINTR)
				continue;
			n = n < 0 ? -errno : n;
		}
		if (n == -EAGAIN)
			return 0;
		if (n == 0)
			return fail(link, -EPIPE, why, "it ended the connection");
		if (n < 0)
			return fail(link, (int)n, why, "%s", strerror((int)-n));
	}
	return 0;
}

void
link_look(struct link *link)
{
	char why[SINK_WHY_MAX];

	if (link->fd >= 0 && link->options->transport != LINK_UDP && read_away(link, why) != 0)
		link_drop(link);
}

int
link_open(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX])
{
	link_look(link);
	return link->fd >= 0 ? 0 : connect_anew(link, deadline, why);
}

static int
write_datagram(
	struct link *link, const void *data, size_t len, uint64_t deadline, char why[SINK_WHY_MAX])
{
	/* An error that came for an earlier one is told once, by the next call. */
	if (++link->burst % UDP_BURST == 0 && wait_for(link->fd, 0, 1))
		return fail(link, -ECONNREFUSED, why, "%s", strerror(socket_error(link->fd)));
	while (send(link->fd, data, len, MSG_NOSIGNAL) < 0) {
		int error = errno;

		if (error == EAGAIN && left_ms(deadline) > 0)
			wait_for(link->fd, POLLOUT, left_ms(deadline));
		else if (error != EINTR)
			return fail(link, -error, why, "%s", strerror(error));
	}
	return 0;
}

/* Some of it; -EAGAIN: poll for *events; or another -errno. */
static ssize_t
write_some(struct link *link, const void *data, size_t len, short *events, char why[SINK_WHY_MAX])
{
	ssize_t n;

	if (link->tls)
		return tls_write(link->tls, data, len, events, why);
	*events = POLLOUT;
	n = send(link->fd, data, len, MSG_NOSIGNAL);
	if (n >= 0 || errno == EINTR || errno == EAGAIN)
		return n >= 0 ? n : -EAGAIN;
	return fail(link, -errno, why, "%s", strerror(errno));
}

int
link_write(
	struct link *link, const void *data, size_t len, uint64_t deadline, char why[SINK_WHY_MAX])
{
	const char *p = data;

	if (link->options->transport == LINK_UDP)
		return write_datagram(link, data, len, deadline, why);
	while (len > 0) {
		short events = POLLOUT;
		ssize_t n = write_some(link, p, len, &events, why);

		if (n == -EAGAIN) {
			if (!wait_for(link->fd, events, left_ms(deadline)))
				return fail(link, -ETIMEDOUT, why, "it takes no more");
			continue;
		}
		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Bytes that the other machine has not confirmed. */
static int
unconfirmed(const struct link *link)
{
	int bytes = 0;

	return ioctl(link->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

int
link_flush(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX])
{
	if (link->options->transport == LINK_UDP) {
		if (!wait_for(link->fd, 0, (int)UDP_ANSWER_MS))
			return 0;
		return fail(link, -ECONNREFUSED, why, "%s", strerror(socket_error(link->fd)));
	}
	for (unsigned ms = 1;; ms = ms * 2 < LOOK_MS ? ms * 2 : LOOK_MS) {
		int bytes = unconfirmed(link);
		int error = read_away(link, why);

		/* In this order: what was confirmed and then not read is not delivered. */
		if (error)
			return error;
		if (bytes == 0)
			return 0;
		if (left_ms(deadline) == 0)
			return fail(link, -ETIMEDOUT, why, "it confirms nothing");
		wait_for(link->fd, POLLIN, (int)ms);
	}
}

/* Nothing more comes from us. */
static int
end_ours(struct link *link, uint64_t deadline)
{
	int error = link->tls ? tls_end(link->tls) : 0;

	while (error == -EAGAIN && wait_for(link->fd, POLLOUT, left_ms(deadline)))
		error = tls_end(link->tls);
	return error ? error : shutdown(link->fd, SHUT_WR) == 0 ? 0 : -errno;
}

int
link_finish(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX])
{
	int error = end_ours(link, deadline);

	if (error) {
		fail(link, error, why, "%s", strerror(-error));
	} else {
		for (;;) {
			char dropped[512];
			ssize_t n = recv(link->fd, dropped, sizeof(dropped), 0);

			/* TLS or not: TCP's end is what counts, as a reset takes its place when
			 * something was not read. */
			if (n == 0)
				break;
			if (n > 0 || errno == EINTR)
				continue;
			if (errno != EAGAIN)
				error = fail(link, -errno, why, "%s", strerror(errno));
			else if (!wait_for(link->fd, POLLIN, left_ms(deadline)))
				error = fail(link, -ETIMEDOUT, why,
					"it does not end the connection after reading");
			if (error)
				break;
		}
	}
	link_drop(link);
	return error;
}
