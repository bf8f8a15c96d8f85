/*
 * gauge: how much a worker has to leave out, from how loaded it is. Pure: no clock, no
 * device. The theory is at the head of gauge.c.
 */
#ifndef SMTAP_DATAPLANE_SHED_GAUGE_H
#define SMTAP_DATAPLANE_SHED_GAUGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/duration.h"

/* What is left out; each level leaves out what those before it do. */
enum shed_level {
	SHED_NOTHING,
	SHED_BODIES,     /* messages beyond their headers */
	SHED_DELIVERIES, /* new sessions of who only ever delivered mail */
	SHED_STRANGERS,  /* new sessions of all but who is of interest */
	SHED_LEVEL_COUNT
};

#define SHED_UNKNOWN UINT32_MAX

/* A look at what the worker has before it. */
struct shed_load {
	uint32_t queue; /* permille of its receive queue that wait; SHED_UNKNOWN */
	uint32_t table; /* permille of its memory for sessions that is taken */
	uint64_t lost;  /* packets lost on the way to any worker, so far */
};

/* Calm that has to last before a level is left: at first, and when it never lasts. */
#define SHED_CALM_MIN_NS (10 * NS_PER_MS)
#define SHED_CALM_MAX_NS NS_PER_S

struct shed_gauge {
	uint8_t level;        /* enum shed_level */
	bool looked;          /* once */
	uint64_t dry_ns;      /* when the queue last had nothing left */
	uint64_t calm_ns;     /* since when the load is less than the level is for; 0: it is not */
	uint64_t patience_ns; /* how long that has to last */
	uint64_t fell_ns;     /* when the level last fell */
	uint64_t lost;        /* at the last look */
};

/* Look; clocks never go back. Whether the level is another now. */
bool shed_gauge_look(struct shed_gauge *g, const struct shed_load *load, uint64_t clock_ns);

/* The queue had nothing left at clock_ns. */
static inline void
shed_gauge_dry(struct shed_gauge *g, uint64_t clock_ns)
{
	g->dry_ns = clock_ns;
}

#endif
