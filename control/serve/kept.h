/*
 * kept: a text that control's main thread makes while somebody asks for it, and that a served
 * socket answers with. What is kept is old when nobody asked for a while: the first answer then
 * waits for a new one.
 */
#ifndef SMTAP_CONTROL_SERVE_KEPT_H
#define SMTAP_CONTROL_SERVE_KEPT_H

#include <pthread.h>
#include <stdbool.h>

#include "control/serve/served.h"

struct kept {
	pthread_mutex_t lock; /* of what follows */
	uint64_t asked_ns;    /* monotonic; 0: never */
	uint64_t made_ns;
	char *text; /* owned; NULL: none yet */
	size_t len;
};

void kept_init(struct kept *kept);
void kept_free(struct kept *kept);

/* Was it asked for within the last few seconds? Then kept_put is called now and then. */
bool kept_wants(struct kept *kept);

/* A JSON object, copied; then served_wake. */
void kept_put(struct kept *kept, const char *json, size_t len);

/* take() and look() of a verb whose answer it is. */
void kept_take(struct kept *kept, struct served_client *client);
void kept_look(struct kept *kept, struct served_client *client, bool late);

#endif
