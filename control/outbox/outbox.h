/*
 * outbox: the way of alerts into the store. Detection never waits for a disk: alerts are queued in
 * memory, and a thread writes them. What the store cannot take stays there, up to a bound, and is
 * tried again; the theory is in outbox.c.
 */
#ifndef SMTAP_CONTROL_OUTBOX_OUTBOX_H
#define SMTAP_CONTROL_OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* X(field, "name", COUNTER or GAUGE, "unit", "help"): outbox's own counters. */
#define OUTBOX_COUNTERS(X)                                                                       \
	X(written, "store_alerts", COUNTER, "alerts", "Alerts written to the store")             \
	X(waiting, "store_waiting", GAUGE, "alerts", "Alerts in memory, still to be written")    \
	X(dropped, "store_dropped", COUNTER, "alerts",                                           \
		"Alerts that no memory was left for while the store failed")                     \
	X(errors, "store_errors", COUNTER, "writes",                                             \
		"Writes that failed; what they held is tried again")                             \
	X(failing, "store_failing", GAUGE, "boolean", "1 while the store cannot be written")     \
	X(damaged, "store_damaged", COUNTER, "files",                                            \
		"Damaged files that were put aside for a new one")                               \
	X(undelivered, "store_undelivered", COUNTER, "alerts",                                   \
		"Alerts that went for age or size, or with a damaged or lost file, before each " \
		"exporter had delivered them")

struct outbox_counters {
#define X(field, name, kind, unit, help) uint64_t field;
	OUTBOX_COUNTERS(X)
#undef X
};

struct outbox;

struct outbox_options {
	const char *path;
	struct store_keep keep;
	uint64_t memory_bytes; /* of alerts that wait; about */
	bool anew;             /* of captures: what was there goes, and ids are from 1 */
};

/*
 * Opens the store, and begins with the numbers after those in it. A store that cannot be opened is
 * no failure: outbox_trouble tells, and it is tried again. NULL: out of memory.
 */
struct outbox *outbox_open(const struct outbox_options *options);

/* From now on. */
void outbox_set_limits(struct outbox *outbox, const struct store_keep *keep, uint64_t memory_bytes);

/* The highest ids that were given before this run; to be called before the first outbox_put. */
struct store_last outbox_last(const struct outbox *outbox);

/*
 * Is every alert so far in the store, or will be tried for long because it fails? *seq: the number
 * of the last one.
 */
bool outbox_is_out(struct outbox *outbox, uint64_t *seq);

/* One more alert; its number and the time it is told are filled in here. Never waits for a disk. */
void outbox_put(struct outbox *outbox, const struct store_alert *alert);

/* These take the place of the store's sources or accounts, unless newer ones come first. */
void outbox_put_subjects(
	struct outbox *outbox, const char *kind, const struct store_subject *subjects, size_t n);

/*
 * Exporters: who delivers alerts, and how far each has come. That is kept in the store, soon after
 * it was said; so after a crash a few may come again, and none is left out.
 */
#define OUTBOX_EXPORTERS_MAX 32
#define OUTBOX_NAME_MAX 32

struct outbox_exporter {
	const char *name;
	bool from_start; /* when it is new: from the oldest alert; else from the next */
};

/* These, and no others: what others had not delivered is no longer kept for them. */
void outbox_set_exporters(struct outbox *outbox, const struct outbox_exporter *exporters, size_t n);

/* All up to *seq are done with. False: there is no such exporter. */
bool outbox_cursor(struct outbox *outbox, const char *exporter, uint64_t *seq);

/* 0; -ENOENT; -ERANGE: no alert of that number was told. Going back is ignored. */
int outbox_delivered(struct outbox *outbox, const char *exporter, uint64_t seq);

/* What is in memory because the store fails; as long as it works, nothing is but for a moment. */
struct outbox_view {
	uint64_t stored; /* the store has what it has up to here; what is after it is in memory */
	uint64_t given;  /* the number of the last alert */
	uint64_t count;  /* alerts in memory after the number asked for */
};

/* Calls fn for those after that number, in order, at most max, under the lock: it must be quick. */
struct outbox_view outbox_look(
	struct outbox *outbox, uint64_t after, size_t max, store_alert_fn *fn, void *arg);

/* Called when there may be more to be had, under the lock, by any thread; NULL: nothing is. */
void outbox_on_change(struct outbox *outbox, void (*fn)(void *arg), void *arg);

/*
 * Between these two no file is put aside, so that a reader which opens the store then has a whole
 * one, with its log; the number of that file. Whoever found it damaged says so with that number: it
 * is put aside for a new one, unless another is there by now.
 */
uint64_t outbox_hold_file(struct outbox *outbox);
void outbox_release_file(struct outbox *outbox);
void outbox_damaged(struct outbox *outbox, uint64_t file);

#define OUTBOX_WHY_MAX 512

/* What is to be told since the last call of exporters that are no more and of files that were lost,
   a line. False: nothing. */
bool outbox_news(struct outbox *outbox, char why[OUTBOX_WHY_MAX]);

/*
 * What is to be told since the last call, in one line: that the store fails, or that it works
 * again. False: nothing new.
 */
bool outbox_trouble(struct outbox *outbox, char why[OUTBOX_WHY_MAX]);

void outbox_counters(struct outbox *outbox, struct outbox_counters *out);

/*
 * Writes what waits, and ends. 0; or, when alerts were lost, -errno of the store, -ENOBUFS if it
 * works by now. The counters as they are then go to *counters.
 */
int outbox_close(struct outbox *outbox, struct outbox_counters *counters);

#endif
