/* socket_file: a Unix socket that has a name, for whoever may open that. */
#ifndef SMTAP_BASE_SOCKET_FILE_H
#define SMTAP_BASE_SOCKET_FILE_H

#include <sys/types.h>

struct socket_file {
	const char *path;
	int type;    /* SOCK_STREAM, SOCK_SEQPACKET; it is non-blocking */
	gid_t group; /* who may connect besides the owner, to whom it is given; -1: ours */
	int backlog;
};

/*
 * Listens, in the place of a socket that nobody listens to any more. The descriptor; or
 * -EADDRINUSE: somebody does; -EEXIST: what is there is no socket; -ENAMETOOLONG; another -errno.
 */
int socket_file_listen(const struct socket_file *file);

#endif
