/*
 * Theory of operation.
 *
 * Keeps: a connection, made when there is something to send.
 *
 * Always holds: an alert counts as delivered when the other program has read it: the kernel says
 * how much of what we wrote is still unread (SIOCOUTQ). A program that ends with something unread
 * gets all of that batch again, from its next connection.
 *
 * Limits: a program that reads nothing for READ_MAX_S is failing: the connection is closed.
 */
#include "export/local/local.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"

#define READ_MAX_S 10u
#define NAP_MAX_MS 100 /* between looks whether all was read */

_Static_assert(2 * READ_MAX_S <= SINK_CALL_MAX_S, "to write and to be read");

struct local {
	struct sockaddr_un address;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	int fd;   /* -1: not connected */
};

static int
local_open(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	struct local *l = calloc(1, sizeof(*l));

	(void)context;
	if (!l) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	l->fd = -1;
	l->type = config_exporter_number(e, "mode") == 0 ? SOCK_STREAM : SOCK_DGRAM;
	l->address.sun_family = AF_UNIX;
	snprintf(l->address.sun_path, sizeof(l->address.sun_path), "%s",
		config_exporter_text(e, "path"));
	*sink = l;
	return 0;
}

static void
hang_up(struct local *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static void
local_close(void *sink)
{
	struct local *l = sink;

	if (!l)
		return;
	hang_up(l);
	free(l);
}

static uint64_t
now_ms(void)
{
	return clock_now_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

static int
connected(struct local *l)
{
	if (l->fd >= 0)
		return 0;
	l->fd = socket(AF_UNIX, l->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	if (connect(l->fd, (const struct sockaddr *)&l->address, sizeof(l->address)) == 0)
		return 0;
	int r = -errno;
	hang_up(l);
	return r;
}

/* All of it, before that time. 0 or -errno. */
static int
send_all(struct local *l, struct iovec *iov, size_t n, uint64_t until_ms)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};

	while (msg.msg_iovlen > 0) {
		ssize_t sent = sendmsg(l->fd, &msg, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = l->fd, .events = POLLOUT};
			uint64_t now = now_ms();

			if (now >= until_ms || poll(&p, 1, (int)(until_ms - now)) == 0)
				return -ETIMEDOUT;
		} else if (sent < 0 && errno != EINTR) {
			return -errno;
		}
		size_t left = sent > 0 ? (size_t)sent : 0;
		while (msg.msg_iovlen > 0 && left >= msg.msg_iov->iov_len) {
			left -= msg.msg_iov->iov_len;
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (msg.msg_iovlen > 0) {
			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + left;
			msg.msg_iov->iov_len -= left;
		}
	}
	return 0;
}

/* Until the other end has read all, or is gone. 0 or -errno. */
static int
await_read(struct local *l, uint64_t until_ms)
{
	int nap_ms = 1;

	for (;;) {
		struct pollfd p = {.fd = l->fd};
		int unread = 0, error = 0;
		socklen_t len = sizeof(error);

		if (ioctl(l->fd, SIOCOUTQ, &unread) != 0)
			return -errno;
		/* What it closed with is no longer counted as unread. */
		int hung = poll(&p, 1, 0);
		if (hung > 0 && p.revents & POLLERR) {
			getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len);
			return error ? -error : -ECONNRESET;
		}
		if (unread == 0)
			return 0;
		if (hung > 0)
			return -ECONNRESET;
		if (now_ms() >= until_ms)
			return -ETIMEDOUT;
		poll(&p, 1, nap_ms);
		nap_ms = 2 * nap_ms < NAP_MAX_MS ? 2 * nap_ms : NAP_MAX_MS;
	}
}

static enum sink_result
fail(struct local *l, int error, char why[SINK_WHY_MAX])
{
	const char *path = l->address.sun_path;

	hang_up(l);
	if (error == -ENOENT || error == -ECONNREFUSED)
		snprintf(why, SINK_WHY_MAX, "%s: nobody listens there", path);
	else if (error == -ETIMEDOUT)
		snprintf(why, SINK_WHY_MAX, "%s: the program there does not read", path);
	else if (error == -EPROTOTYPE)
		snprintf(why, SINK_WHY_MAX, "%s: the socket is of the other kind; change mode",
			path);
	else
		snprintf(why, SINK_WHY_MAX, "%s: %s", path, strerror(-error));
	return SINK_RETRY;
}

static enum sink_result
local_send(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	struct local *l = sink;
	uint64_t start_ms = now_ms();
	int r = connected(l);
	size_t i = 0;

	for (; i < n && r == 0; i++) {
		struct iovec iov[] = {{(char *)alerts[i].line, alerts[i].line_len}, {"\n", 1}};

		r = send_all(l, iov, l->type == SOCK_STREAM ? 2 : 1, start_ms + READ_MAX_S * 1000);
	}
	if (r == -EMSGSIZE) {
		/* Those before it were sent. */
		i--;
		r = i > 0 ? await_read(l, start_ms + 2 * READ_MAX_S * 1000) : 0;
		if (r != 0)
			return fail(l, r, why);
		*sent = i;
		snprintf(why, SINK_WHY_MAX, "%s: the alert is too long for a datagram",
			l->address.sun_path);
		return SINK_REFUSED;
	}
	if (r == 0)
		r = await_read(l, start_ms + 2 * READ_MAX_S * 1000);
	return r == 0 ? SINK_DONE : fail(l, r, why);
}

const struct sink_kind local_kind = {
	.type = CONFIG_EXPORTER_UNIX,
	.open = local_open,
	.send = local_send,
	.close = local_close,
};
