#include "dataplane/io/meet.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4

/* Only who is refused knows that nobody is there. */
static bool
meet_is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served = fd < 0 ||
		      connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		      errno != ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return served;
}

static int
meet_bind(struct meet *m, const struct passwd *friend)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	memcpy(address.sun_path, m->path, sizeof(m->path));
	if (lstat(m->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (meet_is_served(&address))
			return -EADDRINUSE;
		unlink(m->path);
	}
	m->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->fd < 0)
		return -errno;
	mode_t old = umask(0117);
	int r = bind(m->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ? -errno : 0;
	umask(old);
	if (r == 0 && friend && geteuid() == 0 && chown(m->path, 0, friend->pw_gid) != 0)
		r = -errno;
	if (r == 0 && listen(m->fd, BACKLOG) != 0)
		r = -errno;
	return r;
}

int
meet_open(struct meet *m, const char *path, const char *user, char *why, size_t why_len)
{
	const struct passwd *friend = user[0] ? getpwnam(user) : NULL;
	int r = 0;

	*m = (struct meet){.fd = -1, .friend = friend ? friend->pw_uid : geteuid()};
	if (user[0] && !friend)
		r = -ENOENT;
	else if (strlen(path) >= sizeof(m->path))
		r = -ENAMETOOLONG;
	if (r == 0) {
		strcpy(m->path, path);
		r = meet_bind(m, friend);
	}
	if (r == 0)
		return 0;
	if (user[0] && !friend)
		snprintf(why, why_len, "control.user: there is no user %s", user);
	else
		snprintf(why, why_len, "dataplane.socket %s: %s", path,
			r == -EADDRINUSE ? "another dataplane listens there" : strerror(-r));
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	return r;
}

int
meet_accept(const struct meet *m)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	int fd = accept4(m->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return -EAGAIN;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
		(who.uid == 0 || who.uid == m->friend || who.uid == geteuid()))
		return fd;
	close(fd);
	return -EAGAIN;
}

void
meet_close(struct meet *m)
{
	if (m->fd < 0)
		return;
	close(m->fd);
	unlink(m->path);
	m->fd = -1;
}
