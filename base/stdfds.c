#include "base/stdfds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
stdfds_open(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		/* Lower ones are open by now: open() gives exactly this one. */
		int flags = fd == STDERR_FILENO ? O_WRONLY : O_RDONLY;
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags) != fd)
			return errno ? -errno : -EBADF;
	}
	return 0;
}

bool
stdfds_has_output(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

int
stdfds_finish(const char *program, int status)
{
	int error = 0;

	/* A stream remembers that it failed, not why. */
	if (fflush(stdout) != 0)
		error = errno;
	else if (!ferror(stdout))
		return status;
	if (status != 0)
		return status;
	if (!stdfds_has_output())
		fprintf(stderr, "%s: standard output is closed\n", program);
	else
		fprintf(stderr, "%s: standard output: %s\n", program,
			error ? strerror(error) : "cannot be written");
	return 1;
}
