/*
 * tree: the kernel's files as the doctor reads them, below a root that tests point at a folder of
 * their own. Nothing here writes.
 */
#ifndef SMTAP_CLI_DOCTOR_TREE_H
#define SMTAP_CLI_DOCTOR_TREE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct tree {
	const char *root; /* "" for the machine's own */
};

#define TREE_TEXT_MAX (1u << 20) /* no more of a file is read */

/* All paths are formats, absolute, and stand below the root. */
#define TREE_PATH(n) __attribute__((format(printf, n, n + 1)))

/* A whole file; the caller frees it. NULL when it cannot be read: errno. */
char *tree_text(const struct tree *t, const char *path, ...) TREE_PATH(2);

/* The first line of a file, without its end. false: there is none; out is then empty. */
bool tree_line(const struct tree *t, char *out, size_t len, const char *path, ...) TREE_PATH(4);

/* The number that a file starts with. */
bool tree_number(const struct tree *t, int64_t *out, const char *path, ...) TREE_PATH(3);

/* The last part of what a symbolic link leads to. */
bool tree_link(const struct tree *t, char *out, size_t len, const char *path, ...) TREE_PATH(4);

bool tree_exists(const struct tree *t, const char *path, ...) TREE_PATH(2);
/* 0 or -errno. */
int tree_stat(const struct tree *t, struct stat *out, const char *path, ...) TREE_PATH(3);

/* The names in a folder in their order, node2 before node10. */
struct tree_names {
	struct dirent **entry;
	int count; /* 0 too when there is no folder; then error is -errno */
	int error;
};

void tree_list(const struct tree *t, struct tree_names *names, const char *path, ...) TREE_PATH(3);
void tree_names_free(struct tree_names *names);

/* What follows "key" on its line in the text, blanks and a colon skipped. false: no such line. */
bool tree_field(const char *text, const char *key, char *out, size_t len);

#endif
