/*
 * supervise: run the dataplane and control as two processes joined by a socket,
 * and say what became of them. The theory is at the head of supervise.c.
 */
#ifndef SMTAP_CLI_SUPERVISE_H
#define SMTAP_CLI_SUPERVISE_H

#include "cli/args.h"

struct supervise {
	/* The socket of the handshake, and the pipe that carries what befalls the captures:
	   the dataplane's end and control's. Close-on-exec but in the child that they are for. */
	int dataplane_socket;
	int control_socket;
	int status_write;
	int status_read;
	/* Both programs with their options, argv[0] the path. */
	struct args dataplane;
	struct args control;
};

/* Make socket and pipe. 0, or -errno. */
int supervise_open(struct supervise *s);

/* Run both to their end. An exit status (command.h); errors are printed. */
int supervise_run(struct supervise *s);

void supervise_close(struct supervise *s);

/*
 * The path of one of smtap's programs: beside this one, else in ../libexec/smtap or
 * ../bin. 0, or -ENOENT.
 */
int supervise_find(const char *name, char *path, size_t path_len);

#endif
