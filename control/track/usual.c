/*
 * Theory of operation.
 *
 * An exponentially weighted mean and variance: weight 1/n until a day of bins
 * was seen, 1/144 from then on. Empty bins of ten minutes count; bins of
 * attempts are never empty, so what they say does not depend on the hour or
 * the day of the week. Whoever keeps the tracker says whether a bin may teach:
 * one that ends during a finding may not. None teaches more than four times
 * the usual plus ten, so an attack does not become the rule by lasting.
 */
#include "control/track/usual.h"

#include <math.h>

#define LEARN_MAX_FACTOR 4.0f
#define LEARN_MAX_EXTRA 10.0f
#define EMPTY_BINS_MAX (7 * TRACK_BINS_DAY) /* a longer absence teaches no more */

static void
learn(struct track_usual *u, float count)
{
	float most = LEARN_MAX_FACTOR * u->mean + LEARN_MAX_EXTRA;
	float weight, off;

	if (u->learned < UINT16_MAX)
		u->learned++;
	weight = 1.0f / (float)(u->learned < TRACK_BINS_DAY ? u->learned : TRACK_BINS_DAY);
	if (count > most)
		count = most;
	off = count - u->mean;
	u->mean += weight * off;
	u->variance = (1.0f - weight) * (u->variance + weight * off * off);
}

void
usual_advance_to(struct track_usual *u, uint32_t bin, bool teach)
{
	uint32_t empty;

	if (u->bin == 0)
		u->bin = bin;
	if (bin <= u->bin)
		return;
	if (teach)
		learn(u, (float)u->count);
	empty = bin - u->bin - 1;
	for (uint32_t n = 0; teach && n < empty && n < EMPTY_BINS_MAX; n++)
		learn(u, 0);
	u->bin = bin;
	u->count = 0;
}

bool
usual_fill(struct track_usual *u, uint64_t clock_ns, uint32_t per)
{
	/* Hours in 16 bits come round after seven years; the day is over long before. */
	uint16_t now_h = (uint16_t)(clock_ns / NS_PER_H % (UINT16_MAX - 1) + 1);

	if (u->since_h == 0)
		u->since_h = now_h;
	if (u->since_h != USUAL_DAY && (uint16_t)(now_h - u->since_h) >= 24)
		u->since_h = USUAL_DAY;
	return ++u->bin >= per;
}

float
usual_close(struct track_usual *u, bool teach)
{
	float over = (float)u->count - u->mean;

	if (teach)
		learn(u, (float)u->count);
	u->bin = 0;
	u->count = 0;
	return over;
}

float
usual_deviation(const struct track_usual *u)
{
	float variance = u->variance;

	if (variance < u->mean)
		variance = u->mean;
	return variance > 1.0f ? sqrtf(variance) : 1.0f;
}

bool
usual_is(const struct track_usual *u, uint32_t warm_bins)
{
	return u->learned >= warm_bins && (float)u->count <= LEARN_MAX_FACTOR * u->mean;
}
