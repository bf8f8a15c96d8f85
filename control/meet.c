#include "control/meet.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

int
meet_open_timer(void)
{
	const struct itimerspec each = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &each, NULL);
	return fd >= 0 ? fd : -errno;
}

int
meet_dataplane(const char *path, int timer_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t times;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (read(timer_fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return -errno;
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int error = errno;
	close(fd);
	return error == ENOENT || error == ECONNREFUSED ? -EAGAIN : -error;
}
