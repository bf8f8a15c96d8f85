/* clock: what a clock of this machine says. Not for what follows packets: they have their own time.
 */
#ifndef SMTAP_BASE_CLOCK_H
#define SMTAP_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/duration.h"

/* CLOCK_MONOTONIC for waits and ages; CLOCK_REALTIME for what others read. */
static inline uint64_t
clock_now_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

#endif
