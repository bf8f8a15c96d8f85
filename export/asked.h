/*
 * asked: whether control has read its configuration again, so that smtap-export does too. A thread
 * waits for it on a connection of its own; what came of it goes back to control, and so to whoever
 * asked for the reload.
 */
#ifndef SMTAP_EXPORT_ASKED_H
#define SMTAP_EXPORT_ASKED_H

#include <stdbool.h>

struct asked;

/* Control's socket, which is copied. 0, or -errno. */
int asked_start(struct asked **out, const char *socket);

/* Readable when there is something to take. */
int asked_fd(const struct asked *asked);

/* Is a reload asked for? Then asked_done has to follow. */
bool asked_take(struct asked *asked);

/* It came to that: "", it was done; else a sentence. */
void asked_done(struct asked *asked, const char *why);

/* NULL is nothing. */
void asked_stop(struct asked *asked);

#endif
