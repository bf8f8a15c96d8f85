/* Private to page/: times of EVE lines, in microseconds since 1970, UTC. */
#ifndef SMTAP_CLI_PAGE_WHEN_H
#define SMTAP_CLI_PAGE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#define WHEN_MAX 40
#define WHEN_SECOND 1000000LL
#define WHEN_MINUTE (60 * WHEN_SECOND)
#define WHEN_HOUR (60 * WHEN_MINUTE)
#define WHEN_DAY (24 * WHEN_HOUR)

#define WHEN_NONE INT64_MIN

/* 2026-11-22T02:07:24.123456+0000; the fraction may be missing, the zone Z or +00:00. */
bool when_parse(const char *text, int64_t *us);

/* 2026-11-22 02:07:24 */
const char *when_text(int64_t us, char out[WHEN_MAX]);

/* 02:07:24 */
const char *when_clock(int64_t us, char out[WHEN_MAX]);

/*
 * The later of two times, as short as it can be told: 02:07:24 on the day of the earlier, else
 * as when_text has it.
 */
const char *when_end(int64_t first_us, int64_t last_us, char out[WHEN_MAX]);

/* "7 s", "12 min", "3 h 20 min", "2 days" */
const char *when_span(int64_t us, char out[WHEN_MAX]);

/* The smallest of the round widths (1 ms ... 100 days) that cuts span into at most parts. */
int64_t when_width(int64_t span_us, unsigned parts);

/* A mark of an axis whose marks are width apart: 02:07:24.5, 02:07, 22 Nov 02:00, 22 Nov. */
const char *when_mark(int64_t us, int64_t width_us, char out[WHEN_MAX]);

/* us rounded down to a multiple of width. */
int64_t when_floor(int64_t us, int64_t width_us);

#endif
