/*
 * Theory of operation.
 *
 * Bucket number N of a span stands at N modulo the span's buckets. head is the
 * newest number; the ring holds head - buckets + 1 .. head; sum is what the
 * ring holds, always. A distinct count is kept by moving: what was last seen
 * in bucket A and is seen now in B is taken from A and put into B, so the sum
 * is the number of distinct things seen within the span, without a set. The
 * mover remembers when the thing was last seen; if that is out of the ring,
 * nothing is taken away. A count whose bucket was cleared or saturated is not
 * taken below zero.
 */
#include "control/aggr/window.h"

#include <string.h>

static const uint8_t span_first[WINDOW_SPANS] = {
	0,
	WINDOW_10MIN_BUCKETS,
	WINDOW_10MIN_BUCKETS + WINDOW_HOUR_BUCKETS,
};
static const uint8_t span_buckets[WINDOW_SPANS] = {
	WINDOW_10MIN_BUCKETS,
	WINDOW_HOUR_BUCKETS,
	WINDOW_DAY_BUCKETS,
};

static uint16_t *
bucket_at(struct window *w, unsigned span, uint32_t number)
{
	return w->bucket[span_first[span] + number % span_buckets[span]];
}

static void
span_advance(struct window *w, unsigned span, uint32_t number)
{
	uint32_t steps = number - w->head.number[span];

	if (steps >= span_buckets[span]) {
		memset(w->bucket[span_first[span]], 0, span_buckets[span] * sizeof(w->bucket[0]));
		memset(w->sum[span], 0, sizeof(w->sum[span]));
		w->head.number[span] = number;
		return;
	}
	while (w->head.number[span] != number) {
		uint16_t *bucket = bucket_at(w, span, ++w->head.number[span]);

		for (unsigned field = 0; field < WINDOW_FIELDS; field++) {
			w->sum[span][field] -= bucket[field];
			bucket[field] = 0;
		}
	}
}

void
window_advance(struct window *w, const struct window_time *now)
{
	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		if (now->number[span] > w->head.number[span])
			span_advance(w, span, now->number[span]);
}

void
window_add(struct window *w, enum window_field field)
{
	for (unsigned span = 0; span < WINDOW_SPANS; span++) {
		uint16_t *bucket = bucket_at(w, span, w->head.number[span]);

		if (bucket[field] == UINT16_MAX)
			continue;
		bucket[field]++;
		w->sum[span][field]++;
	}
}

static void
span_remove(struct window *w, unsigned span, uint32_t number, enum window_field field, uint32_t n)
{
	while (n > 0 && w->head.number[span] - number < span_buckets[span]) {
		uint16_t *bucket = bucket_at(w, span, number);
		uint32_t taken = n < bucket[field] ? n : bucket[field];

		bucket[field] -= (uint16_t)taken;
		w->sum[span][field] -= taken;
		n -= taken;
		if (number-- == 0)
			break;
	}
}

void
window_remove(struct window *w, const struct window_time *when, enum window_field field, uint32_t n)
{
	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		span_remove(w, span, when->number[span], field, n);
}

void
window_move(struct window *w, const struct window_time *when, enum window_field field)
{
	for (unsigned span = 0; span < WINDOW_SPANS; span++) {
		uint16_t *bucket = bucket_at(w, span, when->number[span]);

		if (w->head.number[span] - when->number[span] >= span_buckets[span])
			continue;
		if (bucket[field] == 0)
			continue;
		bucket[field]--;
		w->sum[span][field]--;
	}
	window_add(w, field);
}

void
window_clear(struct window *w)
{
	struct window_time head = w->head;

	memset(w, 0, sizeof(*w));
	w->head = head;
}
