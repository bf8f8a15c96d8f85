/*
 * asked: whether control reads its configuration again, so that smtap-export does too. A thread
 * waits for it on a connection of its own; what came of each step goes back to control, and so to
 * whoever asked for the reload.
 */
#ifndef SMTAP_EXPORT_ASKED_H
#define SMTAP_EXPORT_ASKED_H

#include <stdbool.h>

#include "export/feed/feed.h"

struct asked;

/* Control's socket, which is copied. read_ns: monotonic, when we began to read the configuration:
 * what control begins later is news. 0, or -errno. */
int asked_start(struct asked **out, const char *socket, uint64_t read_ns);

/* Readable when there is something to take. */
int asked_fd(const struct asked *asked);

/* Is something asked for? Then asked_done has to follow. */
bool asked_take(struct asked *asked, enum feed_step *step);

/* It came to that: "", it was done; else a sentence. */
void asked_done(struct asked *asked, const char *why);

/* NULL is nothing. */
void asked_stop(struct asked *asked);

#endif
