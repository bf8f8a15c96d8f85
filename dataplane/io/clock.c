#include "dataplane/io/clock.h"

/* Stamps, readings and their differences stay within 62 bits, so signed sums cannot overflow. */
_Static_assert(CAPTURE_CLOCK_MAX_NS < 1ULL << 62, "the clock leaves room for sums");

static uint64_t
capture_clock_bound(uint64_t ns)
{
	return ns < CAPTURE_CLOCK_MAX_NS ? ns : CAPTURE_CLOCK_MAX_NS;
}

/* How far a stamp would move the clock with that offset. */
static int64_t
capture_clock_ahead(const struct capture_clock *clock, uint64_t stamp_ns, uint64_t offset_ns)
{
	return (int64_t)(stamp_ns + offset_ns - clock->now_ns);
}

/* Make stamp_ns read one nanosecond after the packet before it. */
static void
capture_clock_shift(struct capture_clock *clock, uint64_t stamp_ns)
{
	clock->before_ns = clock->offset_ns;
	clock->offset_ns = clock->now_ns + 1 - stamp_ns;
}

/* A leap ahead that is none by the offset before the last shift: the clock was set back by
   mistake, and is right again. */
static bool
capture_clock_returns(const struct capture_clock *clock, uint64_t stamp_ns, int64_t ahead)
{
	int64_t before = capture_clock_ahead(clock, stamp_ns, clock->before_ns);

	return ahead > (int64_t)CAPTURE_CLOCK_STEP_NS &&
	       before >= -(int64_t)CAPTURE_CLOCK_STEP_NS && before < ahead;
}

void
capture_clock_file(struct capture_clock *clock, uint64_t first_stamp_ns)
{
	uint64_t stamp_ns = capture_clock_bound(first_stamp_ns);

	clock->offset_ns = 0;
	if (capture_clock_ahead(clock, stamp_ns, 0) <= 0)
		capture_clock_shift(clock, stamp_ns);
	clock->before_ns = clock->offset_ns;
}

uint64_t
capture_clock_read(struct capture_clock *clock, uint64_t packet_stamp_ns)
{
	uint64_t stamp_ns = capture_clock_bound(packet_stamp_ns);
	int64_t ahead = capture_clock_ahead(clock, stamp_ns, clock->offset_ns);

	if (capture_clock_returns(clock, stamp_ns, ahead)) {
		clock->offset_ns = clock->before_ns;
		ahead = capture_clock_ahead(clock, stamp_ns, clock->offset_ns);
	}
	if (ahead < -(int64_t)CAPTURE_CLOCK_STEP_NS) {
		capture_clock_shift(clock, stamp_ns);
		ahead = 1;
	}
	if (ahead <= 0 || ahead > (int64_t)(CAPTURE_CLOCK_MAX_NS - clock->now_ns))
		ahead = 1;
	clock->now_ns += (uint64_t)ahead;
	return clock->now_ns;
}

bool
capture_clock_leaps(const struct capture_clock *clock, uint64_t packet_stamp_ns)
{
	uint64_t stamp_ns = capture_clock_bound(packet_stamp_ns);
	int64_t ahead = capture_clock_ahead(clock, stamp_ns, clock->offset_ns);

	return clock->now_ns != 0 && ahead > (int64_t)CAPTURE_CLOCK_LEAP_NS &&
	       !capture_clock_returns(clock, stamp_ns, ahead);
}

uint64_t
capture_clock_stay(struct capture_clock *clock)
{
	if (clock->now_ns < CAPTURE_CLOCK_MAX_NS)
		clock->now_ns++;
	return clock->now_ns;
}
