/*
 * taken: recipients that servers took without AUTH, and whose session brought
 * each. Of fixed capacity; when full the one longest ago goes.
 */
#ifndef SMTAP_CONTROL_TRACK_TAKEN_H
#define SMTAP_CONTROL_TRACK_TAKEN_H

#include "contract/event.h"
#include "control/aggr/table.h"

struct taken {
	struct table table;       /* by a hash of server and recipient */
	struct event_flow *flows; /* owned */
};

/* 0 or -ENOMEM. */
int taken_open(struct taken *taken);
void taken_close(struct taken *taken);

/* The session that brought it last is remembered. */
void taken_put(struct taken *taken, uint64_t hash, const struct event_flow *flow);

/* Or NULL. */
const struct event_flow *taken_by(const struct taken *taken, uint64_t hash);

#endif
