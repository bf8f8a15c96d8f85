#include "dataplane/io/meet.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/socket_file.h"

#define BACKLOG 4

static int
meet_listen(struct meet *m, const struct passwd *friend)
{
	const struct socket_file file = {.path = m->path,
		.type = SOCK_SEQPACKET,
		.group = friend && geteuid() == 0 ? friend->pw_gid : (gid_t)-1,
		.backlog = BACKLOG};

	m->fd = socket_file_listen(&file);
	return m->fd < 0 ? m->fd : 0;
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
		r = meet_listen(m, friend);
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
