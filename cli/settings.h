/* settings: the configuration of a command, and what follows from it. */
#ifndef SMTAP_CLI_SETTINGS_H
#define SMTAP_CLI_SETTINGS_H

#include <stddef.h>

#include "config/config.h"

/*
 * Read *file, or, when it is NULL, the file that there may be, which it then names; nothing to
 * read: the defaults. The caller frees what it gets. 0, or COMMAND_BAD, told.
 */
int settings_read(struct config *config, const char **file);

/* Where events go: *output, by default the configuration's, and the file in it. 0, or COMMAND_BAD,
   told. */
int settings_eve(const struct config *config, const char **output, char *eve, size_t eve_len);

#endif
