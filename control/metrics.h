/* metrics: what the export socket's verb `counters` is answered. */
#ifndef SMTAP_CONTROL_METRICS_H
#define SMTAP_CONTROL_METRICS_H

#include "control/run_internal.h"

/*
 * {"version": "..", "time": 1700000000000000000, "metrics": [..]}, to be freed: the wall clock in
 * nanoseconds, and the list of control/export/metrics.h. NULL: out of memory. sum: the workers'
 * counters, added up.
 */
char *metrics_answer(struct run *run, const struct counters *sum);

/* For the export socket, if somebody asks there. */
void metrics_put(struct run *run, const struct counters *sum);

#endif
