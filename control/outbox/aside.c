/*
 * A store's file that is no longer ours to write: damaged, and put aside for whoever wants to
 * rescue it, or moved by somebody else.
 *
 * A reader of alerts has a connection of its own, and may be the one that meets the damage. What it
 * says is about the file that it opened: by the time it says so another may be there, with alerts
 * that nobody has read yet. So files are counted, and a reader opens one under a lock that keeps it
 * from being put aside meanwhile: it has the log that belongs to it, and its number.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "control/outbox/internal.h"

uint64_t
outbox_hold_file(struct outbox *o)
{
	pthread_mutex_lock(&o->file_lock);
	return o->file;
}

void
outbox_release_file(struct outbox *o)
{
	pthread_mutex_unlock(&o->file_lock);
}

void
outbox_damaged(struct outbox *o, uint64_t file)
{
	pthread_mutex_lock(&o->file_lock);
	bool same = file == o->file;
	pthread_mutex_unlock(&o->file_lock);
	pthread_mutex_lock(&o->lock);
	if (same) {
		o->damaged = file;
		pthread_cond_signal(&o->more);
	}
	pthread_mutex_unlock(&o->lock);
}

bool
outbox_is_damaged(struct outbox *o)
{
	/* Only this thread counts files. */
	uint64_t file = o->file;

	pthread_mutex_lock(&o->lock);
	bool damaged = o->damaged == file && o->store;
	o->damaged = 0;
	pthread_mutex_unlock(&o->lock);
	return damaged;
}

/* Under the lock: of what was in the file, what some exporter had not delivered. */
static uint64_t
count_undelivered(struct outbox *o)
{
	const struct outbox_cursors *all = &o->cursors;
	uint64_t last = o->stored;

	for (unsigned i = 0; i < all->n; i++)
		if (all->c[i].wanted && all->c[i].seq < last)
			last = all->c[i].seq;
	if (last < o->lost)
		last = o->lost; /* went with another file before */
	o->lost = o->stored;
	return o->stored - last;
}

void
outbox_lose_file(struct outbox *o, const char *how)
{
	char *told = o->cursors.told;

	pthread_mutex_lock(&o->lock);
	uint64_t n = count_undelivered(o);
	size_t len = strlen(told);
	o->counters.undelivered += n;
	if (o->cursors.loaded)
		snprintf(told + len, OUTBOX_WHY_MAX - len,
			"%s%.200s: it was %s, and %llu alert%s that exporters had still to deliver "
			"went with it",
			len ? "; " : "", o->path, how, (unsigned long long)n, text_s(n));
	else
		snprintf(told + len, OUTBOX_WHY_MAX - len,
			"%s%.200s: it was %s; how many of its alerts exporters had still to "
			"deliver is not known",
			len ? "; " : "", o->path, how);
	pthread_mutex_unlock(&o->lock);
}

/* The file with its log. */
static bool
move_files(struct outbox *o)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct timespec now;
	char from[4096], to[4096];

	clock_gettime(CLOCK_REALTIME, &now);
	/* One that was damaged in the same second stays, too. */
	for (unsigned long long name = (unsigned long long)now.tv_sec;; name++) {
		snprintf(to, sizeof(to), "%s.damaged-%llu", o->path, name);
		if (access(to, F_OK) == 0)
			continue;
		for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			snprintf(from, sizeof(from), "%s%s", o->path, ends[i]);
			snprintf(to, sizeof(to), "%s.damaged-%llu%s", o->path, name, ends[i]);
			if (rename(from, to) != 0 && i == 0)
				return false;
		}
		return true;
	}
}

void
outbox_put_aside(struct outbox *o)
{
	bool moved;

	if (!store_file_is_ours(o->path))
		return;
	pthread_mutex_lock(&o->file_lock);
	moved = move_files(o);
	o->file += moved;
	pthread_mutex_unlock(&o->file_lock);
	if (!moved)
		return;
	pthread_mutex_lock(&o->lock);
	o->counters.damaged++;
	pthread_mutex_unlock(&o->lock);
	outbox_lose_file(o, "damaged and is put aside");
}
