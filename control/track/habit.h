/*
 * habit: how much somebody does each day, for weeks: what the windows and the
 * ten-minute bins forget. A newsletter goes out on Tuesdays; an office sends on
 * working days. Of fixed capacity; the theory is at the head of habit.c.
 */
#ifndef SMTAP_CONTROL_TRACK_HABIT_H
#define SMTAP_CONTROL_TRACK_HABIT_H

#include <stdbool.h>
#include <stdint.h>

#include "control/aggr/table.h"

#define HABIT_DAYS 8u /* days on which it did something; the last ones */

struct habit {
	uint32_t day[HABIT_DAYS]; /* since the epoch; 0: none */
	uint32_t count[HABIT_DAYS];
};

struct habits {
	struct table table;
	struct habit *habits; /* owned */
};

/* What the past says of a day that came as far as this one has. */
struct habit_past {
	uint32_t today;
	unsigned days; /* earlier ones on which it did at least half as much */
	bool old;      /* one of them six days to five weeks ago */
};

/* 0 or -ENOMEM. */
int habits_open(struct habits *h);
void habits_close(struct habits *h);

/*
 * One more by who has this hash. much: from half as much a day on it is worth
 * remembering when others are not.
 */
struct habit_past habit_add(struct habits *h, uint64_t hash, uint64_t clock_ns, uint64_t much);

/* How much today; 0 when it is not known. */
uint32_t habit_today(const struct habits *h, uint64_t hash, uint64_t clock_ns);

#endif
