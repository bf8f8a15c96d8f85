/*
 * What the tests of match share: the shipped patterns, compiled into a folder
 * of the test's own and loaded from there.
 */
#ifndef SMTAP_TESTS_MATCH_FIXTURE_H
#define SMTAP_TESTS_MATCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "contract/hsdb.h"
#include "dataplane/match/match.h"
#include "patterns/check.h"

#define FILE_MAX (4u << 20)

struct fixture {
	char dir[64];
	struct pattern_set set;
	struct match_set *loaded;
	struct match *match;
	char why[512];
};

static inline void
folder_make(char dir[64])
{
	strcpy(dir, "/tmp/smtap-match-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static inline void
folder_remove(const char *dir)
{
	char path[128];

	for (unsigned i = 0; i < CONTEXT_COUNT; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, hsdb_file_name((enum event_context)i));
		if (unlink(path) != 0)
			rmdir(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static inline int
shipped_set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	char dir[512];

	*f = (struct fixture){0};
	*state = f;
	folder_make(f->dir);
	snprintf(dir, sizeof(dir), "%s/patterns", getenv("SMTAP_SOURCE"));
	if (pattern_set_read_dir(&f->set, dir, f->why, sizeof(f->why)) != 0 ||
		pattern_set_compile(&f->set, f->dir, &(struct pattern_check){.strict = true},
			f->why, sizeof(f->why)) != 0)
		fail_msg("%s", f->why);
	f->loaded = match_set_load(f->dir, f->why, sizeof(f->why));
	if (!f->loaded)
		fail_msg("%s", f->why);
	f->match = match_open(f->loaded);
	return f->match ? 0 : -1;
}

static inline int
shipped_tear_down(void **state)
{
	struct fixture *f = *state;

	match_close(f->match);
	match_set_free(f->loaded);
	pattern_set_free(&f->set);
	folder_remove(f->dir);
	return 0;
}

static inline size_t
file_get(const char *dir, enum event_context context, uint8_t *out)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, hsdb_file_name(context));
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	size_t len = fread(out, 1, FILE_MAX, file);
	fclose(file);
	return len;
}

/* A set of its own, of one text. */
static inline struct match_set *
text_load(const char *text, const char *dir)
{
	struct pattern_set set = {0};
	char why[512] = "";

	if (text && pattern_set_parse(
			    &set, "f", (const uint8_t *)text, strlen(text), why, sizeof(why)) != 0)
		fail_msg("%s", why);
	if (pattern_set_compile(&set, dir, NULL, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	pattern_set_free(&set);
	struct match_set *loaded = match_set_load(dir, why, sizeof(why));
	if (!loaded)
		fail_msg("%s", why);
	return loaded;
}

#endif
