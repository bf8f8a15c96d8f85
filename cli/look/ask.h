/* ask: a running instance, on the socket of its control. */
#ifndef SMTAP_CLI_LOOK_ASK_H
#define SMTAP_CLI_LOOK_ASK_H

#include <jansson.h>

#include "cli/look/look.h"

/* Connect to the instance that these options mean. Its fd; or -1: told, exit status in *status. */
int ask_open(struct look *look, int *status);

struct ask_refusal {
	int status; /* to end with */
	char why[512];
};

/*
 * One question, which is given back, and its answer, to be given back with json_decref. NULL: it
 * was refused, or nobody answers any more; refusal says so.
 */
json_t *ask(int fd, json_t *question, struct ask_refusal *refusal);

#endif
