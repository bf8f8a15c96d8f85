/*
 * meet: where control finds a dataplane that nobody started beside it: a Unix socket. Under
 * `smtap run` there is none, since both come from one process.
 */
#ifndef SMTAP_DATAPLANE_IO_MEET_H
#define SMTAP_DATAPLANE_IO_MEET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct meet {
	int fd;       /* listens; -1: none */
	uid_t friend; /* may connect, besides root and ourselves */
	char path[108];
};

/*
 * Listen, in the place of a socket that nobody listens to any more. user: control's; empty: ours.
 * 0; -EADDRINUSE: another dataplane listens there; else -errno; why is a sentence.
 */
int meet_open(struct meet *m, const char *path, const char *user, char *why, size_t why_len);

/* Who has connected: its fd; -EAGAIN: nobody, or somebody who may not, who is told by its end. */
int meet_accept(const struct meet *m);

/* The socket goes with us. */
void meet_close(struct meet *m);

#endif
