/* keep: the daemons on live ports, supervised in the foreground; the theory is in keep.c. */
#ifndef SMTAP_CLI_KEEP_H
#define SMTAP_CLI_KEEP_H

#include <stdbool.h>

#include "cli/args.h"

struct keep {
	/* Both programs with their options, argv[0] the path; where an fd's number is to stand, its
	   index, to be filled in when the fd is known. */
	struct args dataplane;
	struct args control;
	size_t dataplane_handover_arg;
	size_t control_handover_arg;
	size_t control_dataplane_arg;
	/* What smtap-export is started as, when there is something to export: asked at the start,
	   and at SIGHUP. */
	struct args export;
	bool (*exports)(void *arg);
	void *arg;
};

/* Run until a signal ends it, or one of them does for good. An exit status; errors are printed. */
int keep_run(struct keep *keep);

#endif
