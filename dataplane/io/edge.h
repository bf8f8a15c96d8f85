/*
 * edge: include this before anything else where DPDK is used. rte_cycles.h
 * defines an NS_PER_S too, as a floating-point number: times would lose their
 * nanoseconds without a word.
 */
#ifndef SMTAP_DATAPLANE_IO_EDGE_H
#define SMTAP_DATAPLANE_IO_EDGE_H

#ifdef SMTAP_BASE_DURATION_H
#error "edge.h comes before base/duration.h"
#endif

#include <rte_cycles.h>

#undef NS_PER_S

#include "base/duration.h"

#endif
