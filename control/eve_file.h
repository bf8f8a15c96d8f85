/* eve_file: the file that EVE lines go to. */
#ifndef SMTAP_CONTROL_EVE_FILE_H
#define SMTAP_CONTROL_EVE_FILE_H

#include "control/options.h"

/*
 * Open it, with the folders above it: anew for captures, at its end for live ports. Its fd, which
 * is standard output for "-"; or -errno with the path that it is about in *path.
 */
int eve_file_open(const struct options *options, const char **path);

/* Somebody moved the file away (logrotate): go on in a new one, under the same fd. 0 or -errno. */
int eve_file_reopen(const struct options *options, int fd);

#endif
