/* status: what is going on, as whoever asks on the socket is told (smtap top). */
#ifndef SMTAP_CONTROL_STATUS_H
#define SMTAP_CONTROL_STATUS_H

#include "control/run_internal.h"

/* Make it and hand it to serve, when somebody asks. */
void status_put(struct run *run, const struct counters *sum);

#endif
