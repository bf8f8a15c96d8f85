/* stored: what control puts into the store: alerts as they are told, and who fails most. */
#ifndef SMTAP_CONTROL_STORED_H
#define SMTAP_CONTROL_STORED_H

#include "control/busiest.h"
#include "control/engine/engine.h"
#include "control/export/eve.h"
#include "control/options.h"
#include "control/outbox/outbox.h"

/* Alerts that an earlier run stored after a number, as told_key makes them; sorted. */
struct stored_told {
	uint64_t *keys; /* owned; NULL: nobody asks */
	size_t count;
};

struct stored {
	struct outbox *outbox;           /* NULL: not opened, or closed */
	struct outbox_counters counters; /* as of the last look */
	uint64_t next_subjects_ns;
	struct stored_told told;
	bool live;
	bool begun;            /* its ids are this run's own: stored_begin_ids */
	struct outbox_ids ids; /* that may be given */
};

/*
 * Live, the store goes on where it was, ids too; of captures it is begun anew. Its trouble is told
 * on standard error and is no failure of ours. 0, or -ENOMEM.
 */
int stored_open(struct stored *stored, const struct options *options);

/* Live: for whom alerts are kept until they were delivered; again when that changes. */
void stored_set_exporters(struct stored *stored, const struct config *config);
/* The settings have changed. */
void stored_reload(struct stored *stored, const struct config *config);

/*
 * Ids go on after those of the store: those that it has alerts of, when the engine knows all that
 * the run before it told (knows_all), else those that were reserved for it.
 */
void stored_begin_ids(struct stored *stored, struct engine *engine, bool knows_all);

/* Before each batch of a live run: the ids that it may give are ours alone, now and later. */
void stored_guard_ids(struct stored *stored, struct engine *engine);

/* Is every alert in the store that can be? */
bool stored_is_out(struct stored *stored);

/*
 * What is told from now on may have been stored by an earlier run, after alert number seq: that is
 * not stored twice. Until stored_forget.
 */
void stored_recall(struct stored *stored, const char *path, uint64_t seq);
void stored_forget(struct stored *stored);

/* Alerts that the snapshot of a dead control had and the store has not: after stored_recall. */
size_t stored_put_left(struct stored *stored);

/* An eve_alert_fn; its arg is the struct stored. */
void stored_alert(void *arg, const struct eve_alert *alert);

/* Wait until it is, for a moment at most: as eve_options have it; arg is the struct stored. */
void stored_await(void *arg);

/* Tell what is to be told of trouble. */
void stored_look(struct stored *stored);

/* Once a minute, by that monotonic time: sources and accounts take the place of those before. */
bool stored_wants_subjects(const struct stored *stored, uint64_t now_ns);
void stored_subjects(struct stored *stored, const struct busiest *busiest, uint64_t now_ns);

const struct outbox_counters *stored_counters(struct stored *stored);

/* The last of it; the counters stay. engine may be NULL: it never ran. 0, or -errno when alerts
 * were lost, which is told. */
int stored_close(struct stored *stored, const struct engine *engine);

#endif
