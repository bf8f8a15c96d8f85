/* ask: a running instance, on the socket of its control. */
#ifndef SMTAP_CLI_LOOK_ASK_H
#define SMTAP_CLI_LOOK_ASK_H

#include <jansson.h>

#include "cli/look/look.h"

/* Connect to the instance that these options mean. Its fd; or -1: told, exit status in *status. */
int ask_open(struct look *look, int *status);

/*
 * One question, which is given back, and its answer, to be given back with json_decref. NULL: it
 * was refused, or nobody answers any more; why says so.
 */
json_t *ask(int fd, json_t *question, char *why, size_t why_len);

#endif
