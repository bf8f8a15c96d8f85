/*
 * link: a connection to a log server, over UDP, TCP or TLS. No call takes longer than the deadline
 * that it is given, in milliseconds of link_now(). Each failure is one sentence, without secrets.
 */
#ifndef SMTAP_EXPORT_SYSLOG_LINK_H
#define SMTAP_EXPORT_SYSLOG_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/sink/sink.h"

enum link_transport { LINK_TLS, LINK_TCP, LINK_UDP };

struct link_options {
	enum link_transport transport;
	const char *server;
	unsigned port;
	const char *server_name; /* in the certificate; "": as server */
	const char *ca_file;     /* "": what the system trusts */
	const char *cert_file;   /* "": none */
	const char *key_file;
};

struct link;

uint64_t link_now(void);

/* options is borrowed for the link's life. NULL: out of memory. */
struct link *link_new(const struct link_options *options);
void link_free(struct link *link);

/* Connects unless it is connected and the other side has not ended that. 0 or -errno. */
int link_open(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX]);

/* All of it. Over UDP it is one datagram: -EMSGSIZE when it is too long for one. 0 or -errno. */
int link_write(
	struct link *link, const void *data, size_t len, uint64_t deadline, char why[SINK_WHY_MAX]);

/*
 * Waits until the other machine has confirmed every byte, and the connection still stands. Over
 * UDP: until an answer that nobody listens would have come. 0 or -errno.
 */
int link_flush(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX]);

/*
 * Ends the connection, and waits until the other program ends it too, as it does when it has read
 * everything. 0 or -errno.
 */
int link_finish(struct link *link, uint64_t deadline, char why[SINK_WHY_MAX]);

/* Has the other side ended it? Then it is closed here too. */
void link_look(struct link *link);

/* At once. */
void link_drop(struct link *link);

#endif
