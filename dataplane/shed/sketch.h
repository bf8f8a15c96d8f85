/*
 * sketch: what is known of a source, to tell whose new sessions matter most: a bounded
 * table, one per worker. The theory is at the head of sketch.c.
 */
#ifndef SMTAP_DATAPLANE_SHED_SKETCH_H
#define SMTAP_DATAPLANE_SHED_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "contract/addr.h"
#include "contract/event.h"

/* Least interesting last: who is kept longest, too. */
enum shed_class {
	SHED_STRANGER,  /* nothing is known */
	SHED_DELIVERER, /* brought mail, and never tried to log in */
	SHED_USER,      /* logs in, and never failed */
	SHED_INTEREST,  /* failed to log in, or asked for users */
	SHED_CLASS_COUNT
};

#define SKETCH_SOURCES 65536u
/* Nothing of a source for so long, and it is a stranger. */
#define SKETCH_REMEMBER_S 86400u

struct sketch_source {
	uint32_t tag;  /* of the address's hash; 0: free */
	uint16_t seen; /* SKETCH_TICK_S, modulo 2^16 */
	uint8_t class; /* enum shed_class */
	uint8_t asked; /* recipients refused, less those accepted */
};

#define SKETCH_WAYS 8u

struct sketch_set {
	_Alignas(64) struct sketch_source way[SKETCH_WAYS];
};

_Static_assert(sizeof(struct sketch_set) == 64, "a source costs one cache line to look up");

struct sketch {
	struct siphash_key key;
	struct sketch_set *sets; /* SKETCH_SOURCES / SKETCH_WAYS, the caller's */
};

size_t sketch_footprint(void);

/* memory: zeroed, 64-byte aligned. */
void sketch_init(struct sketch *s, void *memory, const struct siphash_key *key);

/* What is known of a client. */
enum shed_class sketch_class(const struct sketch *s, const struct addr *client, uint64_t clock_ns);

/* Learn from what is told to control. */
void sketch_learn(struct sketch *s, const struct event *event);

#endif
