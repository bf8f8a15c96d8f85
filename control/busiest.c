#include "control/busiest.h"

#include <errno.h>
#include <stdlib.h>

/* Of each table at a look: some 5 ms when all have failed equally often, and a name is made of each
   to tell who comes first. */
#define ENTRIES 16384u

int
busiest_open(struct busiest *busiest)
{
	*busiest = (struct busiest){0};
	for (unsigned kind = 0; kind < BUSIEST_KINDS; kind++) {
		struct busiest_list *list = &busiest->lists[kind];

		list->rows = calloc(BUSIEST_ROWS, sizeof(*list->rows));
		list->walk.rows = calloc(BUSIEST_ROWS, sizeof(*list->rows));
		list->walk.max = BUSIEST_ROWS;
		if (!list->rows || !list->walk.rows)
			return -ENOMEM;
	}
	return 0;
}

void
busiest_close(struct busiest *busiest)
{
	for (unsigned kind = 0; kind < BUSIEST_KINDS; kind++) {
		free(busiest->lists[kind].rows);
		free(busiest->lists[kind].walk.rows);
	}
	*busiest = (struct busiest){0};
}

enum subject_type
busiest_type(enum busiest_kind kind)
{
	return kind == BUSIEST_SOURCES ? SUBJECT_SOURCE : SUBJECT_ACCOUNT;
}

bool
busiest_look(struct busiest *busiest, const struct engine *engine)
{
	bool all = true;

	for (unsigned kind = 0; kind < BUSIEST_KINDS; kind++) {
		struct busiest_list *list = &busiest->lists[kind];

		if (!list->done)
			list->done = engine_walk(engine, busiest_type(kind), &list->walk, ENTRIES);
		all = all && list->done;
	}
	for (unsigned kind = 0; all && kind < BUSIEST_KINDS; kind++) {
		struct busiest_list *list = &busiest->lists[kind];
		struct engine_row *found = list->walk.rows;

		list->walk.rows = list->rows;
		list->rows = found;
		list->n = list->walk.n;
		list->done = false;
	}
	return all;
}
