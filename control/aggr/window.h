/*
 * Counts over the last 10 minutes, hour and day of packet time. Each span is a
 * ring of buckets; a span's sum covers between its length less one bucket and
 * its length. A field's buckets stand together in one row, so that counting
 * and reading one field touch one cache line.
 */
#ifndef SMTAP_CONTROL_AGGR_WINDOW_H
#define SMTAP_CONTROL_AGGR_WINDOW_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/blocks.h"
#include "base/duration.h"

enum window_span { WINDOW_10MIN, WINDOW_HOUR, WINDOW_DAY, WINDOW_SPANS };

/* What is counted. A guess is an attempt that did not succeed and was not a repetition. */
enum window_field {
	WINDOW_KNOWN,   /* guesses refused, with a password new for the account */
	WINDOW_SOFT,    /* the same, but the password was not checked or the reply not seen */
	WINDOW_BLIND,   /* guesses refused, password unknown */
	WINDOW_OTHER,   /* neither password nor check: throttled, refused, aborted, unseen */
	WINDOW_REPEAT,  /* an account's wrong password, again */
	WINDOW_SUCCESS, /* logins */
	WINDOW_PEERS,   /* distinct: of a source or prefix, accounts; of an account, sources;
			   of a server, sources that began to fail */
	WINDOW_SOURCES, /* distinct: of a prefix, sources */
	WINDOW_FIELDS
};

#define WINDOW_10MIN_BUCKETS 5
#define WINDOW_HOUR_BUCKETS 6
#define WINDOW_DAY_BUCKETS 6
#define WINDOW_BUCKETS (WINDOW_10MIN_BUCKETS + WINDOW_HOUR_BUCKETS + WINDOW_DAY_BUCKETS)

#define WINDOW_BUCKET_S 120u /* of the shortest span */

/* A clock as bucket numbers. */
struct window_time {
	uint32_t number[WINDOW_SPANS];
};

typedef uint8_t window_row[WINDOW_BUCKETS];
typedef uint16_t window_wide_row[WINDOW_BUCKETS];

struct window_head {
	window_wide_row *wide;    /* a block of the pool: it counts instead of the rows; or NULL */
	uint32_t newest;          /* bucket of WINDOW_10MIN; those of the others follow from it */
	uint8_t at[WINDOW_SPANS]; /* where the newest stands in its span's ring */
};

struct window {
	struct window_head head;
	window_row row[WINDOW_FIELDS];
};

/* For each pool of wide windows. */
#define WINDOW_WIDE_BYTES (WINDOW_FIELDS * sizeof(window_wide_row))

/* What the functions that change a window need to know of it. */
struct window_at {
	struct window_head *head;
	window_row *row;
	unsigned fields;     /* at most WINDOW_FIELDS */
	struct blocks *pool; /* of WINDOW_WIDE_BYTES; NULL: buckets end at 255 */
};

static inline struct window_at
window_at(struct window *w, struct blocks *pool)
{
	return (struct window_at){&w->head, w->row, WINDOW_FIELDS, pool};
}

/* Of the bucket of two minutes: ten minutes are five of them, four hours 120. */
static inline struct window_time
window_time_of(uint32_t two_minutes)
{
	return (struct window_time){{two_minutes, two_minutes / 5, two_minutes / 120}};
}

static inline struct window_time
window_time(uint64_t clock_ns)
{
	return window_time_of((uint32_t)(clock_ns / (2 * NS_PER_MIN)));
}

/* The same of whole seconds, which take no 64-bit division. */
static inline struct window_time
window_time_s(uint32_t clock_s)
{
	return window_time_of(clock_s / WINDOW_BUCKET_S);
}

void window_let_go(const struct window_at *w, const struct window_time *now);

/* Let go of what is too old. Call before the others, with a clock that never runs back. */
static inline void
window_advance(const struct window_at *w, const struct window_time *now)
{
	if (w->head->newest != now->number[WINDOW_10MIN])
		window_let_go(w, now);
}

/* Where a bucket is full: into a wide window, if there is one to be had. */
void window_add_full(const struct window_at *w, unsigned field);

static inline void
window_add(const struct window_at *w, unsigned field)
{
	const uint8_t *at = w->head->at;
	uint8_t *row = w->row[field];
	uint8_t *a = &row[at[WINDOW_10MIN]];
	uint8_t *b = &row[WINDOW_10MIN_BUCKETS + at[WINDOW_HOUR]];
	uint8_t *c = &row[WINDOW_10MIN_BUCKETS + WINDOW_HOUR_BUCKETS + at[WINDOW_DAY]];

	if (w->head->wide != NULL || *a == UINT8_MAX || *b == UINT8_MAX || *c == UINT8_MAX) {
		window_add_full(w, field);
		return;
	}
	++*a;
	++*b;
	++*c;
}

/* Take n away again, from when it was counted and, if it was spread, from before. */
void window_remove(
	const struct window_at *w, const struct window_time *when, unsigned field, uint32_t n);

/* As window_move, where it may change something. */
void window_move_far(const struct window_at *w, uint32_t when_s, unsigned field);

/* One thing of a distinct count, last seen at when_s, was seen now. */
static inline void
window_move(const struct window_at *w, uint32_t when_s, unsigned field)
{
	const uint8_t *at = w->head->at;
	const uint8_t *row = w->row[field];

	/* Nearly always it was counted in these same buckets. */
	if (w->head->newest != when_s / WINDOW_BUCKET_S || w->head->wide != NULL ||
		row[at[WINDOW_10MIN]] == 0 || row[WINDOW_10MIN_BUCKETS + at[WINDOW_HOUR]] == 0 ||
		row[WINDOW_10MIN_BUCKETS + WINDOW_HOUR_BUCKETS + at[WINDOW_DAY]] == 0)
		window_move_far(w, when_s, field);
}

struct image;

/* The window came with an image, and its pool, which stood at memory then: know its wide block. */
void window_image(struct window_head *head, const struct blocks *pool, const uint8_t *memory,
	struct image *image);

/* Forget all, and give back the wide block; the clock stays. */
void window_clear(const struct window_at *w);

uint32_t window_wide_sum(const struct window_head *head, enum window_span span, unsigned field);

/* Of rows that stand together: eight bytes of each at a time, those of other spans masked. */
static inline uint32_t
window_rows_sum(const window_row *row, unsigned rows, enum window_span span)
{
	static const uint8_t at[WINDOW_SPANS] = {0, WINDOW_10MIN_BUCKETS, WINDOW_BUCKETS - 8};
	static const uint64_t mask[WINDOW_SPANS] = {
		0xffffffffffULL, 0xffffffffffffULL, 0xffffffffffff0000ULL};
#ifdef __SSE2__
	const __m128i kept = _mm_cvtsi64_si128((int64_t)mask[span]);
	__m128i sum = _mm_setzero_si128();

	for (unsigned i = 0; i < rows; i++) {
		__m128i x = _mm_loadl_epi64((const __m128i *)(row[i] + at[span]));

		sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_and_si128(x, kept), _mm_setzero_si128()));
	}
	return (uint32_t)_mm_cvtsi128_si32(sum);
#else
	const uint64_t even = 0x00ff00ff00ff00ffULL;
	uint64_t sum = 0;

	for (unsigned i = 0; i < rows; i++) {
		uint64_t x;

		memcpy(&x, row[i] + at[span], sizeof(x));
		x = le64toh(x) & mask[span];
		sum += (x & even) + (x >> 8 & even);
	}
	return (uint32_t)(sum * 0x0001000100010001ULL >> 48);
#endif
}

/* Of one row, by its head. */
static inline uint32_t
window_row_sum(
	const struct window_head *head, const window_row row, enum window_span span, unsigned field)
{
	if (head->wide != NULL)
		return window_wide_sum(head, span, field);
	return window_rows_sum((const window_row *)row, 1, span);
}

static inline uint32_t
window_sum(const struct window *w, enum window_span span, enum window_field field)
{
	return window_row_sum(&w->head, w->row[field], span, field);
}

/* All fields of a span. */
struct window_sums {
	uint32_t of[WINDOW_FIELDS];
};

static inline struct window_sums
window_sums(const struct window *w, enum window_span span)
{
	struct window_sums sums;

	for (unsigned field = 0; field < WINDOW_FIELDS; field++)
		sums.of[field] = window_sum(w, span, (enum window_field)field);
	return sums;
}

/* What the newest bucket of a row holds. */
uint32_t window_newest(const struct window_head *head, const window_row row, enum window_span span,
	unsigned field);

uint32_t window_wide_guesses(const struct window_head *head, enum window_span span);

/* Of all kinds of guess. */
static inline uint32_t
window_guesses(const struct window *w, enum window_span span)
{
	if (w->head.wide != NULL)
		return window_wide_guesses(&w->head, span);
	return window_rows_sum(&w->row[WINDOW_KNOWN], WINDOW_OTHER - WINDOW_KNOWN + 1, span);
}

#endif
