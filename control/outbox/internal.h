/* What the parts of outbox share. */
#ifndef SMTAP_CONTROL_OUTBOX_INTERNAL_H
#define SMTAP_CONTROL_OUTBOX_INTERNAL_H

#include <pthread.h>

#include "control/outbox/item.h"
#include "control/outbox/outbox.h"

enum { KIND_SOURCE, KIND_ACCOUNT, KINDS };

#define CURSORS_MAX (2 * OUTBOX_EXPORTERS_MAX) /* those in the store that are no more, too */

/*
 * How far an exporter has come. Until the store was read, what it has of it is not known: then it
 * is provisional, and goes back to what the store says.
 */
struct outbox_cursor {
	char name[OUTBOX_NAME_MAX + 1];
	uint64_t seq;
	bool wanted;      /* by the configuration */
	bool provisional; /* the store was not asked yet */
	bool changed;     /* the store has it not, or otherwise */
};

struct outbox_cursors {
	struct outbox_cursor c[CURSORS_MAX];
	unsigned n;
	bool set;        /* outbox_set_exporters was called */
	bool loaded;     /* the store was asked */
	uint64_t due_ns; /* monotonic: when they are to be written; 0: nothing changed */
	char told[OUTBOX_WHY_MAX];
};

struct outbox {
	struct outbox_options options;
	char *path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_cond_t done; /* something was written, or it failed */
	/* Under the lock. */
	struct outbox_item *first;
	struct outbox_item **end;
	struct outbox_item *writing_end; /* up to here the thread has them in hand; NULL: none */
	uint64_t bytes;
	struct outbox_item **searched;   /* no update before that link; NULL: not looked for */
	struct outbox_rows *rows[KINDS]; /* NULL: nothing new */
	struct store_last given;         /* the highest of all so far */
	struct outbox_ids ended;         /* the last of this run's */
	bool has_ended;                  /* what is after them goes back */
	struct outbox_ids wanted;        /* to be reserved */
	struct outbox_ids reserved;      /* the store has them so */
	struct outbox_counters counters;
	bool stop;
	bool slow; /* nobody waits for it */
	bool failing;
	bool news;        /* of failing, not told yet */
	uint64_t damaged; /* a reader says so of that file; 0: of none */
	uint64_t stored;  /* the number of the last alert that was written, or was there */
	uint64_t lost;    /* up to here they went with a file */
	struct outbox_cursors cursors;
	void (*on_change)(void *arg);
	void *on_change_arg;
	int error;
	char why[OUTBOX_WHY_MAX];
	/* Under a lock of its own, which is never taken under the other; the thread changes it. */
	pthread_mutex_t file_lock;
	uint64_t file; /* the number of the one at path */
	/* Of whoever puts. */
	struct outbox_item *left; /* what a dead control's snapshot had; not in the queue */
	struct store_last last;
	/* The thread's. */
	struct store *store; /* NULL: closed */
	unsigned tries;      /* that failed, one after another */
	uint64_t retire_ns;  /* monotonic: when it is due next */
};

/* The store was opened: what it has of cursors. 0, or what the store said. */
int outbox_load_cursors(struct outbox *o);

/* Write those that changed. 0, or what the store said. */
int outbox_write_cursors(struct outbox *o);

/* The thread's. Does a reader say that the file that is there makes no sense? */
bool outbox_is_damaged(struct outbox *o);

/* The thread's. A file with alerts is no more, and how that came: what went with it is counted. */
void outbox_lose_file(struct outbox *o, const char *how);

/* The thread's, with the store closed: a damaged file, with its log, out of the way, if it is ours.
 */
void outbox_put_aside(struct outbox *o);

/* The thread's: reserve what is wanted; at the end, give back what was not told. As the others. */
int outbox_write_ids(struct outbox *o);
int outbox_return_ids(struct outbox *o);

/* Under the lock: is there something to be reserved? */
bool outbox_wants_ids(const struct outbox *o);

/* Under the lock: there may be more to be had. */
void outbox_changed(struct outbox *o);

#endif
