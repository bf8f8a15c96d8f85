/* run: the dataplane over captures or live ports, from set-up to the last event. */
#ifndef SMTAP_DATAPLANE_IO_RUN_H
#define SMTAP_DATAPLANE_IO_RUN_H

#include "dataplane/io/options.h"

/*
 * Inspect the captures. Says on stderr, in one line, what was wrong. The exit
 * status (doc/man/smtap-dataplane.8): 0; 1 failed on the way, a damaged capture among that; 2
 * bad input.
 */
int run_captures(const struct options *options);

/* Inspect live ports until a signal ends it. The same. */
int run_live(const struct options *options);

#endif
