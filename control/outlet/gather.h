/* gather: alerts out of the store and out of the outbox's memory, none twice and none left out. */
#ifndef SMTAP_CONTROL_OUTLET_GATHER_H
#define SMTAP_CONTROL_OUTLET_GATHER_H

#include <stdio.h>

#include "control/outbox/outbox.h"

#define GATHER_BYTES_MAX (4u << 20)       /* of an answer; the first alert is there in any case */
#define GATHER_OPEN_MAX 65536u            /* and what an exporter takes */
#define GATHER_OPEN_BYTES_MAX (64u << 20) /* a finding takes 2 to 4 KiB */
#define GATHER_WHY_MAX 512

/* For one thread; zero but for these to begin with. */
struct gather {
	const char *path;
	struct outbox *outbox;
	struct store *store; /* NULL: not opened */
	uint64_t file;       /* which one it is, or was (outbox_hold_file) */
	char why[GATHER_WHY_MAX];
};

/* Lines {"seq":N,"alert":{..}} */
struct gathered {
	char *text; /* owned by the caller; NULL when there is none */
	size_t len;
	size_t n;
	bool more; /* there are others after these */
	/* of gather_open */
	uint64_t seq;      /* what is open was so after that number */
	uint64_t left_out; /* there are so many more, whose last alerts are older */
};

/* Those after that number, at most max. 0, or -errno with gather.why: the store cannot be read. */
int gather_alerts(struct gather *gather, uint64_t after, size_t max, struct gathered *out);

/* How many there are. The same. */
int gather_count(struct gather *gather, uint64_t after, uint64_t *n);

/*
 * The last alert of each finding of an open incident: the newest, at most max and
 * GATHER_OPEN_BYTES_MAX of those that are stored. The same.
 */
int gather_open(struct gather *gather, size_t max, struct gathered *out);

void gather_end(struct gather *gather);

#endif
