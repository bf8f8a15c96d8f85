/* resolve: the addresses of a name, within a time. */
#ifndef SMTAP_EXPORT_SYSLOG_RESOLVE_H
#define SMTAP_EXPORT_SYSLOG_RESOLVE_H

#include <netdb.h>

#include "export/sink/sink.h"

struct resolve;

struct resolve_question {
	const char *host; /* borrowed for the call */
	unsigned port;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	int timeout_ms;
};

/*
 * The addresses of a host, for freeaddrinfo. *pending is NULL before the first call; when the time
 * is over (-EAGAIN) it keeps what is under way, and the next call, with the same question, looks at
 * that. 0, or -errno with a sentence.
 */
int resolve_name(struct resolve **pending, const struct resolve_question *question,
	struct addrinfo **out, char why[SINK_WHY_MAX]);

/* Gives up what is under way; NULL is nothing. */
void resolve_drop(struct resolve *pending);

#endif
