#include "dataplane/io/patterns.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct match_set *
patterns_load(const char *dir, char *why, size_t why_len)
{
	char path[PATH_MAX + sizeof("/patterns")];
	ssize_t n;

	if (dir[0] != '\0')
		return match_set_load(dir, why, why_len);
	n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (slash) {
		strcpy(slash, "/patterns");
		if (access(path, F_OK) == 0)
			return match_set_load(path, why, why_len);
	}
	return match_set_load(SMTAP_PATTERN_DIR, why, why_len);
}
