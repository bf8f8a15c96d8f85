/* spawn: a daemon of smtap run is born. */
#ifndef SMTAP_CLI_SPAWN_H
#define SMTAP_CLI_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/args.h"
#include "cli/vouch.h"

/* A descriptor that it inherits, and the place of its number among the arguments. */
struct spawn_fd {
	size_t place;
	int fd; /* -1: none */
};

struct spawn {
	struct args *args; /* args->v[0] is the path */
	struct spawn_fd fds[2];
	const sigset_t *mask; /* of signals, as whoever started us had it */
	const struct vouch *vouch;
	bool outlives_us; /* else it is told to stop when we die */
};

/*
 * What runs to its end before anything else starts: it is killed when we end, or when it takes
 * longer than that. Its exit status; errors are printed.
 */
int spawn_await(const struct args *args, unsigned limit_ms);

/* Its pid; 0: it does not run, which was told. */
pid_t spawn(const struct spawn *s);

#endif
