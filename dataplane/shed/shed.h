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

/* Sessions that were shed are remembered, so that they are not taken up half-way. */
#define SHED_GONE 131072u
#define SHED_GONE_S 600u

struct shed_gone {
	uint32_t tag : 24; /* of the session's hash; 0: free */
	uint32_t tick : 7; /* when its last packet came, modulo 2^7 */
	uint32_t over : 1; /* FIN or RST was seen: a SYN is another session */
};

_Static_assert(sizeof(struct shed_gone) == 4, "sixteen to a cache line");

/* One per worker; nothing in it is another thread's. */
struct shed {
	/* What is read for each packet. */
	_Alignas(64) uint64_t gone_until_ns; /* a session that was shed may still talk */
	struct shed_gone *gone;
	struct counters *counters;
	uint32_t level; /* enum shed_level */
	/* Of each class, the share of sessions that is followed, of SHED_SHARE_ALL. */
	uint32_t share[SHED_CLASS_COUNT];
	struct flow_hash hash;
	/* What a turn changes. */
	struct shed_gauge gauge;
	struct shed_meter meter;
	uint32_t packets;    /* since the last look */
	uint32_t followed;   /* of mail, and not shed; since the last look */
	uint64_t shed_then;  /* SHED_PKTS at the last look */
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
 * After each turn of the worker, and when nothing came: so many packets were received, so
 * many of them followed; dry: the
 * queue has no more. Looks at the load when it is time to.
 */
void shed_turn(struct shed *s, unsigned packets, unsigned followed, bool dry, uint64_t clock_ns);

/* An event_tap: learn who is of interest. arg: struct shed. */
void shed_learn(void *arg, const struct event *event);

/* What a packet is to a session. */
enum shed_packet {
	SHED_BEGINS, /* the SYN that opens it */
	SHED_TALKS,  /* bytes, or what may open one */
	SHED_SIGNS,  /* neither: it opens none */
	SHED_ENDS,   /* it says FIN or RST */
};

/* Are sessions shed, or may one that was still talk? If not there is nothing to ask. */
static inline bool
shed_asks(const struct shed *s, uint64_t clock_ns)
{
	return s->level >= SHED_DELIVERIES || clock_ns < s->gone_until_ns;
}

/* Packets after which the load is looked at. */
#define SHED_LOOK_PACKETS 256u

/* The hash by which a session is chosen, and known again. */
uint64_t shed_hash(const struct shed *s, const struct flow_key *key);

/* Bits 0 to 16 of the hash are the place, 24 to 47 the tag, 48 to 63 the share. */
static inline struct shed_gone *
shed_place(const struct shed *s, uint64_t hash)
{
	return &s->gone[hash % SHED_GONE];
}

/* Is the packet of a session that was shed? Then it is counted. One look into a table. */
bool shed_knows(struct shed *s, uint64_t hash, enum shed_packet packet, uint64_t clock_ns);

/*
 * A packet of no session that is followed or was shed: may it begin one? False: the session is
 * hereby shed and the packet is counted. what: see shed_cuts.
 */
bool shed_takes(struct shed *s, uint64_t hash, const struct addr *client, enum shed_packet packet,
	uint64_t clock_ns, unsigned *what);

/*
 * A packet of a session that is followed: is the session not to be, from here on? True: it is
 * hereby shed and the packet is counted. what: what is known of the client, kept with the
 * session; at first 0, at most SHED_CLASS_COUNT.
 */
bool shed_cuts(struct shed *s, uint64_t hash, const struct addr *client, uint64_t clock_ns,
	unsigned *what);

/* shed_cuts can say yes only if this does. */
static inline bool
shed_may_cut(const struct shed *s, uint64_t hash)
{
	return hash >> 48 >= s->share[SHED_DELIVERER];
}

#endif
