/*
 * away: control goes on when its dataplane dies, until whoever started both hands over the socket
 * to the next one. What is known of attacks stays; what was lost is counted (intake_leave).
 */
#ifndef SMTAP_CONTROL_AWAY_H
#define SMTAP_CONTROL_AWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "control/intake/intake.h"

struct run;

struct away {
	bool on;           /* no dataplane is there, or it has not offered its rings yet */
	uint64_t since_ns; /* monotonic */
	struct intake_past past;
};

/* The dataplane has gone. False: no other can come; then it is as it was. */
bool away_begin(struct run *run);

/* The descriptor to look at for the next dataplane's socket; -1: not now. */
int away_fd(const struct run *run);

/* That descriptor has something, or has ended. */
void away_take(struct run *run);

/* The next dataplane has offered its rings, or has died before it did. */
void away_end(struct run *run);

#endif
