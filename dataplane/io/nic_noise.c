/*
 * Libraries beneath a driver (libxdp, libbpf) write pages about what they try on standard error,
 * also when all goes well. While a port is set up, that is kept from it; of a failure, the
 * kernel's own reason is passed on. Only the main lcore writes there then.
 */
#include "dataplane/io/edge.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/io/nic.h"

#define NOISE_MAX 8192

void
nic_noise_begin(struct nic_noise *noise)
{
	fflush(stderr);
	noise->kept_fd = dup(STDERR_FILENO);
	noise->file_fd = memfd_create("noise", MFD_CLOEXEC);
	if (noise->kept_fd >= 0 && noise->file_fd >= 0)
		dup2(noise->file_fd, STDERR_FILENO);
}

/* What stands after the last such word, to the end of its line. */
static void
noise_find(const char *text, char *reason, size_t reason_len)
{
	static const char word[] = "Kernel error message: ";
	const char *found = NULL;

	for (const char *p = text; (p = strstr(p, word)); p++)
		found = p + sizeof(word) - 1;
	if (found)
		snprintf(reason, reason_len, " (%.*s)", (int)strcspn(found, "\n"), found);
}

void
nic_noise_end(struct nic_noise *noise, char *reason, size_t reason_len)
{
	char text[NOISE_MAX];

	reason[0] = '\0';
	fflush(stderr);
	if (noise->kept_fd >= 0 && noise->file_fd >= 0) {
		dup2(noise->kept_fd, STDERR_FILENO);
		ssize_t n = pread(noise->file_fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		noise_find(text, reason, reason_len);
	}
	if (noise->kept_fd >= 0)
		close(noise->kept_fd);
	if (noise->file_fd >= 0)
		close(noise->file_fd);
}
