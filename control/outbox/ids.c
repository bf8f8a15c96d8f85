/*
 * Ids that this run may tell.
 *
 * An id is told before the store has the alert that it came with, and while the store fails long
 * before. Who comes after a run that was killed knows the store alone: so ids are reserved there, a
 * block ahead of those that are given, and the next run begins after the block. A run that ends
 * well gives back what it did not use; one that never began ids of its own has nothing to give:
 * what is reserved may be another's, who lives, or who was killed.
 *
 * While nothing can be reserved (disk full, read-only) what was reserved is used up, and then ids
 * are made of the clock: 2^20 for each second, which no other run makes unless the clock was put
 * back meanwhile.
 */
#include <time.h>

#include "base/duration.h"
#include "control/outbox/internal.h"

#define CLOCK_SHIFT 20

struct outbox_ids
outbox_clock_ids(uint64_t wall_ns)
{
	uint64_t id = wall_ns / NS_PER_S << CLOCK_SHIFT;

	return (struct outbox_ids){.incident = id, .finding = id};
}

static bool
covers(const struct outbox_ids *have, const struct outbox_ids *want)
{
	return have->incident >= want->incident && have->finding >= want->finding;
}

int
outbox_write_ids(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	const struct outbox_ids want = o->wanted, have = o->reserved;
	pthread_mutex_unlock(&o->lock);
	if (covers(&have, &want))
		return 0;
	int r = store_reserve(o->store, want.incident, want.finding);
	if (r != 0)
		return r;
	pthread_mutex_lock(&o->lock);
	o->reserved = want;
	pthread_cond_broadcast(&o->done);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

int
outbox_return_ids(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	struct outbox_ids ids = o->ended;
	bool all = o->has_ended && o->wanted.incident > 0 && !o->first && !o->failing &&
		   o->counters.dropped == 0;
	if (ids.incident < o->given.incident)
		ids.incident = o->given.incident;
	if (ids.finding < o->given.finding)
		ids.finding = o->given.finding;
	pthread_mutex_unlock(&o->lock);
	return all ? store_unreserve(o->store, ids.incident, ids.finding) : 0;
}

void
outbox_end_ids(struct outbox *o, struct outbox_ids last)
{
	pthread_mutex_lock(&o->lock);
	o->ended = last;
	o->has_ended = true;
	pthread_mutex_unlock(&o->lock);
}

struct outbox_ids
outbox_reserve(struct outbox *o, struct outbox_ids want)
{
	pthread_mutex_lock(&o->lock);
	if (o->wanted.incident < want.incident)
		o->wanted.incident = want.incident;
	if (o->wanted.finding < want.finding)
		o->wanted.finding = want.finding;
	pthread_cond_signal(&o->more);
	struct outbox_ids have = o->reserved;
	pthread_mutex_unlock(&o->lock);
	return have;
}

bool
outbox_wants_ids(const struct outbox *o)
{
	return !covers(&o->reserved, &o->wanted);
}

/* Under the lock. */
static bool
is_out(const struct outbox *o)
{
	return (!o->first && !outbox_wants_ids(o)) || o->failing || o->slow;
}

bool
outbox_is_out(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	bool out = is_out(o);
	pthread_mutex_unlock(&o->lock);
	return out;
}

void
outbox_await(struct outbox *o)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += OUTBOX_WAIT_MS * NS_PER_MS;
	if (until.tv_nsec >= (long)NS_PER_S) {
		until.tv_nsec -= NS_PER_S;
		until.tv_sec++;
	}
	pthread_mutex_lock(&o->lock);
	while (!is_out(o) && r == 0)
		r = pthread_cond_timedwait(&o->done, &o->lock, &until);
	if (!is_out(o)) {
		o->slow = true;
		o->counters.slow++;
	}
	pthread_mutex_unlock(&o->lock);
}
