#include "control/patterns.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

int
patterns_read(struct pattern_set *set, const struct config *config, char *why, size_t why_len)
{
	const char *dir = config->pattern_dir;
	char path[PATH_MAX + sizeof("/patterns")];

	if (!dir[0]) {
		ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
		char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

		dir = SMTAP_PATTERN_DIR;
		if (slash) {
			strcpy(slash, "/patterns");
			if (access(path, F_OK) == 0)
				dir = path;
		}
	}
	return pattern_set_read_dir(set, dir, why, why_len);
}
