/*
 * gauge: theory of operation.
 *
 * Keeps: the level, since when it is calm, and when the queue last ran dry.
 *
 * The receive queue tells the load: a worker that keeps up empties it. Each measure asks for a
 * level, and the greatest is taken:
 *   queue   a quarter, a half, three quarters full
 *   busy    where the device cannot say how full: so long without an empty look
 *   table   nine tenths of the memory for sessions; less would evict sessions that are followed
 *   lost    packets were lost and this worker was busy: the first level
 *
 * Always holds: the level rises at once, by as much as is asked for, since a queue of 2,048
 * packets is full within a millisecond. It falls by one, after a calm: a time in which no
 * measure reached half of what this level is for. A stall (the kernel took the CPU away) fills the
 * queue too, and is over when the queue is worked off, so the calm is short at first. A level that
 * is needed again soon after it was left doubles it: under a load that lasts, new sessions slip in
 * for a few milliseconds of each second and not more. It is short again when a rise comes late.
 *
 * Limits: load is looked at between turns of the worker; a turn is at most 1,024 packets.
 *
 * What an attacker would try: bursts that keep the level up for a second each. That costs him
 * the bandwidth that a second of overload costs; who is of interest is watched all the while.
 */
#include "dataplane/shed/gauge.h"

/* What a level is for, of each measure. */
struct bounds {
	uint32_t queue; /* permille */
	uint32_t table; /* permille */
	uint32_t busy_ms;
};

static const struct bounds bounds[SHED_LEVEL_COUNT] = {
	[SHED_BODIES] = {.queue = 250, .table = 900, .busy_ms = 20},
	[SHED_DELIVERIES] = {.queue = 500, .table = 900, .busy_ms = 40},
	[SHED_STRANGERS] = {.queue = 750, .table = 970, .busy_ms = 80},
};

/* Sessions end by themselves, and slowly: a table is calm again a little below its bound. */
#define TABLE_SLACK 50u
/* A queue that was dry so lately is not why packets were lost. */
#define LOST_BUSY_NS NS_PER_MS

static bool
reaches(const struct bounds *b, const struct shed_load *load, uint64_t busy_ns)
{
	if (load->table >= b->table)
		return true;
	if (load->queue != SHED_UNKNOWN)
		return load->queue >= b->queue;
	return busy_ns >= b->busy_ms * NS_PER_MS;
}

static enum shed_level
asked_for(const struct shed_gauge *g, const struct shed_load *load, uint64_t busy_ns)
{
	enum shed_level level = SHED_STRANGERS;

	while (level > SHED_NOTHING && !reaches(&bounds[level], load, busy_ns))
		level--;
	if (level == SHED_NOTHING && load->lost != g->lost && busy_ns >= LOST_BUSY_NS)
		level = SHED_BODIES;
	return level;
}

/* Is there still half of what the level is for? */
static bool
still_loaded(const struct shed_gauge *g, const struct shed_load *load, uint64_t busy_ns)
{
	const struct bounds half = {
		.queue = bounds[g->level].queue / 2,
		.table = bounds[g->level].table - TABLE_SLACK,
		.busy_ms = bounds[g->level].busy_ms / 2,
	};

	return reaches(&half, load, busy_ns) || (load->lost != g->lost && busy_ns >= LOST_BUSY_NS);
}

static void
rise(struct shed_gauge *g, enum shed_level level, uint64_t clock_ns)
{
	bool soon = g->fell_ns != 0 && clock_ns - g->fell_ns < 2 * g->patience_ns;

	if (soon && g->patience_ns < SHED_CALM_MAX_NS)
		g->patience_ns *= 2;
	if (g->patience_ns > SHED_CALM_MAX_NS)
		g->patience_ns = SHED_CALM_MAX_NS;
	if (!soon && g->level == SHED_NOTHING)
		g->patience_ns = SHED_CALM_MIN_NS;
	g->level = (uint8_t)level;
	g->calm_ns = 0;
}

static bool
fall(struct shed_gauge *g, uint64_t clock_ns)
{
	if (g->calm_ns == 0)
		g->calm_ns = clock_ns;
	if (clock_ns - g->calm_ns < g->patience_ns)
		return false;
	g->level--;
	g->fell_ns = g->calm_ns = clock_ns;
	return true;
}

bool
shed_gauge_look(struct shed_gauge *g, const struct shed_load *load, uint64_t clock_ns)
{
	uint64_t busy_ns = clock_ns > g->dry_ns ? clock_ns - g->dry_ns : 0;
	bool changed = false;

	if (!g->looked) {
		/* What was lost before we came is not news. */
		g->looked = true;
		g->lost = load->lost;
		g->dry_ns = clock_ns;
		g->patience_ns = SHED_CALM_MIN_NS;
		busy_ns = 0;
	}
	enum shed_level level = asked_for(g, load, busy_ns);
	if (level > g->level) {
		rise(g, level, clock_ns);
		changed = true;
	} else if (g->level != SHED_NOTHING && still_loaded(g, load, busy_ns)) {
		g->calm_ns = 0;
	} else if (g->level != SHED_NOTHING) {
		changed = fall(g, clock_ns);
	}
	g->lost = load->lost;
	return changed;
}
