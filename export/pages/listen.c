#include "export/pages/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define HOST_MAX 64

/* "[::1]:9925" into its two parts. False: it has not that form. */
static bool
split(const char *text, char host[HOST_MAX], const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || len == 0 || len >= HOST_MAX + 2 || !colon[1])
		return false;
	if (colon[1 + strspn(colon + 1, "0123456789")] || strtoul(colon + 1, NULL, 10) > 65535)
		return false;
	if (text[0] == '[' && text[len - 1] == ']' && len > 2) {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false;
	}
	if (len >= HOST_MAX)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*port = colon + 1;
	return true;
}

static struct addrinfo *
look_up(const char *address)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char host[HOST_MAX];
	const char *port;

	if (!split(address, host, &port))
		return NULL;
	/* All IPv4 addresses are among those of IPv6 when the socket takes both. */
	if (getaddrinfo(strcmp(host, "*") == 0 ? "::" : host, port, &hints, &found) != 0)
		return NULL;
	return found;
}

/* The socket, bound and listening; or -errno. */
static int
open_at(const struct addrinfo *at, bool both)
{
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, only_v6 = !both;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
	if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

/* A machine without IPv6 has its IPv4 addresses still. */
static int
open_all(const char *address)
{
	char v4[HOST_MAX];

	snprintf(v4, sizeof(v4), "0.0.0.0%s", address + 1);
	struct addrinfo *at = look_up(v4);
	int fd = at ? open_at(at, false) : -EINVAL;
	if (at)
		freeaddrinfo(at);
	return fd;
}

int
listen_open(const char *address, char *why, size_t why_len)
{
	struct addrinfo *at = look_up(address);
	bool all = address[0] == '*';

	if (!at) {
		snprintf(why, why_len,
			"http.listen: '%s' is no address and port such as 127.0.0.1:9925, "
			"[::1]:9925 or *:9925",
			address);
		return -EINVAL;
	}
	int fd = open_at(at, all);
	freeaddrinfo(at);
	if (fd == -EAFNOSUPPORT && all)
		fd = open_all(address);
	if (fd < 0)
		snprintf(why, why_len, "http.listen: %s: %s", address,
			fd == -EADDRINUSE ? "another program listens there" : strerror(-fd));
	return fd;
}

unsigned
listen_port(int fd)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return 0;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
					      : ((struct sockaddr_in *)&at)->sin_port);
}
