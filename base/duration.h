/* Units of time. All times in smtap are uint64_t nanoseconds. */
#ifndef SMTAP_BASE_DURATION_H
#define SMTAP_BASE_DURATION_H

#include <stdint.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define NS_PER_MIN (60 * NS_PER_S)
#define NS_PER_H (3600 * NS_PER_S)

#endif
