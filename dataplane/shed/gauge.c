/*
 * gauge: theory of operation.
 *
 * Keeps: the pressure, the least that the queue was filled in this round of looks and in the one
 * before, and since when it is calm.
 *
 * The receive queue tells the load: a worker that keeps up empties it, also after a burst, so what
 * counts is the least of some looks: the queue that stands (as in CoDel, RFC 8289 3). A round is
 * ROUND_LOOKS looks. When in two rounds in turn the queue stood, at a quarter or more
 * in the second, and did not shrink, the pressure rises, by the more the fuller it is. So nothing
 * is shed for a burst, or for a stall (the kernel took the CPU away), that a worker with room to
 * spare works off. While the queue runs to less than an eighth the pressure falls, after a calm,
 * slowly. Else it stays.
 *
 * The pressure says which share of the sessions of each class is followed: it halves some times
 * over the class's part. What is shed stops to cost at once (shed.c), so the queue
 * answers within a round, and the share settles a little below what the worker can do.
 *
 * Where the device cannot say how full its queue is, the time without an empty look stands for
 * it (20 ms a quarter, 80 ms full), and a round takes 5 ms at least, since that
 * time falls to 0 no sooner than all that waits is worked off. Packets that were lost while this
 * worker was busy count as a queue half full. A table nine tenths full asks for
 * the deliveries at least, since the next sessions would evict others.
 *
 * When fewer than FOLLOWED_FEW of the packets are followed, more pressure would save next to
 * nothing and lose what is looked for: then it falls back to the deliverers, and the port drops
 * what is too much.
 *
 * Always holds: with an empty queue and room in the table the pressure falls to 0.
 *
 * What an attacker would try: bursts that keep the pressure up for a second each. That costs him
 * the bandwidth that overload costs; who is of interest is watched nearly all the while.
 */
#include "dataplane/shed/gauge.h"

#define QUEUE_RISE 250u
#define QUEUE_CALM 125u
#define QUEUE_FULL 1000u
#define ROUND_LOOKS 4u
/* How much the pressure rises: at a quarter, and as much more when the queue is full. */
#define RISE_MIN 32u
#define RISE_MORE 480u

#define BUSY_FULL_NS (80 * NS_PER_MS)
#define BUSY_ROUND_NS (5 * NS_PER_MS)
/* A queue that was dry so lately is not why packets were lost. */
#define LOST_BUSY_NS NS_PER_MS
#define LOST_QUEUE 500u

#define TABLE_DELIVERIES 900u
#define TABLE_STRANGERS 970u

/* So few packets are followed that the others are what costs. */
#define FOLLOWED_FEW 200u
#define FOLLOWED_LOOKS 8

/* Halvings of the share over the whole of a class's part. */
static const uint32_t halvings_of[SHED_LEVEL_COUNT] = {
	[SHED_DELIVERIES] = 6,
	[SHED_STRANGERS] = 6,
	[SHED_GUESSERS] = 3,
};

/* Where the part of the pressure that is for a level begins. */
static uint32_t
part_of(enum shed_level level)
{
	if (level <= SHED_BODIES)
		return 0;
	return SHED_PRESSURE_BODIES + (level - SHED_DELIVERIES) * SHED_PRESSURE_CLASS;
}

/* How full the queue is, or what stands for it. */
static uint32_t
queue_of(const struct shed_gauge *g, const struct shed_load *load, uint64_t clock_ns)
{
	uint64_t busy_ns = clock_ns > g->dry_ns ? clock_ns - g->dry_ns : 0;
	uint64_t queue = load->queue;

	if (queue == SHED_UNKNOWN)
		queue = busy_ns * QUEUE_FULL / BUSY_FULL_NS;
	if (queue < LOST_QUEUE && load->lost != g->lost && busy_ns >= LOST_BUSY_NS)
		queue = LOST_QUEUE;
	return queue < QUEUE_FULL ? (uint32_t)queue : QUEUE_FULL;
}

/* Is the round over with this look? */
static bool
ends_round(struct shed_gauge *g, const struct shed_load *load, uint32_t queue, uint64_t clock_ns)
{
	if (g->looks == 0 || queue < g->least)
		g->least = queue;
	g->looks++;
	if (load->queue == SHED_UNKNOWN && clock_ns < g->round_ns + BUSY_ROUND_NS)
		return false;
	return g->looks >= ROUND_LOOKS || clock_ns >= g->round_ns + BUSY_ROUND_NS;
}

static bool
stands(const struct shed_gauge *g)
{
	return g->least >= QUEUE_RISE && g->least_before >= QUEUE_CALM &&
	       g->least >= g->least_before;
}

static uint32_t
risen(uint32_t pressure, uint32_t queue)
{
	uint32_t more = RISE_MORE * (queue - QUEUE_RISE) / (QUEUE_FULL - QUEUE_RISE);

	/* Past the deliverers with care: what is shed there is what is looked for. */
	pressure += RISE_MIN + (pressure < part_of(SHED_STRANGERS) ? more : more / 8);
	return pressure < SHED_PRESSURE_MAX ? pressure : SHED_PRESSURE_MAX;
}

/* By what the time since the last look is worth, once it was calm for long enough. */
static uint32_t
fallen(struct shed_gauge *g, uint32_t pressure, uint64_t clock_ns)
{
	const uint64_t unit_ns = SHED_RETURN_NS / SHED_PRESSURE_CLASS;

	if (g->calm_ns == 0)
		g->calm_ns = clock_ns;
	if (clock_ns < g->calm_ns + SHED_CALM_NS)
		return pressure;
	uint64_t by = (clock_ns - g->calm_ns - SHED_CALM_NS) / unit_ns;
	g->calm_ns += by * unit_ns;
	return by < pressure ? pressure - (uint32_t)by : 0;
}

static uint32_t
after_round(struct shed_gauge *g, uint64_t clock_ns)
{
	uint32_t pressure = g->pressure;

	if (stands(g) && g->followed >= FOLLOWED_FEW)
		pressure = risen(pressure, g->least);
	else if (stands(g) && pressure >= part_of(SHED_STRANGERS) + RISE_MIN)
		pressure -= RISE_MIN;
	if (g->least >= QUEUE_CALM || pressure == 0)
		g->calm_ns = 0;
	else
		pressure = fallen(g, pressure, clock_ns);
	g->least_before = g->least;
	g->looks = 0;
	g->round_ns = clock_ns;
	return pressure;
}

/* The least that the table asks for: as much as of its classes can be shed. */
static uint32_t
least_for(uint32_t table)
{
	if (table >= TABLE_STRANGERS)
		return part_of(SHED_GUESSERS);
	return table >= TABLE_DELIVERIES ? part_of(SHED_STRANGERS) : 0;
}

bool
shed_gauge_look(struct shed_gauge *g, const struct shed_load *load, uint64_t clock_ns)
{
	uint32_t pressure = g->pressure;

	if (!g->looked) {
		/* What was lost before we came is not news. */
		g->looked = true;
		g->lost = load->lost;
		g->dry_ns = clock_ns;
		g->round_ns = clock_ns;
		g->followed = load->followed;
	}
	g->followed = (g->followed * (FOLLOWED_LOOKS - 1) + load->followed) / FOLLOWED_LOOKS;
	if (ends_round(g, load, queue_of(g, load, clock_ns), clock_ns))
		pressure = after_round(g, clock_ns);
	if (pressure < least_for(load->table))
		pressure = least_for(load->table);
	bool changed = pressure != g->pressure;
	g->pressure = pressure;
	g->lost = load->lost;
	return changed;
}

enum shed_level
shed_gauge_level(const struct shed_gauge *g)
{
	enum shed_level level = SHED_GUESSERS;

	while (level > SHED_NOTHING && g->pressure <= part_of(level))
		level--;
	return level;
}

uint32_t
shed_gauge_share(const struct shed_gauge *g, enum shed_level level)
{
	uint32_t into = g->pressure > part_of(level) ? g->pressure - part_of(level) : 0;

	if (into > SHED_PRESSURE_CLASS)
		into = SHED_PRESSURE_CLASS;
	uint32_t halvings = into * halvings_of[level];
	uint32_t share = SHED_SHARE_ALL >> halvings / SHED_PRESSURE_CLASS;
	/* Between two halvings, a straight line. */
	return share - share / 2 * (halvings % SHED_PRESSURE_CLASS) / SHED_PRESSURE_CLASS;
}
