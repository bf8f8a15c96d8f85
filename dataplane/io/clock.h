/*
 * The capture's clock: one timeline out of the time stamps of several files.
 *
 * It never runs backwards, and no two packets have the same reading: a stamp
 * that repeats (coarse clocks; captures whose stamps are all zero) or steps
 * back a little (several CPUs stamping) reads one nanosecond after the packet
 * before it. So "every packet up to here was handled" is a single number for
 * each worker, and control can merge their events by it.
 *
 * A step back of more than CAPTURE_CLOCK_STEP_NS (a clock that was set, or a
 * next file that starts earlier) shifts what follows so that the clock goes on
 * from where it stands and time keeps passing at its pace. When the clock is then set
 * forward to where it was, the shift ends: else the sessions would seem idle for as long.
 *
 * A leap ahead of more than CAPTURE_CLOCK_LEAP_NS is real when the packets after it are there as
 * well (a quiet night). Else some stamps were damaged; who reads the packets asks, and gives those
 * the clock of their neighbours: nothing may seem over because of them. More than the reader keeps
 * (READER_DOUBTS_MAX) in a row are believed: what was open then closes, and time goes on from
 * there.
 */
#ifndef SMTAP_DATAPLANE_IO_CLOCK_H
#define SMTAP_DATAPLANE_IO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/duration.h"

#define CAPTURE_CLOCK_STEP_NS NS_PER_S
#define CAPTURE_CLOCK_LEAP_NS NS_PER_H

/*
 * The year 2096: seconds fit 32 bits, and timers beyond them too. Later stamps
 * count as this one; stamps that leap to and fro stop the clock here.
 */
#define CAPTURE_CLOCK_MAX_NS (4000000000 * NS_PER_S)

struct capture_clock {
	uint64_t now_ns;    /* of the last packet; 0 before the first */
	uint64_t offset_ns; /* added to stamps, modulo 2^64 */
	uint64_t before_ns; /* the same before the last step back of this file */
};

/* A file begins: its first stamp may not go back at all without a shift. */
void capture_clock_file(struct capture_clock *clock, uint64_t first_stamp_ns);

/* The clock's reading for a packet stamped stamp_ns: greater than the one before. */
uint64_t capture_clock_read(struct capture_clock *clock, uint64_t packet_stamp_ns);

/* Would that stamp make the clock leap ahead? Then look at the next packet before it is read. */
bool capture_clock_leaps(const struct capture_clock *clock, uint64_t packet_stamp_ns);

/* The reading for a packet whose stamp is not believed. */
uint64_t capture_clock_stay(struct capture_clock *clock);

#endif
