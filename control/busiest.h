/*
 * busiest: sources and accounts with the most failures, found a part of the tables at each look, so
 * that a million of them do not keep control from its events.
 */
#ifndef SMTAP_CONTROL_BUSIEST_H
#define SMTAP_CONTROL_BUSIEST_H

#include "control/engine/engine.h"

#define BUSIEST_ROWS 256u

enum busiest_kind { BUSIEST_SOURCES, BUSIEST_ACCOUNTS, BUSIEST_KINDS };

struct busiest_list {
	struct engine_row *rows; /* of the last time that all were read */
	size_t n;
	struct engine_walk walk; /* of this time */
	bool done;
};

struct busiest {
	struct busiest_list lists[BUSIEST_KINDS];
};

/* 0 or -ENOMEM. */
int busiest_open(struct busiest *busiest);
void busiest_close(struct busiest *busiest);

/* Read another part. True: all were read, and the rows are new. */
bool busiest_look(struct busiest *busiest, const struct engine *engine);

enum subject_type busiest_type(enum busiest_kind kind);

#endif
