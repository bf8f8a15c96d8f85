#include "base/socket_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Only who is refused knows that nobody is there; another error may be a right that we do not have,
   or a socket of another kind. */
static bool
is_served(const struct sockaddr_un *address, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served = fd < 0 ||
		      connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		      errno != ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return served;
}

static int
bind_file(int fd, const struct socket_file *file, const struct sockaddr_un *address)
{
	/* Nobody else before the permissions are right. */
	mode_t old = umask(0117);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ? -errno : 0;

	umask(old);
	if (r == 0 && file->group != (gid_t)-1 && chown(file->path, (uid_t)-1, file->group) != 0)
		r = -errno;
	if (r == 0 && listen(fd, file->backlog) != 0)
		r = -errno;
	return r;
}

int
socket_file_listen(const struct socket_file *file)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(file->path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, file->path);
	if (lstat(file->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (is_served(&address, file->type))
			return -EADDRINUSE;
		unlink(file->path);
	}
	int fd = socket(AF_UNIX, file->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int r = bind_file(fd, file, &address);
	if (r != 0) {
		close(fd);
		return r;
	}
	return fd;
}
