/* patterns: where control finds the pattern files. */
#ifndef SMTAP_CONTROL_PATTERNS_H
#define SMTAP_CONTROL_PATTERNS_H

#include <stddef.h>

#include "config/config.h"
#include "patterns/pattern.h"

/* The configuration's, those beside this program, those installed. As pattern_set_read. */
int patterns_read(struct pattern_set *set, const struct config *config, char *why, size_t why_len);

#endif
