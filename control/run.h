/* run: one run of control, from the handshake to the report. */
#ifndef SMTAP_CONTROL_RUN_H
#define SMTAP_CONTROL_RUN_H

#include "control/options.h"

/* Exit statuses: doc/man/smtap-control.8. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,    /* the dataplane vanished, or something could not be written */
	EXIT_BAD_INPUT = 2, /* configuration, usage, output */
};

/* Errors are printed, one line each. */
int run_control(struct options *options);

#endif
