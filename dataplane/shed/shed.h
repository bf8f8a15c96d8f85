/*
 * shed: what a worker that cannot keep up leaves out: whole new sessions, of the least
 * interest first, and what they were is counted. Live ports only. The theory is at the head of
 * shed.c; why it is done so, in doc/overload.md.
 */
#ifndef SMTAP_DATAPLANE_SHED_H
#define SMTAP_DATAPLANE_SHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "contract/counters.h"
#include "contract/event.h"
#include "dataplane/flow/flow.h"
#include "dataplane/shed/gauge.h"
#include "dataplane/shed/sketch.h"

/* Where the load is read. Asked between turns, not for each packet. */
struct shed_meter {
	void (*read)(void *arg, struct shed_load *load);
	void *arg;
};

/* One session in so many that would be shed is taken up all the same. */
#define SHED_PROBE 16u
/* Sessions that were shed are remembered, so that they are not taken up half-way. */
#define SHED_GONE 32768u
#define SHED_GONE_S 600u

struct shed_gone {
	uint16_t tag; /* of the session's hash; 0: free */
	uint8_t tick; /* when its last packet came, SHED_GONE_TICK_S, modulo 2^8 */
	uint8_t over; /* FIN or RST was seen: a SYN is another session */
};

/* One per worker; nothing in it is another thread's. */
struct shed {
	/* What is read for each packet that has no session. */
	_Alignas(64) struct shed_gauge gauge;
	uint64_t gone_until_ns; /* a session that was shed may still talk */
	struct counters *counters;
	struct shed_gone *gone;
	struct siphash_key key;
	/* What a turn changes. */
	struct shed_meter meter;
	uint32_t packets;    /* since the last look */
	uint64_t look_ns;    /* when to look at the latest */
	uint64_t counted_ns; /* until when the time at this level was counted */
	uint64_t time_ns[SHED_LEVEL_COUNT];
	struct sketch sketch;
};

size_t shed_footprint(void);

/* memory: zeroed, 64-byte aligned; keeps counters, the worker's. */
struct shed *shed_init(void *memory, const struct siphash_key *key, const struct shed_meter *meter,
	struct counters *counters);

/*
 * After each turn of the worker, and when nothing came: so many packets were received; dry: the
 * queue has no more. Looks at the load when it is time to.
 */
void shed_turn(struct shed *s, unsigned packets, bool dry, uint64_t clock_ns);

/* An event_tap: learn who is of interest. arg: struct shed. */
void shed_learn(void *arg, const struct event *event);

/* What a packet that belongs to no session is. */
enum shed_packet {
	SHED_BEGINS, /* the SYN of a session */
	SHED_TALKS,  /* bytes, or what may open one */
	SHED_SIGNS,  /* neither: it opens none */
	SHED_ENDS,   /* the same, and it says FIN or RST */
};

/* Is there anything to ask shed_takes? */
static inline bool
shed_asks(const struct shed *s, uint64_t clock_ns)
{
	return s->gauge.level >= SHED_DELIVERIES || clock_ns < s->gone_until_ns;
}

/*
 * A packet of no session that is followed: may it begin one? False: its session was, or is
 * hereby, shed and the packet is counted.
 */
bool shed_takes(struct shed *s, const struct flow_key *key, const struct addr *client,
	enum shed_packet packet, uint64_t clock_ns);

#endif
