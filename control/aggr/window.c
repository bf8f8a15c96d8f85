/*
 * Theory of operation.
 *
 * Bucket number N of a span stands at N modulo the span's buckets. newest is
 * the newest number; the ring holds newest - buckets + 1 .. newest. A distinct
 * count is kept by moving: what was last seen in bucket A and is seen now in B
 * is taken from A and put into B, so the sum is the number of distinct things
 * seen within the span, without a set. The mover remembers when the thing was
 * last seen; if that is out of the ring, nothing is taken away. A count whose
 * bucket was cleared or saturated is not taken below zero.
 *
 * Nearly all windows count a few things, so a bucket is a byte. The first that
 * would pass 255 moves the whole window to a block of 16-bit buckets. Where
 * the pool has none left, the bucket stays at 255, as it stays at 65,535 in a
 * wide one: what is counted is then "at least". No default threshold takes as
 * many in a bucket, so whoever empties the pool hides nothing by it.
 */
#include "control/aggr/window.h"

#include <stdbool.h>

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

_Static_assert(WINDOW_DAY_BUCKETS == 6 && WINDOW_HOUR_BUCKETS == 6 && WINDOW_10MIN_BUCKETS == 5,
	"the masks of window_rows_sum");
_Static_assert(WINDOW_KNOWN == 0 && WINDOW_OTHER == 3 && 4 * 3 * 2 * 255 <= UINT16_MAX,
	"window_guesses adds four rows in 16 bits");
_Static_assert(WINDOW_WIDE_BYTES % 16 == 0, "a block");
_Static_assert(WINDOW_BUCKETS == 17, "a row is sixteen bytes and one");

/* Where a span's bucket of this number stands in its ring; by constants, which need no division. */
static unsigned
ring_place(unsigned span, uint32_t number)
{
	return span == WINDOW_10MIN  ? number % WINDOW_10MIN_BUCKETS
	       : span == WINDOW_HOUR ? number % WINDOW_HOUR_BUCKETS
				     : number % WINDOW_DAY_BUCKETS;
}

/* In a row. */
static unsigned
place(unsigned span, uint32_t number)
{
	return span_first[span] + ring_place(span, number);
}

static unsigned
newest_place(const struct window_head *head, unsigned span)
{
	return span_first[span] + head->at[span];
}

uint32_t
window_wide_sum(const struct window_head *head, enum window_span span, unsigned field)
{
	const uint16_t *bucket = &head->wide[field][span_first[span]];
	uint32_t sum = 0;

	for (unsigned i = 0; i < span_buckets[span]; i++)
		sum += bucket[i];
	return sum;
}

uint32_t
window_wide_guesses(const struct window_head *head, enum window_span span)
{
	uint32_t sum = 0;

	for (unsigned field = WINDOW_KNOWN; field <= WINDOW_OTHER; field++)
		sum += window_wide_sum(head, span, (enum window_field)field);
	return sum;
}

/* What is still in the rings, a byte for each bucket of a row: 0xff, or 0 for what goes. */
struct kept {
	_Alignas(8) uint8_t of[24]; /* WINDOW_BUCKETS of them */
};

static void
clear_wide(const struct window_at *w, const struct kept *kept)
{
	for (unsigned field = 0; field < w->fields; field++)
		for (unsigned i = 0; i < WINDOW_BUCKETS; i++)
			if (kept->of[i] == 0)
				w->head->wide[field][i] = 0;
}

/* All of a row but its last byte, in one register where there are such. */
typedef uint8_t most_of_row __attribute__((vector_size(WINDOW_BUCKETS - 1)));

static void
clear_rows(const struct window_at *w, const struct kept *kept)
{
	const uint8_t last = kept->of[WINDOW_BUCKETS - 1];
	most_of_row keep, x;

	memcpy(&keep, kept->of, sizeof(keep));
	for (unsigned field = 0; field < w->fields; field++) {
		uint8_t *row = w->row[field];

		memcpy(&x, row, sizeof(x));
		x &= keep;
		memcpy(row, &x, sizeof(x));
		row[WINDOW_BUCKETS - 1] &= last;
	}
}

/* A span's clock goes on; what falls out of its ring is no longer kept. */
static void
span_let_go(struct window_head *head, unsigned span, uint32_t newest, uint32_t number,
	struct kept *kept)
{
	unsigned buckets = span_buckets[span];
	unsigned at = head->at[span];

	if (number - newest >= buckets) {
		/* All, and no loop, which would be a call of memset. */
		memset(kept->of + span_first[span], 0, WINDOW_10MIN_BUCKETS);
		kept->of[span_first[span] + buckets - 1] = 0;
		at = ring_place(span, number);
	} else {
		for (uint32_t n = newest; n != number; n++) {
			at = at + 1 < buckets ? at + 1 : 0;
			kept->of[span_first[span] + at] = 0;
		}
	}
	head->at[span] = (uint8_t)at;
}

void
window_let_go(const struct window_at *w, const struct window_time *now)
{
	const struct window_time newest = window_time_of(w->head->newest);
	struct kept kept;

	if (now->number[WINDOW_10MIN] < w->head->newest)
		return;
	memset(kept.of, 0xff, sizeof(kept.of));
	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		span_let_go(w->head, span, newest.number[span], now->number[span], &kept);
	w->head->newest = now->number[WINDOW_10MIN];
	if (w->head->wide != NULL)
		clear_wide(w, &kept);
	else
		clear_rows(w, &kept);
}

static void
widen(const struct window_at *w)
{
	uint32_t block = w->pool != NULL ? blocks_take(w->pool) : BLOCKS_NONE;
	window_wide_row *wide;

	if (block == BLOCKS_NONE)
		return;
	wide = blocks_at(w->pool, block);
	for (unsigned field = 0; field < w->fields; field++)
		for (unsigned i = 0; i < WINDOW_BUCKETS; i++)
			wide[field][i] = w->row[field][i];
	w->head->wide = wide;
}

static unsigned
count_at(const struct window_at *w, unsigned field, unsigned at)
{
	return w->head->wide != NULL ? w->head->wide[field][at] : w->row[field][at];
}

static void
take_at(const struct window_at *w, unsigned field, unsigned at, unsigned n)
{
	if (w->head->wide != NULL)
		w->head->wide[field][at] -= (uint16_t)n;
	else
		w->row[field][at] -= (uint8_t)n;
}

static void
add_at(const struct window_at *w, unsigned field, unsigned at)
{
	if (w->head->wide == NULL && w->row[field][at] == UINT8_MAX)
		widen(w);
	if (w->head->wide == NULL) {
		if (w->row[field][at] < UINT8_MAX)
			w->row[field][at]++;
	} else if (w->head->wide[field][at] < UINT16_MAX) {
		w->head->wide[field][at]++;
	}
}

static void
add_wide(uint16_t *bucket)
{
	*bucket += *bucket < UINT16_MAX;
}

void
window_add_full(const struct window_at *w, unsigned field)
{
	const struct window_head *head = w->head;

	if (head->wide == NULL) {
		for (unsigned span = 0; span < WINDOW_SPANS; span++)
			add_at(w, field, newest_place(head, span));
		return;
	}
	add_wide(&head->wide[field][newest_place(head, WINDOW_10MIN)]);
	add_wide(&head->wide[field][newest_place(head, WINDOW_HOUR)]);
	add_wide(&head->wide[field][newest_place(head, WINDOW_DAY)]);
}

static void
span_remove(const struct window_at *w, unsigned span, uint32_t number, unsigned field, uint32_t n)
{
	const struct window_time newest = window_time_of(w->head->newest);

	while (n > 0 && newest.number[span] - number < span_buckets[span]) {
		unsigned at = place(span, number);
		uint32_t have = count_at(w, field, at);
		uint32_t taken = n < have ? n : have;

		take_at(w, field, at, taken);
		n -= taken;
		if (number-- == 0)
			break;
	}
}

void
window_remove(const struct window_at *w, const struct window_time *when, unsigned field, uint32_t n)
{
	for (unsigned span = 0; span < WINDOW_SPANS; span++)
		span_remove(w, span, when->number[span], field, n);
}

void
window_move_far(const struct window_at *w, uint32_t when_s, unsigned field)
{
	const struct window_time now = window_time_of(w->head->newest);
	const struct window_time when = window_time_s(when_s);

	for (unsigned span = 0; span < WINDOW_SPANS; span++) {
		unsigned newest = newest_place(w->head, span);
		uint32_t ago = now.number[span] - when.number[span];

		if (ago == 0 && count_at(w, field, newest) > 0)
			continue;
		if (ago > 0 && ago < span_buckets[span]) {
			unsigned at = place(span, when.number[span]);

			if (count_at(w, field, at) > 0)
				take_at(w, field, at, 1);
		}
		add_at(w, field, newest);
	}
}

void
window_clear(const struct window_at *w)
{
	if (w->head->wide != NULL) {
		size_t offset = (size_t)((uint8_t *)w->head->wide - w->pool->memory);

		blocks_give(w->pool, (uint32_t)(offset / w->pool->block_len));
		w->head->wide = NULL;
	}
	memset(w->row, 0, w->fields * sizeof(*w->row));
}

uint32_t
window_newest(
	const struct window_head *head, const window_row row, enum window_span span, unsigned field)
{
	unsigned at = newest_place(head, span);

	return head->wide != NULL ? head->wide[field][at] : row[at];
}
