/*
 * shed: theory of operation.
 *
 * Keeps: the gauge's level, the sketch of sources, and which sessions were shed lately.
 *
 * A packet comes here when it belongs to no session that is followed. Then, by the level, the
 * session that it would begin is taken up or shed, by what its client's earlier sessions were
 * (sketch.c). What is shed is shed whole: its later packets are known by a tag and go too, also
 * when the level has fallen meanwhile. One session in SHED_PROBE, by a keyed hash of its
 * addresses and ports, is taken up whatever its class: so a stranger who begins to guess, and a
 * deliverer who turns to it, is found out after some guesses, and from then on all his new
 * sessions are taken up.
 *
 * Always holds: no packet of a session that is followed is ever dropped here; each packet that
 * is not looked at is counted (SHED_PKTS), each session once, by its class. The choice depends
 * on addresses, the key and the level, never on a packet's place in the queue.
 *
 * Limits: SHED_GONE tags in a table with one place for each hash. One that pushes another out
 * makes the other's next packet a new question, to which the answer is mostly the same; if
 * not, it is taken up half-way, and its events say so (EVENT_FLOW_SIDES_GUESSED, no
 * EVENT_FLOW_FROM_START). Two sessions are taken for one by a chance of 2^-15.
 *
 * What an attacker would try: see sketch.c and gauge.c.
 */
#include "dataplane/shed/shed.h"

#include "base/duration.h"

/* Load is looked at after so many packets, and when so long a time has passed. */
#define LOOK_PACKETS 256u
#define LOOK_NS (5 * NS_PER_MS)

#define GONE_TICK_S 4u

_Static_assert(SHED_GONE_S / GONE_TICK_S < UINT8_MAX, "an age fits its field");

static size_t
gone_bytes(void)
{
	return SHED_GONE * sizeof(struct shed_gone);
}

size_t
shed_footprint(void)
{
	return sizeof(struct shed) + sketch_footprint() + gone_bytes();
}

struct shed *
shed_init(void *memory, const struct siphash_key *key, const struct shed_meter *meter,
	struct counters *counters)
{
	struct shed *s = memory;
	uint8_t *at = (uint8_t *)memory + sizeof(*s);

	s->key = *key;
	s->meter = *meter;
	s->counters = counters;
	sketch_init(&s->sketch, at, key);
	s->gone = (struct shed_gone *)(void *)(at + sketch_footprint());
	return s;
}

static void
set_counter(struct shed *s, enum counter id, uint64_t value)
{
	counter_add(s->counters, id, value - counter_read(s->counters, id));
}

/* The time since the last look was spent at the level that holds. */
static void
count_time(struct shed *s, uint64_t clock_ns)
{
	static const enum counter counters[SHED_LEVEL_COUNT] = {
		[SHED_BODIES] = COUNTER_SHED_MS_BODIES,
		[SHED_DELIVERIES] = COUNTER_SHED_MS_DELIVERIES,
		[SHED_STRANGERS] = COUNTER_SHED_MS_STRANGERS,
	};
	unsigned level = s->gauge.level;

	if (level != SHED_NOTHING && s->counted_ns != 0 && clock_ns > s->counted_ns) {
		s->time_ns[level] += clock_ns - s->counted_ns;
		set_counter(s, counters[level], s->time_ns[level] / NS_PER_MS);
	}
	s->counted_ns = clock_ns;
}

void
shed_turn(struct shed *s, unsigned packets, bool dry, uint64_t clock_ns)
{
	struct shed_load load = {.queue = SHED_UNKNOWN};

	if (dry)
		shed_gauge_dry(&s->gauge, clock_ns);
	s->packets += packets;
	if (s->packets < LOOK_PACKETS && clock_ns < s->look_ns)
		return;
	s->packets = 0;
	s->look_ns = clock_ns + LOOK_NS;
	s->meter.read(s->meter.arg, &load);
	count_time(s, clock_ns);
	if (shed_gauge_look(&s->gauge, &load, clock_ns))
		set_counter(s, COUNTER_SHED_LEVEL, s->gauge.level);
}

void
shed_learn(void *arg, const struct event *event)
{
	struct shed *s = arg;

	sketch_learn(&s->sketch, event);
}

/* Does the level shed new sessions of such a source? */
static bool
sheds(unsigned level, enum shed_class class)
{
	switch (class) {
	case SHED_DELIVERER:
		return level >= SHED_DELIVERIES;
	case SHED_STRANGER:
	case SHED_USER:
		return level >= SHED_STRANGERS;
	case SHED_INTEREST:
	case SHED_CLASS_COUNT:
		break;
	}
	return false;
}

static enum counter counter_of(enum shed_class class)
{
	switch (class) {
	case SHED_DELIVERER:
		return COUNTER_SHED_DELIVERIES;
	case SHED_USER:
		return COUNTER_SHED_USERS;
	case SHED_STRANGER:
	case SHED_INTEREST:
	case SHED_CLASS_COUNT:
		break;
	}
	return COUNTER_SHED_STRANGERS;
}

static uint8_t
tick_of(uint64_t clock_ns)
{
	return (uint8_t)(clock_ns / (GONE_TICK_S * NS_PER_S));
}

static bool
is_gone(const struct shed_gone *g, uint16_t tag, enum shed_packet packet, uint64_t clock_ns)
{
	return g->tag == tag &&
	       (uint8_t)(tick_of(clock_ns) - g->tick) <= SHED_GONE_S / GONE_TICK_S &&
	       !(g->over && packet == SHED_BEGINS);
}

/* Its packets are known from now on. */
static void
remember(struct shed *s, struct shed_gone *g, uint16_t tag, enum shed_packet packet,
	uint64_t clock_ns)
{
	*g = (struct shed_gone){.tag = tag, .tick = tick_of(clock_ns), .over = packet == SHED_ENDS};
	s->gone_until_ns = clock_ns + SHED_GONE_S * NS_PER_S;
	counter_add(s->counters, COUNTER_SHED_PKTS, 1);
}

bool
shed_takes(struct shed *s, const struct flow_key *key, const struct addr *client,
	enum shed_packet packet, uint64_t clock_ns)
{
	uint64_t hash = siphash(&s->key, key, sizeof(*key));
	struct shed_gone *g = &s->gone[hash % SHED_GONE];
	uint16_t tag = (uint16_t)(hash >> 48) | 1;
	bool gone = is_gone(g, tag, packet, clock_ns);

	if (gone && packet != SHED_BEGINS) {
		remember(s, g, tag, packet == SHED_TALKS && g->over ? SHED_ENDS : packet, clock_ns);
		return false;
	}
	if (packet == SHED_SIGNS || packet == SHED_ENDS)
		return true;
	enum shed_class class = SHED_INTEREST;
	if (s->gauge.level >= SHED_DELIVERIES && (hash >> 32) % SHED_PROBE != 0)
		class = sketch_class(&s->sketch, client, clock_ns);
	if (!sheds(s->gauge.level, class)) {
		if (gone)
			g->tag = 0;
		return true;
	}
	if (!gone)
		counter_add(s->counters, counter_of(class), 1);
	remember(s, g, tag, packet, clock_ns);
	return false;
}
