/*
 * Theory of operation.
 *
 * Keeps: a queue of alerts that are not in the store yet, what is newest of sources and accounts,
 * and the state of the store, all under one lock; the store itself belongs to the thread alone.
 *
 * Always holds: alerts are written in the order of their numbers. One leaves the queue when its
 * transaction was committed, or when the bound is reached: then an update of a finding goes first,
 * since a later alert says all that it said, and if there is none the oldest. Each is counted.
 *
 * When the store fails it is closed, and opened again after 1, 2, 4 .. RETRY_MAX_S seconds. A file
 * of ours that SQLite calls damaged is put aside under another name, for whoever wants to rescue
 * it, and a new one begun: an attack is not the time to wait for a person. Numbers go on from
 * memory, which a new file is told at once; where the store could not be read at the start, from a
 * number that grows with the clock, so that no incident gets the id of another. A file that was
 * moved or removed while we have it open takes everything and keeps nothing: it is asked for before
 * the first write and after each.
 *
 * Limits: memory_bytes of waiting alerts. At the end, one last try.
 */
#include "control/outbox/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "control/outbox/internal.h"

#define BATCH 128       /* alerts in one transaction */
#define RETRY_MAX_S 30u /* longest pause between tries */
#define RETIRE_S 60u    /* between looks for what is too old */

static const char *const kind_names[KINDS] = {"source", "account"};

/* Under the lock. */
static void
set_failing(struct outbox *o, int error, const char *why)
{
	bool failing = error != 0;

	o->news |= failing != o->failing;
	o->failing = failing;
	o->counters.failing = failing;
	o->error = error;
	snprintf(o->why, sizeof(o->why), "%s", why);
	pthread_cond_broadcast(&o->done);
}

static void
fail(struct outbox *o, int error, const char *why)
{
	pthread_mutex_lock(&o->lock);
	o->counters.errors++;
	set_failing(o, error, why);
	pthread_mutex_unlock(&o->lock);
	store_close(o->store);
	o->store = NULL;
	o->tries++;
}

static int store_said(struct outbox *o, int r);

/* So that a new file does not begin with 1 when it is all that the next run has. */
static int
tell_given(struct outbox *o)
{
	struct store_last last;
	int r = store_last(o->store, &last);

	if (r == 0)
		r = outbox_load_cursors(o);
	pthread_mutex_lock(&o->lock);
	const struct store_last given = o->given;
	/* What another file had of this is not in that one. */
	o->reserved = (struct outbox_ids){last.reserved_incident, last.reserved_finding};
	pthread_mutex_unlock(&o->lock);
	if (r == 0 && (last.seq < given.seq || last.incident < given.incident ||
			      last.finding < given.finding))
		r = store_begin_after(o->store, &given);
	return store_said(o, r);
}

static int
open_store(struct outbox *o)
{
	char why[OUTBOX_WHY_MAX] = "";
	enum store_mode mode = o->options.anew ? STORE_ANEW : STORE_WRITE;
	int r = store_open(&o->store, o->path, mode, why, sizeof(why));

	if (r != 0)
		fail(o, r, why);
	else
		o->options.anew = false; /* what we wrote ourselves stays */
	if (r == -EUCLEAN)
		outbox_put_aside(o);
	return r ? r : tell_given(o);
}

/* What the store said of its last call. */
static int
store_said(struct outbox *o, int r)
{
	char why[OUTBOX_WHY_MAX];

	if (r == 0)
		return 0;
	snprintf(why, sizeof(why), "%s: %s", o->path, store_error(o->store));
	fail(o, r, why);
	if (r == -EUCLEAN)
		outbox_put_aside(o);
	return r;
}

/* The first of the queue, up to a batch; they stay there until they are written. */
static size_t
take(struct outbox *o, struct store_alert alerts[BATCH])
{
	struct outbox_item *item;
	size_t n = 0;

	pthread_mutex_lock(&o->lock);
	o->searched = NULL;
	for (item = o->first; item && n < BATCH; item = item->next) {
		alerts[n++] = item->alert;
		o->writing_end = item;
	}
	pthread_mutex_unlock(&o->lock);
	return n;
}

/* Under the lock: the first leaves the queue. */
static void
drop_first(struct outbox *o)
{
	struct outbox_item *item = o->first;

	o->first = item->next;
	if (!o->first)
		o->end = &o->first;
	o->bytes -= item->bytes;
	o->counters.waiting--;
	o->searched = NULL;
	free(item);
}

static void
written(struct outbox *o, size_t n, bool done)
{
	pthread_mutex_lock(&o->lock);
	o->writing_end = NULL;
	o->searched = NULL;
	for (size_t i = 0; done && i < n; i++) {
		o->stored = o->first->alert.seq;
		drop_first(o);
	}
	if (done) {
		o->counters.written += n;
		o->slow &= o->first != NULL;
		set_failing(o, 0, "");
		o->tries = 0;
	}
	pthread_mutex_unlock(&o->lock);
}

/* What was written to a file that is no longer there is kept by nobody. */
static int
look_for_file(struct outbox *o)
{
	char why[OUTBOX_WHY_MAX];

	if (!o->store || !store_is_gone(o->store))
		return 0;
	snprintf(why, sizeof(why), "%s: it was moved or removed", o->path);
	fail(o, -ENOENT, why);
	outbox_lose_file(o, "moved or removed");
	return -ENOENT;
}

static int
write_alerts(struct outbox *o)
{
	struct store_alert alerts[BATCH];
	size_t n;
	int r = 0;

	while (r == 0 && (n = take(o, alerts)) > 0) {
		r = store_said(o, store_append(o->store, alerts, n));
		if (r == 0)
			r = look_for_file(o);
		written(o, n, r == 0);
	}
	return r;
}

static int
write_subjects(struct outbox *o)
{
	int r = 0;

	for (unsigned kind = 0; kind < KINDS && r == 0; kind++) {
		pthread_mutex_lock(&o->lock);
		struct outbox_rows *rows = o->rows[kind];
		o->rows[kind] = NULL;
		pthread_mutex_unlock(&o->lock);
		if (!rows)
			continue;
		/* When it fails, the next ones come soon. */
		r = store_said(o, store_put_subjects(
					  o->store, kind_names[kind], rows->subjects, rows->count));
		outbox_rows_free(rows);
	}
	return r;
}

/* When it is to be done next depends on whether there was more than it takes out at a time. */
static int
retire(struct outbox *o)
{
	uint64_t undelivered = 0, now_ns = clock_now_ns(CLOCK_REALTIME);

	pthread_mutex_lock(&o->lock);
	const struct store_keep keep = o->options.keep;
	pthread_mutex_unlock(&o->lock);
	int r = store_retire(o->store, &keep, now_ns, &undelivered);

	o->retire_ns = clock_now_ns(CLOCK_MONOTONIC) + (r == 1 ? 1 : RETIRE_S) * NS_PER_S;
	pthread_mutex_lock(&o->lock);
	o->counters.undelivered += undelivered;
	pthread_mutex_unlock(&o->lock);
	return store_said(o, r < 0 ? r : 0);
}

static void
work(struct outbox *o, bool retires)
{
	int r = 0;

	look_for_file(o);
	if (outbox_is_damaged(o)) {
		fail(o, -EUCLEAN, "what is read from the store makes no sense");
		outbox_put_aside(o);
	}
	if (!o->store)
		r = open_store(o);
	/* Before what was delivered goes, so that it is not counted as if it were not. */
	if (r == 0 && retires)
		r = store_said(o, outbox_write_cursors(o));
	/* First: it may be what makes room on a full disk. */
	if (r == 0 && retires)
		r = retire(o);
	if (r == 0)
		r = store_said(o, outbox_write_ids(o));
	if (r == 0)
		r = write_alerts(o);
	if (r == 0)
		r = write_subjects(o);
	if (r == 0)
		r = store_said(o, outbox_write_cursors(o));
	if (r == 0)
		written(o, 0, true);
	pthread_mutex_lock(&o->lock);
	outbox_changed(o);
	pthread_mutex_unlock(&o->lock);
}

/* Under the lock: what is not to wait until it is due. */
static bool
has_work(const struct outbox *o)
{
	return !o->failing &&
	       (o->first || outbox_wants_ids(o) || o->rows[0] || o->rows[1] || o->damaged);
}

/* Wait for something to do, at most until then. True: there is. */
static bool
await(struct outbox *o, uint64_t until_ns)
{
	int r = 0;

	pthread_mutex_lock(&o->lock);
	while (!o->stop && r == 0 && !has_work(o)) {
		uint64_t due = o->failing ? 0 : o->cursors.due_ns;
		uint64_t at = due && due < until_ns ? due : until_ns;
		struct timespec when = {
			.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};

		r = pthread_cond_timedwait(&o->more, &o->lock, &when);
	}
	bool more = !o->stop;
	pthread_mutex_unlock(&o->lock);
	return more;
}

static void *
run(void *arg)
{
	struct outbox *o = arg;

	for (;;) {
		uint64_t now_ns = clock_now_ns(CLOCK_MONOTONIC), until_ns = o->retire_ns;

		if (o->tries > 0) {
			unsigned wait_s = o->tries < 6 ? 1u << (o->tries - 1) : RETRY_MAX_S;

			until_ns = now_ns + wait_s * NS_PER_S;
		}
		if (!await(o, until_ns))
			break;
		work(o, clock_now_ns(CLOCK_MONOTONIC) >= o->retire_ns);
	}
	work(o, false);
	if (o->store)
		(void)outbox_return_ids(o);
	return NULL;
}

/* The numbers before ours, and those of the ids. */
static void
read_last(struct outbox *o)
{
	bool anew = o->options.anew;
	const struct outbox_ids made = outbox_clock_ids(anew ? 0 : clock_now_ns(CLOCK_REALTIME));

	if (open_store(o) == 0 && store_said(o, store_last(o->store, &o->last)) == 0)
		o->tries = 0;
	else
		o->last = (struct store_last){
			made.incident, made.incident, made.finding, made.incident, made.finding};
	o->given = o->last;
	o->stored = o->last.seq;
	if (anew)
		return;
	o->wanted = (struct outbox_ids){o->last.reserved_incident + OUTBOX_IDS_BLOCK,
		o->last.reserved_finding + OUTBOX_IDS_BLOCK};
	if (o->store)
		(void)store_said(o, outbox_write_ids(o));
}

static int
start(struct outbox *o)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->file_lock, NULL);
	pthread_cond_init(&o->more, &attr);
	pthread_cond_init(&o->done, &attr);
	pthread_condattr_destroy(&attr);
	read_last(o);
	/* Signals are for the thread that has the signalfd. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(&o->thread, NULL, run, o);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

struct outbox *
outbox_open(const struct outbox_options *options)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->options = *options;
	o->end = &o->first;
	o->file = 1;
	o->path = strdup(options->path);
	if (!o->path || start(o) != 0) {
		store_close(o->store);
		free(o->path);
		free(o);
		return NULL;
	}
	return o;
}

void
outbox_set_limits(struct outbox *o, const struct store_keep *keep, uint64_t memory_bytes)
{
	pthread_mutex_lock(&o->lock);
	o->options.keep = *keep;
	o->options.memory_bytes = memory_bytes;
	pthread_mutex_unlock(&o->lock);
}

struct store_last
outbox_last(const struct outbox *outbox)
{
	return outbox->last;
}

static bool
is_update(const struct outbox_item *item)
{
	return item->alert.finding_state && strcmp(item->alert.finding_state, "update") == 0;
}

/* Under the lock: the link to an alert that can be spared; NULL: the thread has all in hand. */
static struct outbox_item **
find_spare(struct outbox *o)
{
	struct outbox_item **oldest = o->writing_end ? &o->writing_end->next : &o->first;

	if (!o->searched)
		o->searched = oldest;
	for (; *o->searched; o->searched = &(*o->searched)->next)
		if (is_update(*o->searched))
			return o->searched;
	return *oldest ? oldest : NULL;
}

/* Under the lock: room for so many bytes. */
static bool
make_room(struct outbox *o, uint64_t bytes)
{
	while (o->bytes + bytes > o->options.memory_bytes) {
		struct outbox_item **spare = find_spare(o);

		if (!spare)
			return false;
		struct outbox_item *item = *spare;
		*spare = item->next;
		if (o->end == &item->next)
			o->end = spare;
		if (o->searched == &item->next)
			o->searched = spare;
		o->bytes -= item->bytes;
		o->counters.waiting--;
		o->counters.dropped++;
		free(item);
	}
	return true;
}

void
outbox_put(struct outbox *o, const struct store_alert *alert)
{
	struct outbox_item *item = outbox_item_copy(alert);

	pthread_mutex_lock(&o->lock);
	if (!item || !make_room(o, item->bytes)) {
		o->counters.dropped++;
		pthread_mutex_unlock(&o->lock);
		free(item);
		return;
	}
	item->alert.seq = ++o->given.seq;
	if (item->alert.incident > o->given.incident)
		o->given.incident = item->alert.incident;
	if (item->alert.finding > o->given.finding)
		o->given.finding = item->alert.finding;
	item->alert.told_ns = clock_now_ns(CLOCK_REALTIME);
	*o->end = item;
	o->end = &item->next;
	o->bytes += item->bytes;
	o->counters.waiting++;
	pthread_cond_signal(&o->more);
	if (o->failing)
		outbox_changed(o); /* else when it was written */
	pthread_mutex_unlock(&o->lock);
}

void
outbox_put_subjects(
	struct outbox *o, const char *kind, const struct store_subject *subjects, size_t n)
{
	struct outbox_rows *rows = outbox_rows_copy(subjects, n), *old;
	unsigned which = strcmp(kind, kind_names[KIND_ACCOUNT]) == 0 ? KIND_ACCOUNT : KIND_SOURCE;

	if (!rows)
		return;
	pthread_mutex_lock(&o->lock);
	old = o->rows[which];
	o->rows[which] = rows;
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
	outbox_rows_free(old);
}

bool
outbox_trouble(struct outbox *o, char why[OUTBOX_WHY_MAX])
{
	pthread_mutex_lock(&o->lock);
	bool news = o->news;
	if (news && o->failing)
		snprintf(why, OUTBOX_WHY_MAX, "%.400s; alerts are kept in memory and tried again",
			o->why);
	else if (news)
		snprintf(why, OUTBOX_WHY_MAX, "%.400s: works again", o->path);
	o->news = false;
	pthread_mutex_unlock(&o->lock);
	return news;
}

void
outbox_counters(struct outbox *o, struct outbox_counters *out)
{
	pthread_mutex_lock(&o->lock);
	*out = o->counters;
	pthread_mutex_unlock(&o->lock);
}

int
outbox_close(struct outbox *o, struct outbox_counters *counters)
{
	int r = 0;

	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	*counters = o->counters;
	if (o->counters.waiting > 0 || o->counters.dropped > 0)
		r = o->error ? o->error : -ENOBUFS;
	while (o->first)
		drop_first(o);
	outbox_put_left(o, NULL, NULL);
	for (unsigned kind = 0; kind < KINDS; kind++)
		outbox_rows_free(o->rows[kind]);
	store_close(o->store);
	pthread_cond_destroy(&o->more);
	pthread_cond_destroy(&o->done);
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->file_lock);
	free(o->path);
	free(o);
	return r;
}
