#include "cli/doctor/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The path below the root; false when it is too long for any file. */
static bool
make_path(const struct tree *t, char out[PATH_MAX], const char *format, va_list args)
{
	int n = snprintf(out, PATH_MAX, "%s", t->root);

	if (n < 0 || n >= PATH_MAX)
		return false;
	int m = vsnprintf(out + n, (size_t)(PATH_MAX - n), format, args);
	return m >= 0 && m < PATH_MAX - n;
}

#define MAKE_PATH(t, out, format)                                      \
	({                                                             \
		va_list path_args;                                     \
		va_start(path_args, format);                           \
		bool path_fits = make_path(t, out, format, path_args); \
		va_end(path_args);                                     \
		if (!path_fits)                                        \
			errno = ENAMETOOLONG;                          \
		path_fits;                                             \
	})

/* Up to len bytes of a file, and a NUL. Bytes read, or -1: errno. */
static ssize_t
read_file(const char *path, char *out, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t have = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (have < len && (n = read(fd, out + have, len - have)) > 0)
		have += (size_t)n;
	int error = errno;
	close(fd);
	errno = error;
	out[have] = '\0';
	return n < 0 ? -1 : (ssize_t)have;
}

char *
tree_text(const struct tree *t, const char *path, ...)
{
	char full[PATH_MAX];

	if (!MAKE_PATH(t, full, path))
		return NULL;
	char *text = malloc(TREE_TEXT_MAX + 1);
	if (text && read_file(full, text, TREE_TEXT_MAX) < 0) {
		int error = errno;
		free(text);
		errno = error;
		return NULL;
	}
	return text;
}

static bool
read_line(const char *path, char *out, size_t len)
{
	if (read_file(path, out, len - 1) < 0) {
		out[0] = '\0';
		return false;
	}
	out[strcspn(out, "\n")] = '\0';
	return true;
}

bool
tree_line(const struct tree *t, char *out, size_t len, const char *path, ...)
{
	char full[PATH_MAX];

	out[0] = '\0';
	return MAKE_PATH(t, full, path) && read_line(full, out, len);
}

bool
tree_number(const struct tree *t, int64_t *out, const char *path, ...)
{
	char full[PATH_MAX];
	char line[64];
	char *end;

	if (!MAKE_PATH(t, full, path) || !read_line(full, line, sizeof(line)))
		return false;
	errno = 0;
	long long value = strtoll(line, &end, 0);
	if (end == line || errno != 0)
		return false;
	*out = value;
	return true;
}

bool
tree_link(const struct tree *t, char *out, size_t len, const char *path, ...)
{
	char full[PATH_MAX];
	char target[PATH_MAX];

	out[0] = '\0';
	if (!MAKE_PATH(t, full, path))
		return false;
	ssize_t n = readlink(full, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(out, len, "%s", slash ? slash + 1 : target);
	return true;
}

bool
tree_exists(const struct tree *t, const char *path, ...)
{
	char full[PATH_MAX];
	struct stat st;

	return MAKE_PATH(t, full, path) && stat(full, &st) == 0;
}

int
tree_stat(const struct tree *t, struct stat *out, const char *path, ...)
{
	char full[PATH_MAX];

	return MAKE_PATH(t, full, path) && stat(full, out) == 0 ? 0 : -errno;
}

static int
is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void
tree_list(const struct tree *t, struct tree_names *names, const char *path, ...)
{
	char full[PATH_MAX];

	*names = (struct tree_names){0};
	if (MAKE_PATH(t, full, path))
		names->count = scandir(full, &names->entry, is_name, versionsort);
	else
		names->count = -1;
	if (names->count < 0) {
		names->error = -errno;
		names->entry = NULL;
		names->count = 0;
	}
}

void
tree_names_free(struct tree_names *names)
{
	for (int i = 0; i < names->count; i++)
		free(names->entry[i]);
	free(names->entry);
	*names = (struct tree_names){0};
}

bool
tree_field(const char *text, const char *key, char *out, size_t len)
{
	size_t key_len = strlen(key);

	out[0] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, key_len) != 0)
			continue;
		const char *value = line + key_len;
		/* "Max locked memory" must not be found by "Max". */
		if (*value != ':' && *value != ' ' && *value != '\t')
			continue;
		value += strspn(value, ": \t");
		snprintf(out, len, "%.*s", (int)strcspn(value, "\n"), value);
		return true;
	}
	return false;
}
