#include "export/sink/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* 0 or -errno. */
static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

int
file_put(const struct file_place *p, const char *text, size_t len)
{
	int fd, r;

	unlinkat(p->folder, p->scratch, 0);
	fd = openat(p->folder, p->scratch, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		p->mode);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, len);
	if (close(fd) != 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(p->folder, p->scratch, p->folder, p->name) != 0)
		r = -errno;
	if (r != 0)
		unlinkat(p->folder, p->scratch, 0);
	return r;
}
