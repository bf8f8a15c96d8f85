/* Pattern sets: reading files into one, sorted by id, and looking up. */
#include "patterns/pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "patterns/parse.h"

static const char *const role_names[] = {
#define X(id, name) [PATTERN_ROLE_##id] = name,
	PATTERN_ROLES(X)
#undef X
};

_Static_assert(sizeof(role_names) / sizeof(role_names[0]) == PATTERN_ROLE_COUNT, "a name per role");

const char *
pattern_role_name(unsigned role)
{
	return role < PATTERN_ROLE_COUNT ? role_names[role] : "?";
}

static void
patterns_free(struct pattern *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pattern *p = &patterns[i];
		char *owned[] = {p->name, p->expression, p->flags, p->why, p->match, p->no_match,
			p->category, p->mitre, p->list, p->delist, p->file};
		for (size_t k = 0; k < sizeof(owned) / sizeof(owned[0]); k++)
			free(owned[k]);
	}
	free(patterns);
}

void
pattern_list_free(struct pattern_list *list)
{
	patterns_free(list->patterns, list->count);
	*list = (struct pattern_list){0};
}

void
pattern_set_free(struct pattern_set *set)
{
	patterns_free(set->patterns, set->count);
	*set = (struct pattern_set){0};
}

/* By id; equal ids by where they stand, so that errors do not depend on qsort. */
static int
pattern_compare(const void *left, const void *right)
{
	const struct pattern *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	int order = strcmp(a->file, b->file);
	if (order != 0)
		return order;
	return a->line < b->line ? -1 : a->line > b->line;
}

/*
 * Move the list's patterns into the set. On a duplicate id, or without memory,
 * the set is as it was and the list still owns its patterns.
 */
static int
set_merge(struct pattern_set *set, struct pattern_list *list, char *why, size_t why_len)
{
	size_t count = set->count + list->count;

	if (count > PATTERN_SET_MAX) {
		snprintf(why, why_len, "%s:1: more than %u patterns in all files",
			list->patterns[list->count - 1].file, PATTERN_SET_MAX);
		return -EINVAL;
	}
	if (count == 0)
		return 0;
	struct pattern *merged = calloc(count, sizeof(*merged));
	if (!merged) {
		snprintf(why, why_len, "out of memory for %zu patterns", count);
		return -ENOMEM;
	}
	if (set->count)
		memcpy(merged, set->patterns, set->count * sizeof(*merged));
	if (list->count)
		memcpy(merged + set->count, list->patterns, list->count * sizeof(*merged));
	qsort(merged, count, sizeof(*merged), pattern_compare);
	for (size_t i = 1; i < count; i++) {
		const struct pattern *first = &merged[i - 1], *second = &merged[i];
		if (first->id != second->id)
			continue;
		snprintf(why, why_len, "%s:%u: id %u is already used in %s:%u", second->file,
			second->line, second->id, first->file, first->line);
		free(merged);
		return -EINVAL;
	}
	free(set->patterns);
	free(list->patterns);
	*list = (struct pattern_list){0};
	set->patterns = merged;
	set->count = count;
	return 0;
}

/* Whatever it returns, file->data is to be freed. */
static int
descriptor_read(int fd, uint8_t **data, size_t *len)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > PATTERN_FILE_BYTES_MAX)
		return -EFBIG;
	*data = malloc((size_t)st.st_size + 1);
	if (!*data)
		return -ENOMEM;
	while (*len < (size_t)st.st_size) {
		ssize_t n = read(fd, *data + *len, (size_t)st.st_size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

static int
file_parse(struct pattern_list *list, const char *path, char *why, size_t why_len)
{
	uint8_t *data = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = fd < 0 ? -errno : descriptor_read(fd, &data, &len);

	if (fd >= 0)
		close(fd);
	if (rc == -EINVAL)
		snprintf(why, why_len, "%s:1: not a regular file", path);
	else if (rc != 0)
		snprintf(why, why_len, "%s:1: cannot be read: %s", path, strerror(-rc));
	else
		rc = pattern_list_parse(
			list, path, &(struct span){.data = data, .len = len}, why, why_len);
	free(data);
	return rc;
}

int
pattern_set_read(
	struct pattern_set *set, const char *const files[], size_t count, char *why, size_t why_len)
{
	struct pattern_list list = {0};
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = file_parse(&list, files[i], why, why_len);
	if (rc == 0)
		rc = set_merge(set, &list, why, why_len);
	pattern_list_free(&list);
	return rc;
}

int
pattern_set_parse(struct pattern_set *set, const char *name, const uint8_t *bytes, size_t len,
	char *why, size_t why_len)
{
	struct pattern_list list = {0};
	struct span file = {.data = bytes, .len = len};
	int rc = pattern_list_parse(&list, name, &file, why, why_len);

	if (rc == 0)
		rc = set_merge(set, &list, why, why_len);
	pattern_list_free(&list);
	return rc;
}

int
pattern_set_read_dir(struct pattern_set *set, const char *dir, char *why, size_t why_len)
{
#define X(id, name) name ".yaml",
	static const char *const names[] = {EVENT_CONTEXTS(X)};
#undef X
	char paths[CONTEXT_COUNT][4096];
	const char *files[CONTEXT_COUNT];

	for (size_t i = 0; i < CONTEXT_COUNT; i++) {
		if ((size_t)snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, names[i]) >=
			sizeof(paths[i])) {
			snprintf(why, why_len, "%.64s...: the path is too long", dir);
			return -ENAMETOOLONG;
		}
		files[i] = paths[i];
	}
	return pattern_set_read(set, files, CONTEXT_COUNT, why, why_len);
}

const struct pattern *
pattern_set_find(const struct pattern_set *set, uint32_t id)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->patterns[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->patterns[low].id == id ? &set->patterns[low] : NULL;
}
