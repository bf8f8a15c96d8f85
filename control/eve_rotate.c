/*
 * A name is the file's and the second in UTC in which it was put aside; in a second that has one
 * already, ".02" to ".99" besides, and past that the next second. Where the clock was set back
 * they go on after the newest that is there.
 */
#include "control/eve_rotate.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"

#define STAMP_LEN 16 /* 20261122T131500Z */
#define END_MAX (STAMP_LEN + 4)
#define IN_A_SECOND 99

/* Those put aside, oldest first: what follows PATH and a dot in each name. */
struct aside {
	char (*ends)[END_MAX];
	size_t count;
};

static bool
is_digits(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return true;
}

static bool
is_end(const char *text)
{
	size_t len = strlen(text);

	if (len != STAMP_LEN && len != STAMP_LEN + 3)
		return false;
	if (!is_digits(text, 8) || text[8] != 'T' || !is_digits(text + 9, 6) || text[15] != 'Z')
		return false;
	return len == STAMP_LEN || (text[16] == '.' && is_digits(text + 17, 2));
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
add(struct aside *all, const char *end)
{
	void *more = realloc(all->ends, (all->count + 1) * sizeof(*all->ends));

	if (!more)
		return -ENOMEM;
	all->ends = more;
	strcpy(all->ends[all->count++], end);
	return 0;
}

/* The caller frees all->ends, whatever comes of it. */
static int
find(const char *path, struct aside *all)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t name_len = strlen(name);
	char folder[PATH_MAX];
	struct dirent *entry;
	int r = 0;

	*all = (struct aside){0};
	/* With its slash: "/eve.json" is in "/". */
	snprintf(
		folder, sizeof(folder), "%.*s", slash ? (int)(name - path) : 1, slash ? path : ".");
	DIR *dir = opendir(folder);
	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, name, name_len) == 0 && entry->d_name[name_len] == '.' &&
			is_end(entry->d_name + name_len + 1))
			r = add(all, entry->d_name + name_len + 1);
	closedir(dir);
	if (all->count > 0)
		qsort(all->ends, all->count, sizeof(*all->ends), compare);
	return r;
}

static int
join(char out[PATH_MAX], const char *path, const char *end)
{
	return snprintf(out, PATH_MAX, "%s.%s", path, end) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void
stamp(uint64_t time_s, char out[END_MAX])
{
	time_t at = (time_t)time_s;
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(out, END_MAX, "%Y%m%dT%H%M%SZ", &tm);
}

static uint64_t
seconds(const char end[END_MAX])
{
	struct tm tm = {0};

	strptime(end, "%Y%m%dT%H%M%SZ", &tm);
	return (uint64_t)timegm(&tm);
}

/* The first name from now on that sorts after the newest. */
static void
choose(const struct aside *all, uint64_t now_s, char end[END_MAX])
{
	const char *newest = all->count > 0 ? all->ends[all->count - 1] : "";
	unsigned n;

	stamp(now_s, end);
	if (strncmp(end, newest, STAMP_LEN) > 0)
		return;
	n = newest[STAMP_LEN] ? (unsigned)atoi(newest + STAMP_LEN + 1) + 1 : 2;
	if (n > IN_A_SECOND)
		stamp(seconds(newest) + 1, end);
	else
		snprintf(end, END_MAX, "%.*s.%02u", STAMP_LEN, newest, n);
}

int
eve_rotate_aside(const char *path, uint64_t now_ns)
{
	char end[END_MAX], to[PATH_MAX];
	struct aside all;
	int r = find(path, &all);

	if (r == 0) {
		choose(&all, now_ns / NS_PER_S, end);
		r = join(to, path, end);
	}
	free(all.ends);
	if (r == 0 && rename(path, to) != 0)
		r = -errno;
	return r;
}

int
eve_rotate_back(const char *path)
{
	char from[PATH_MAX];
	struct aside all;
	int r = find(path, &all);

	if (r == 0)
		r = all.count > 0 ? join(from, path, all.ends[all.count - 1]) : -ENOENT;
	free(all.ends);
	/* link() makes no place for itself, as rename() does. */
	if (r == 0 && (link(from, path) != 0 || unlink(from) != 0))
		r = -errno;
	return r;
}

int
eve_rotate_prune(const char *path, unsigned keep)
{
	char name[PATH_MAX];
	struct aside all;
	int r = find(path, &all);

	for (size_t i = 0; r == 0 && i + keep < all.count; i++) {
		r = join(name, path, all.ends[i]);
		if (r == 0 && unlink(name) != 0 && errno != ENOENT)
			r = -errno;
	}
	free(all.ends);
	return r;
}
