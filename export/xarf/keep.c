#include "export/xarf/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "export/xarf/report.h"

#define SCRATCH_NS NS_PER_H /* nobody writes for so long: who did was killed */

struct one {
	char id[REPORT_ID_MAX];
	uint64_t time_ns;
	uint64_t bytes;
};

struct list {
	struct one *ones; /* owned */
	size_t n, room;
};

static bool
is_id(const char *name)
{
	for (size_t i = 0; i < REPORT_ID_MAX - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? name[i] != '-' : !name[i] || !strchr("0123456789abcdef", name[i]))
			return false;
	}
	return true;
}

static bool
is_report(const char *name)
{
	return is_id(name) && strcmp(name + REPORT_ID_MAX - 1, ".json") == 0;
}

static bool
is_scratch(const char *name)
{
	return name[0] == '.' && is_id(name + 1) && strcmp(name + REPORT_ID_MAX, ".new") == 0;
}

static uint64_t
age_of(const struct stat *st, uint64_t now_ns)
{
	uint64_t time_ns = (uint64_t)st->st_mtim.tv_sec * NS_PER_S + (uint64_t)st->st_mtim.tv_nsec;

	return now_ns > time_ns ? now_ns - time_ns : 0;
}

static int
add(struct list *list, const char *name, const struct stat *st)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 256;
		struct one *ones = realloc(list->ones, room * sizeof(*ones));

		if (!ones)
			return -ENOMEM;
		list->ones = ones;
		list->room = room;
	}
	struct one *one = &list->ones[list->n++];
	memcpy(one->id, name, REPORT_ID_MAX - 1);
	one->id[REPORT_ID_MAX - 1] = '\0';
	one->time_ns = (uint64_t)st->st_mtim.tv_sec * NS_PER_S + (uint64_t)st->st_mtim.tv_nsec;
	one->bytes = (uint64_t)st->st_size;
	return 0;
}

/* What is too old goes; the others are listed. */
static int
look(int folder, const struct keep *keep, uint64_t now_ns, struct list *list, struct kept *kept)
{
	/* Its own place to read from, each time from the beginning. */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	struct stat st;
	int r = 0;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		bool report = is_report(entry->d_name);

		if ((!report && !is_scratch(entry->d_name)) ||
			fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISREG(st.st_mode))
			continue;
		if (age_of(&st, now_ns) > (report ? keep->age_ns : SCRATCH_NS))
			kept->old += unlinkat(folder, entry->d_name, 0) == 0 && report;
		else if (report)
			r = add(list, entry->d_name, &st);
	}
	if (r == 0)
		r = -errno;
	closedir(dir);
	return r;
}

/* Of one time, by name: the same go whoever looks. */
static int
by_age(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

int
keep_within(int folder, const struct keep *keep, uint64_t now_ns, struct kept *kept)
{
	struct list list = {0};

	*kept = (struct kept){0};
	int r = look(folder, keep, now_ns, &list, kept);
	if (list.n > 0)
		qsort(list.ones, list.n, sizeof(*list.ones), by_age);
	for (size_t i = 0; i < list.n; i++) {
		kept->files++;
		kept->bytes += list.ones[i].bytes;
	}
	for (size_t i = 0; i < list.n && (kept->files > keep->files || kept->bytes > keep->bytes);
		i++) {
		char name[REPORT_ID_MAX + 8];

		strcpy(name, list.ones[i].id);
		strcat(name, ".json");
		/* Who takes them away may have been quicker. */
		kept->crowded += unlinkat(folder, name, 0) == 0;
		kept->files--;
		kept->bytes -= list.ones[i].bytes;
	}
	free(list.ones);
	return r;
}
