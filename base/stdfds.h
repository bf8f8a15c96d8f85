/*
 * stdfds: the three standard descriptors, whatever state we are started in.
 *
 * A descriptor 0, 1 or 2 that is closed at start is the first one that the next
 * open(), socket() or pipe() gives: what is then printed goes into that, and a
 * peer reads it. So it is filled before anything else is opened.
 */
#ifndef SMTAP_BASE_STDFDS_H
#define SMTAP_BASE_STDFDS_H

#include <stdbool.h>
#include <stdio.h>

/*
 * First act of main(): open the null device on each of 0, 1, 2 that is closed.
 * Standard output gets it for reading, so that writing there fails (EBADF)
 * rather than vanishes; that survives exec(). 0 or -errno.
 */
int stdfds_open(void);

/* False when standard output cannot be written at all: it was closed when we, or who started us,
 * began. */
bool stdfds_has_output(void);

/*
 * Last act of main(): is all that was printed on standard output written?
 * status when it is; otherwise 1, with one line "PROGRAM: standard output ..." on
 * stderr, unless status tells that something else failed, and was told, before.
 */
int stdfds_finish(const char *program, int status);

#endif
