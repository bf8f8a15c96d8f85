#include "control/eve_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder and those above it. */
static int
make_folder(const char *path)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return -ENAMETOOLONG;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0777) != 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(part, 0777) != 0 && errno != EEXIST ? -errno : 0;
}

/* Account names are nobody else's business. */
static int
open_file(const struct options *o)
{
	int fd =
		open(o->eve, O_WRONLY | O_CREAT | O_CLOEXEC | (o->live ? O_APPEND : O_TRUNC), 0640);

	return fd < 0 ? -errno : fd;
}

int
eve_file_open(const struct options *options, const char **path)
{
	bool to_stdout = strcmp(options->eve, "-") == 0;
	/* The store is there, too. */
	int r = to_stdout && !options->store[0] ? 0 : make_folder(options->output);

	*path = options->eve;
	if (r != 0) {
		*path = options->output;
		return r;
	}
	return to_stdout ? STDOUT_FILENO : open_file(options);
}

int
eve_file_reopen(const struct options *options, int fd)
{
	if (fd == STDOUT_FILENO)
		return 0;
	int new_fd = open_file(options);
	if (new_fd < 0)
		return new_fd;
	int r = dup3(new_fd, fd, O_CLOEXEC) < 0 ? -errno : 0;
	close(new_fd);
	return r;
}
