/*
 * Counts over the last 10 minutes, hour and day of packet time. Each span is a
 * ring of sub-buckets with a running sum, so reading costs nothing. A span's
 * sum covers between its length less one sub-bucket and its length.
 */
#ifndef SMTAP_CONTROL_AGGR_WINDOW_H
#define SMTAP_CONTROL_AGGR_WINDOW_H

#include <stdint.h>

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

/* A clock as bucket numbers. */
struct window_time {
	uint32_t number[WINDOW_SPANS];
};

struct window {
	struct window_time head; /* newest bucket of each span */
	uint32_t sum[WINDOW_SPANS][WINDOW_FIELDS];
	uint16_t bucket[WINDOW_BUCKETS][WINDOW_FIELDS]; /* saturate */
};

static inline struct window_time
window_time(uint64_t clock_ns)
{
	return (struct window_time){{
		(uint32_t)(clock_ns / (2 * NS_PER_MIN)),
		(uint32_t)(clock_ns / (10 * NS_PER_MIN)),
		(uint32_t)(clock_ns / (4 * NS_PER_H)),
	}};
}

/* Let go of what is too old. Call before the others, with a clock that never runs back. */
void window_advance(struct window *w, const struct window_time *now);

void window_add(struct window *w, enum window_field field);

/* Take n away again, from when it was counted and, if it was spread, from before. */
void window_remove(
	struct window *w, const struct window_time *when, enum window_field field, uint32_t n);

/* One thing of a distinct count, last seen at `when`, was seen now. */
void window_move(struct window *w, const struct window_time *when, enum window_field field);

void window_clear(struct window *w);

static inline uint32_t
window_sum(const struct window *w, enum window_span span, enum window_field field)
{
	return w->sum[span][field];
}

/* Of all kinds of guess. */
static inline uint32_t
window_guesses(const struct window *w, enum window_span span)
{
	const uint32_t *sum = w->sum[span];

	return sum[WINDOW_KNOWN] + sum[WINDOW_SOFT] + sum[WINDOW_BLIND] + sum[WINDOW_OTHER];
}

#endif
