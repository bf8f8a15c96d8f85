/* eve_rotate: the names of files that were put aside. */
#ifndef SMTAP_CONTROL_EVE_ROTATE_H
#define SMTAP_CONTROL_EVE_ROTATE_H

#include <stdint.h>

/*
 * Give the file its name among those put aside: PATH.20261122T131500Z, later than any that is
 * there, so that they sort by age whatever the clock did. 0 or -errno.
 */
int eve_rotate_aside(const char *path, uint64_t now_ns);

/* Undo that: nobody has made a new file of that name. 0 or -errno. */
int eve_rotate_back(const char *path);

/* Remove the oldest of those put aside, but for keep of them. 0 or -errno. */
int eve_rotate_prune(const char *path, unsigned keep);

#endif
