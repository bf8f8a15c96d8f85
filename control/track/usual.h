/*
 * What is usual for a subject: a weighted mean and variance of the bad things
 * in its bins. The bins are ten minutes each, or a number of attempts each. The
 * theory is at the head of usual.c.
 */
#ifndef SMTAP_CONTROL_TRACK_USUAL_H
#define SMTAP_CONTROL_TRACK_USUAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/duration.h"

#define TRACK_BIN_NS (10 * NS_PER_MIN)
#define TRACK_BINS_DAY 144u

struct track_usual {
	float mean;
	float variance;
	uint32_t bin;     /* the present one's number; or how many attempts are in it */
	uint32_t count;   /* bad things in it */
	uint16_t learned; /* bins; saturates */
	uint16_t since_h; /* of bins by attempts: when it began; 0: not yet; USUAL_DAY */
};

#define USUAL_DAY UINT16_MAX /* more than a day ago */

static inline uint32_t
usual_bin(uint64_t clock_ns)
{
	return (uint32_t)(clock_ns / TRACK_BIN_NS);
}

/* Bins of ten minutes: whatever ended before this one is learned, if teach says so. */
void usual_advance_to(struct track_usual *u, uint32_t bin, bool teach);

static inline void
usual_advance(struct track_usual *u, uint32_t bin, bool teach)
{
	if (u->bin != bin)
		usual_advance_to(u, bin, teach);
}

/* One more attempt: is the bin of `per` attempts full? Then usual_close it. */
bool usual_fill(struct track_usual *u, uint64_t clock_ns, uint32_t per);

/*
 * The bin is over. Returns by how much its count was above the mean that was
 * learned before (or below: negative).
 */
float usual_close(struct track_usual *u, bool teach);

/* Standard deviation of a bin; at least that of as many independent things, and 1. */
float usual_deviation(const struct track_usual *u);

/* Is the present bin within four times the mean, as learned over at least warm_bins? */
bool usual_is(const struct track_usual *u, uint32_t warm_bins);

#endif
