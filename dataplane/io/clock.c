#include "dataplane/io/clock.h"

/* Stamps, readings and their differences stay within 62 bits, so signed sums cannot overflow. */
_Static_assert(CAPTURE_CLOCK_MAX_NS < 1ULL << 62, "the clock leaves room for sums");

static uint64_t
capture_clock_bound(uint64_t ns)
{
	return ns < CAPTURE_CLOCK_MAX_NS ? ns : CAPTURE_CLOCK_MAX_NS;
}

/* How far a stamp would move the clock. */
static int64_t
capture_clock_ahead(const struct capture_clock *clock, uint64_t stamp_ns)
{
	return (int64_t)(stamp_ns + clock->offset_ns - clock->now_ns);
}

/* Make stamp_ns read one nanosecond after the packet before it. */
static void
capture_clock_shift(struct capture_clock *clock, uint64_t stamp_ns)
{
	clock->offset_ns = clock->now_ns + 1 - stamp_ns;
}

void
capture_clock_file(struct capture_clock *clock, uint64_t first_stamp_ns)
{
	uint64_t stamp_ns = capture_clock_bound(first_stamp_ns);

	clock->offset_ns = 0;
	if (capture_clock_ahead(clock, stamp_ns) <= 0)
		capture_clock_shift(clock, stamp_ns);
}

uint64_t
capture_clock_read(struct capture_clock *clock, uint64_t packet_stamp_ns)
{
	uint64_t stamp_ns = capture_clock_bound(packet_stamp_ns);
	int64_t ahead = capture_clock_ahead(clock, stamp_ns);

	if (ahead < -(int64_t)CAPTURE_CLOCK_STEP_NS) {
		capture_clock_shift(clock, stamp_ns);
		ahead = 1;
	}
	if (ahead <= 0 || ahead > (int64_t)(CAPTURE_CLOCK_MAX_NS - clock->now_ns))
		ahead = 1;
	clock->now_ns += (uint64_t)ahead;
	return clock->now_ns;
}
