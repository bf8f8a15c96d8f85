/*
 * outlet: control's socket for exporters (doc/export.md): alerts by number, how far each exporter
 * has come, what is open, the counters, whether there was a reload. A thread of its own answers,
 * with a connection to the store that can only read; detection never waits for an exporter.
 */
#ifndef SMTAP_CONTROL_OUTLET_OUTLET_H
#define SMTAP_CONTROL_OUTLET_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

#include "control/outbox/outbox.h"

#define OUTLET_CLIENTS (OUTBOX_EXPORTERS_MAX + 8u) /* a connection each, and who shows counters */

struct outlet;

struct outlet_options {
	const char *path;      /* of the socket */
	const char *user;      /* smtap-export's, whose group may connect; empty: ours */
	const char *store;     /* the store's file */
	struct outbox *outbox; /* until outlet_close */
};

/* As serve_open. */
int outlet_open(
	struct outlet **out, const struct outlet_options *options, char *why, size_t why_len);

/* Did somebody ask for the counters in the last seconds? Then they are worth making. */
bool outlet_wants_counters(struct outlet *outlet);

/* The counters from now on: JSON, no newline. Copied. */
void outlet_put_counters(struct outlet *outlet, const char *json, size_t len);

#define OUTLET_WHY_MAX 512

/* The steps of a reload: both read and open, then both take, or neither does. */
#define OUTLET_STEPS(X) X(CHECK, "check") X(TAKE, "take") X(DROP, "drop")

enum outlet_step {
#define X(id, name) OUTLET_##id,
	OUTLET_STEPS(X)
#undef X
};

/* The next step. True: smtap-export waits for that, and says what it makes of it; false: it is not
 * there. */
bool outlet_reload(struct outlet *outlet, enum outlet_step step);

/* Has it said so, of the last step? why: "", it took the configuration too; else a sentence. */
bool outlet_reloaded(struct outlet *outlet, char why[OUTLET_WHY_MAX]);

/* NULL is nothing. */
void outlet_close(struct outlet *outlet);

#endif
