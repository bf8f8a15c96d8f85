/*
 * snapshot: what control knows of attacks, written beside the store each few seconds, so that a
 * control that dies is followed by one that knows nearly as much; resume.c adds what came after.
 */
#ifndef SMTAP_CONTROL_SNAPSHOT_H
#define SMTAP_CONTROL_SNAPSHOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/intake/intake.h"

struct run;
struct image;

/* What is in it besides the engine's tables. Numbers, no pointers. */
struct snapshot_mark {
	struct intake_mark intake;
	char machine[40];  /* since it was started: /proc/sys/kernel/random/boot_id */
	uint64_t clock_ns; /* monotonic: of that machine */
	uint64_t seq;      /* of the last alert that was stored; later ones are in it */
	uint64_t first_ns; /* as in struct run */
	uint64_t last_ns;
	uint64_t holes;
	uint64_t settings; /* config_sum */
	uint64_t rules;    /* suppress_sum */
};

struct snapshot {
	char path[PATH_MAX]; /* empty: there are none */
	char new_path[PATH_MAX];
	uint64_t every_ns;
	uint64_t build; /* of this program: no other reads it */
	uint8_t *block; /* owned */
	pid_t child;    /* that writes one; 0: none */
	uint64_t began_ns;
	uint64_t began_wall_ns;
	bool slow;         /* it takes long, which was told */
	uint64_t next_ns;  /* monotonic */
	uint64_t look_ns;  /* nothing is looked for before */
	bool hurry;        /* one is due as soon as can be */
	int error;         /* of the last one; 0: it was written */
	uint64_t stall_ns; /* the longest time that a fork took */
	/* For metrics. */
	uint64_t good_ns; /* when the last good one was begun, or we were; monotonic */
	uint64_t bytes;   /* of that */
	uint64_t took_ns;
	uint64_t written;
	uint64_t failed;
};

/* With the configuration, for live ports; without it there are none. 0, or -ENOMEM. */
int snapshot_open(struct snapshot *s, const struct run *run);

/* Often, with nothing in hand: begin one when it is due, look whether one is done. */
void snapshot_look(struct run *run, uint64_t now_ns);

/* The next one is due now: something is known that must not be lost. */
void snapshot_hurry(struct snapshot *s);

/*
 * At the start, into an engine that was just opened: true and *mark, or false, and the reason on
 * standard error if there is a file. Then the engine must be opened anew if *spoilt.
 */
bool snapshot_load(struct run *run, struct snapshot_mark *mark, bool *spoilt);

/* All is told and closed: none is left behind. */
void snapshot_remove(struct snapshot *s);

void snapshot_close(struct snapshot *s);

#endif
