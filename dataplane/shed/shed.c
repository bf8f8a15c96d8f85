/*
 * shed: theory of operation.
 *
 * Keeps: the gauge's pressure, the sketch of sources, and which sessions were shed lately.
 *
 * A session is followed when the upper 16 bits of a keyed hash of its addresses and ports are below
 * the share of its client's class (gauge.c, sketch.c). So whole sessions are seen or not, the
 * same ones for as long as the share stays, and of each source some: a stranger who begins to
 * guess, and a deliverer who turns to it, is found out after some guesses, and is followed
 * from then on. When a share falls, the sessions that it leaves out are cut, those that are
 * followed among them: so the load falls at once, and not when the sessions that it consists
 * of have ended. What is cut says so (SESSION_END_EVICTED).
 *
 * What is shed is shed whole: its later packets are known by a tag and go too, also
 * when the share has risen meanwhile. They go before the flow table is asked and before
 * a byte of their payload is read: shed_knows is one look into a table of 512 KiB.
 *
 * Always holds: each packet that is not looked at is counted (SHED_PKTS), each session once, by its
 * class. The choice depends on addresses, the key and the shares, never on a packet's place in the
 * queue.
 *
 * Limits: SHED_GONE tags in a table with one place for each hash. One that pushes another out
 * makes the other's next packet a new question, to which the answer is mostly the same; if
 * not, it is taken up half-way, and its events say so (EVENT_FLOW_SIDES_GUESSED, no
 * EVENT_FLOW_FROM_START). A session is taken for one that was shed by a chance of 2^-24.
 *
 * What an attacker would try: see sketch.c and gauge.c.
 */
#include "dataplane/shed/shed.h"

#include "base/duration.h"

/* Load is looked at after SHED_LOOK_PACKETS, and when so long a time has passed. */
#define LOOK_NS (5 * NS_PER_MS)

#define GONE_TICK_S 8u
#define GONE_TICKS 128u

_Static_assert(SHED_GONE_S / GONE_TICK_S < GONE_TICKS - 1, "an age fits its field");
_Static_assert((SHED_GONE & (SHED_GONE - 1)) == 0, "a place is some bits of the hash");

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

/* What the pressure is now, for what is asked with each packet. */
static void
apply(struct shed *s)
{
	s->level = shed_gauge_level(&s->gauge);
	s->share[SHED_DELIVERER] = shed_gauge_share(&s->gauge, SHED_DELIVERIES);
	s->share[SHED_STRANGER] = shed_gauge_share(&s->gauge, SHED_STRANGERS);
	s->share[SHED_USER] = s->share[SHED_STRANGER];
	s->share[SHED_INTEREST] = shed_gauge_share(&s->gauge, SHED_GUESSERS);
}

struct shed *
shed_init(void *memory, const struct siphash_key *key, const struct shed_meter *meter,
	struct counters *counters)
{
	struct shed *s = memory;
	uint8_t *at = (uint8_t *)memory + sizeof(*s);

	flow_hash_init(&s->hash, key);
	s->meter = *meter;
	s->counters = counters;
	sketch_init(&s->sketch, at, key);
	s->gone = (struct shed_gone *)(void *)(at + sketch_footprint());
	apply(s);
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
		[SHED_GUESSERS] = COUNTER_SHED_MS_GUESSERS,
	};
	unsigned level = s->level;

	if (level != SHED_NOTHING && s->counted_ns != 0 && clock_ns > s->counted_ns) {
		s->time_ns[level] += clock_ns - s->counted_ns;
		set_counter(s, counters[level], s->time_ns[level] / NS_PER_MS);
	}
	s->counted_ns = clock_ns;
}

/* Permille of the mail since the last look that was not shed. */
static uint32_t
followed_part(struct shed *s)
{
	uint64_t shed_now = counter_read(s->counters, COUNTER_SHED_PKTS);
	uint64_t left_out = shed_now - s->shed_then;
	uint64_t all = s->followed + left_out;
	uint32_t part = all ? (uint32_t)(s->followed * 1000ull / all) : 1000;

	s->shed_then = shed_now;
	s->followed = 0;
	return part;
}

void
shed_turn(struct shed *s, unsigned packets, unsigned followed, bool dry, uint64_t clock_ns)
{
	struct shed_load load = {.queue = SHED_UNKNOWN};

	if (dry)
		shed_gauge_dry(&s->gauge, clock_ns);
	s->packets += packets;
	s->followed += followed;
	if (s->packets < SHED_LOOK_PACKETS && clock_ns < s->look_ns)
		return;
	s->packets = 0;
	s->look_ns = clock_ns + LOOK_NS;
	s->meter.read(s->meter.arg, &load);
	load.followed = followed_part(s);
	count_time(s, clock_ns);
	if (!shed_gauge_look(&s->gauge, &load, clock_ns))
		return;
	apply(s);
	set_counter(s, COUNTER_SHED_LEVEL, s->level);
}

void
shed_learn(void *arg, const struct event *event)
{
	struct shed *s = arg;

	sketch_learn(&s->sketch, event);
}

static enum counter counter_of(enum shed_class class)
{
	switch (class) {
	case SHED_DELIVERER:
		return COUNTER_SHED_DELIVERIES;
	case SHED_USER:
		return COUNTER_SHED_USERS;
	case SHED_INTEREST:
		return COUNTER_SHED_GUESSERS;
	case SHED_STRANGER:
	case SHED_CLASS_COUNT:
		break;
	}
	return COUNTER_SHED_STRANGERS;
}

static uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 24 & 0xffffff) | 1;
}

static uint32_t
tick_of(uint64_t clock_ns)
{
	return (uint32_t)(clock_ns / (GONE_TICK_S * NS_PER_S) % GONE_TICKS);
}

static bool
is_gone(const struct shed_gone *g, uint64_t hash, uint64_t clock_ns)
{
	return g->tag == tag_of(hash) &&
	       (tick_of(clock_ns) - g->tick) % GONE_TICKS <= SHED_GONE_S / GONE_TICK_S;
}

/* Its packets are known from now on. */
static void
remember(struct shed *s, uint64_t hash, bool over, uint64_t clock_ns)
{
	*shed_place(s, hash) = (struct shed_gone){
		.tag = tag_of(hash) & 0xffffff, .tick = tick_of(clock_ns) & 0x7f, .over = over};
	s->gone_until_ns = clock_ns + SHED_GONE_S * NS_PER_S;
	counter_add(s->counters, COUNTER_SHED_PKTS, 1);
}

uint64_t
shed_hash(const struct shed *s, const struct flow_key *key)
{
	return flow_hash(&s->hash, key);
}

bool
shed_knows(struct shed *s, uint64_t hash, enum shed_packet packet, uint64_t clock_ns)
{
	const struct shed_gone *g = shed_place(s, hash);

	if (packet == SHED_BEGINS || !is_gone(g, hash, clock_ns))
		return false;
	remember(s, hash, g->over || packet == SHED_ENDS, clock_ns);
	return true;
}

static enum shed_class
class_now(const struct shed *s, const struct addr *client, uint64_t clock_ns, unsigned *what)
{
	enum shed_class class = sketch_class(&s->sketch, client, clock_ns);

	*what = (unsigned)class + 1;
	return class;
}

static bool
is_followed(const struct shed *s, uint64_t hash, enum shed_class class)
{
	return hash >> 48 < s->share[class];
}

bool
shed_takes(struct shed *s, uint64_t hash, const struct addr *client, enum shed_packet packet,
	uint64_t clock_ns, unsigned *what)
{
	struct shed_gone *g = shed_place(s, hash);
	bool gone = is_gone(g, hash, clock_ns);
	enum shed_class class = SHED_DELIVERER;

	if (packet == SHED_SIGNS || packet == SHED_ENDS)
		return true;
	if (shed_may_cut(s, hash))
		class = class_now(s, client, clock_ns, what);
	if (is_followed(s, hash, class)) {
		if (gone)
			g->tag = 0;
		return true;
	}
	/* A SYN again is no other session. */
	if (!gone || g->over)
		counter_add(s->counters, counter_of(class), 1);
	remember(s, hash, false, clock_ns);
	return false;
}

bool
shed_cuts(
	struct shed *s, uint64_t hash, const struct addr *client, uint64_t clock_ns, unsigned *what)
{
	/* What was known when it began tells most; before it is cut it is asked for again. */
	if (*what != 0 && is_followed(s, hash, (enum shed_class)(*what - 1)))
		return false;
	enum shed_class class = class_now(s, client, clock_ns, what);
	if (is_followed(s, hash, class))
		return false;
	counter_add(s->counters, counter_of(class), 1);
	remember(s, hash, false, clock_ns);
	return true;
}
