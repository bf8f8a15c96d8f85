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

#include "base/image.h"
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
	X(slow, "store_slow", COUNTER, "waits",                                                  \
		"Times that a write took so long that alerts went out before it was done")       \
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

/*
 * The highest ids that the store knows of from before this run, and those that were reserved, for
 * whom it may not know all; to be called before the first outbox_put.
 */
struct store_last outbox_last(const struct outbox *outbox);

/*
 * Ids up to these may be told: the next run begins after them, whatever becomes of this one. A
 * block after the last is reserved when the store is opened.
 */
#define OUTBOX_IDS_BLOCK 4096u

struct outbox_ids {
	uint64_t incident;
	uint64_t finding;
};

/* This run gives no ids after these, told as alerts or not: those go back when it is closed.
   Nothing goes back from a run that does not say so. */
void outbox_end_ids(struct outbox *outbox, struct outbox_ids last);

/* Have these reserved, soon. What is so by now. */
struct outbox_ids outbox_reserve(struct outbox *outbox, struct outbox_ids want);

/* Ids that no other run has or will have, for when nothing can be reserved: made of the clock. */
struct outbox_ids outbox_clock_ids(uint64_t wall_ns);

#define OUTBOX_WAIT_MS 1000

/*
 * Is every alert so far in the store, and every id that was asked for reserved? True as well while
 * that is not worth waiting for: the store fails, or took longer than OUTBOX_WAIT_MS and has not
 * caught up since.
 */
bool outbox_is_out(struct outbox *outbox);

/* Waits until it is, OUTBOX_WAIT_MS at most. */
void outbox_await(struct outbox *outbox);

/* One more alert; its number and the time it is told are filled in here. Never waits for a disk. */
void outbox_put(struct outbox *outbox, const struct store_alert *alert);

/*
 * Snapshots. Between freeze and thaw a fork has the outbox whole: the number of the last alert that
 * is stored; what was put after that waits. Its child saves that, and who loads it, before the
 * first put, puts again what was not stored meanwhile: how many those were. skip NULL: none.
 */
uint64_t outbox_freeze(struct outbox *outbox);
void outbox_thaw(struct outbox *outbox);
void outbox_image(struct outbox *outbox, struct image *image);
typedef bool outbox_skip_fn(void *arg, const struct store_alert *alert);
size_t outbox_put_left(struct outbox *outbox, outbox_skip_fn *skip, void *arg);

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
