/* patterns: where the compiled patterns are found. */
#ifndef SMTAP_DATAPLANE_IO_PATTERNS_H
#define SMTAP_DATAPLANE_IO_PATTERNS_H

#include <stddef.h>

#include "dataplane/match/match.h"

/*
 * Load from dir; when it is empty, from patterns/ beside this program (a build
 * folder), else from where they were installed. NULL with one line in why.
 */
struct match_set *patterns_load(const char *dir, char *why, size_t why_len);

#endif
