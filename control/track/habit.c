/*
 * Theory of operation.
 *
 * For each habit, the days on which it did something and how much. A day that
 * did not reach twice what an earlier one did is like it. Days are those of
 * UTC: what goes on over midnight is halved now and whole then, which the
 * factor of two covers.
 *
 * Unlike the bins of usual.c, days under a finding count: what was told and
 * left as it is for a week is how it is here. That is the price: who is not
 * stopped within six days is not told of again while he goes on in the same
 * way. The detectors make the way narrow (account, network and sender's domain
 * together), and every other way counts in full.
 *
 * Full: those with little go first, then the one least lately used. An attacker
 * who wants a habit forgotten, and so told of, needs thousands of accounts that
 * each send much.
 */
#include "control/track/habit.h"

#include <errno.h>

#include "base/duration.h"
#include "control/aggr/memory.h"

#define HABITS 16384u
#define DAY_NS (24 * NS_PER_H)
#define OLD_DAYS 6u
#define FORGOTTEN_DAYS 35u
#define FACTOR 2u

int
habits_open(struct habits *h)
{
	h->habits = memory_take(HABITS * sizeof(*h->habits));
	return h->habits != NULL ? table_open(&h->table, HABITS) : -ENOMEM;
}

void
habits_close(struct habits *h)
{
	table_close(&h->table);
	memory_give(h->habits, HABITS * sizeof(*h->habits));
}

/* The place of this day; of a new one, that of the earliest. */
static unsigned
place_of(struct habit *habit, uint32_t today)
{
	unsigned earliest = 0;

	for (unsigned n = 0; n < HABIT_DAYS; n++) {
		if (habit->day[n] == today)
			return n;
		if (habit->day[n] < habit->day[earliest])
			earliest = n;
	}
	habit->day[earliest] = today;
	habit->count[earliest] = 0;
	return earliest;
}

struct habit_past
habit_add(struct habits *h, uint64_t hash, uint64_t clock_ns, uint64_t much)
{
	uint32_t today = (uint32_t)(clock_ns / DAY_NS);
	uint32_t index = table_find(&h->table, hash);
	struct habit_past past = {0};
	uint32_t most = 0;
	struct habit *habit;
	bool evicted;
	unsigned place;

	if (index == TABLE_NONE) {
		index = table_insert(&h->table, hash, TABLE_IDLE, &evicted);
		if (index == TABLE_NONE)
			return past;
		h->habits[index] = (struct habit){.day = {0}};
	}
	habit = &h->habits[index];
	place = place_of(habit, today);
	if (habit->count[place] < UINT32_MAX)
		habit->count[place]++;
	past.today = habit->count[place];
	for (unsigned n = 0; n < HABIT_DAYS; n++) {
		uint32_t ago = today - habit->day[n];

		if (habit->count[n] > most)
			most = habit->count[n];
		if (n == place || ago > FORGOTTEN_DAYS ||
			past.today > (uint64_t)habit->count[n] * FACTOR)
			continue;
		past.days++;
		past.old |= ago >= OLD_DAYS;
	}
	table_touch(&h->table, index, (uint64_t)most * FACTOR >= much ? TABLE_HIGH : TABLE_IDLE);
	return past;
}

uint32_t
habit_today(const struct habits *h, uint64_t hash, uint64_t clock_ns)
{
	uint32_t today = (uint32_t)(clock_ns / DAY_NS);
	uint32_t index = table_find(&h->table, hash);

	for (unsigned n = 0; index != TABLE_NONE && n < HABIT_DAYS; n++)
		if (h->habits[index].day[n] == today)
			return h->habits[index].count[n];
	return 0;
}
