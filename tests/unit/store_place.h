/* A folder of its own for a store, for each test; nothing of it is left. */
#ifndef SMTAP_TESTS_STORE_PLACE_H
#define SMTAP_TESTS_STORE_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

struct place {
	char folder[64];
	char path[96];
};

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->folder, "/tmp/smtap-store-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/a.db", place->folder);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct place *place = *state;
	char path[128];

	chmod(place->folder, 0700);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", place->path, ends[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(place->folder), 0);
	free(place);
	return 0;
}

static struct store *
opened(const struct place *place, enum store_mode mode)
{
	struct store *store;
	char why[512] = "";

	if (store_open(&store, place->path, mode, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return store;
}

#endif
