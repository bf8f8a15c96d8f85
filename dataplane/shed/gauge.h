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
	SHED_DELIVERIES, /* a share of the sessions of who only ever delivered mail */
	SHED_STRANGERS,  /* a share of those of all but who is of interest */
	SHED_GUESSERS,   /* a share of all */
	SHED_LEVEL_COUNT
};

#define SHED_UNKNOWN UINT32_MAX

/*
 * The pressure: one number for how much is left out. The first SHED_PRESSURE_BODIES of it
 * are for bodies, then come SHED_PRESSURE_CLASS for the sessions of each level.
 */
#define SHED_PRESSURE_BODIES 128u
#define SHED_PRESSURE_CLASS 1024u
#define SHED_PRESSURE_MAX (SHED_PRESSURE_BODIES + 3 * SHED_PRESSURE_CLASS)

/* Of all sessions; of each class there is always some left. */
#define SHED_SHARE_ALL 65536u

/* A look at what the worker has before it. */
struct shed_load {
	uint32_t queue;    /* permille of its receive queue that wait; SHED_UNKNOWN */
	uint32_t table;    /* permille of its memory for sessions that is taken */
	uint64_t lost;     /* packets lost on the way to any worker, so far */
	uint32_t followed; /* permille of the packets of mail since the last look that were not shed
			    */
};

/* Calm that has to last before anything more is taken up; and then a class comes back in so long.
 */
#define SHED_CALM_NS (10 * NS_PER_MS)
#define SHED_RETURN_NS (500 * NS_PER_MS)

struct shed_gauge {
	uint32_t pressure;
	uint32_t least;        /* permille of the queue, in this round so far */
	uint32_t least_before; /* in the last one */
	uint32_t looks;        /* of this round */
	uint32_t followed;     /* permille of the packets, the mean of some looks */
	bool looked;           /* once */
	uint64_t dry_ns;       /* when the queue last had nothing left */
	uint64_t round_ns;     /* when this round began */
	uint64_t calm_ns;      /* since when the queue runs out; 0: it does not */
	uint64_t lost;         /* at the last look */
};

/* Look; clocks never go back. Whether the pressure is another now. */
bool shed_gauge_look(struct shed_gauge *g, const struct shed_load *load, uint64_t clock_ns);

/* What the pressure means: the level, and the share of the sessions of a level that is followed. */
enum shed_level shed_gauge_level(const struct shed_gauge *g);
uint32_t shed_gauge_share(const struct shed_gauge *g, enum shed_level level);

/* The queue had nothing left at clock_ns. */
static inline void
shed_gauge_dry(struct shed_gauge *g, uint64_t clock_ns)
{
	g->dry_ns = clock_ns;
}

#endif
