/* resume: a control begins where one that died stood: with its snapshot, what its dataplane's rings
 * still hold of what came after, and what the store knows to be open. */
#ifndef SMTAP_CONTROL_RESUME_H
#define SMTAP_CONTROL_RESUME_H

#include "control/snapshot.h"

struct run;

struct resume {
	bool has_mark; /* a snapshot was loaded */
	bool done;     /* the first dataplane's rings were accepted */
	struct snapshot_mark mark;
};

/* run->engine was just opened, and is what it was at the snapshot, if there is one; alerts that
   waited for the store then wait again. -ENOMEM. */
int resume_engine(struct run *run);

/*
 * While no dataplane has come: where the one before us stood, which is where whoever follows us has
 * to go on; false: nobody left anything, or one has come.
 */
bool resume_mark(const struct run *run, struct snapshot_mark *mark);

/* The first dataplane's rings were accepted: take in what came after the snapshot. */
void resume_intake(struct run *run);

#endif
