/* What the tests of shed share: a shed whose load the test says. */
#ifndef SMTAP_TESTS_SHED_RIG_H
#define SMTAP_TESTS_SHED_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/shed/shed.h"

#define T0 (1700000000ULL * NS_PER_S)
#define US 1000ULL

static const struct siphash_key key = {{1, 2}};

struct rig {
	struct counters counters;
	struct shed_load load;
	uint64_t now_ns;
	unsigned followed; /* of 256 packets */
	struct shed *shed;
};

static inline void
read_load(void *arg, struct shed_load *load)
{
	struct rig *r = arg;

	*load = r->load;
}

static inline int
set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct shed_meter meter = {read_load, r};
	size_t bytes = (shed_footprint() + 63) & ~(size_t)63;
	void *memory = aligned_alloc(64, bytes);

	assert_non_null(r);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	r->now_ns = T0;
	r->followed = 256;
	r->shed = shed_init(memory, &key, &meter, &r->counters);
	*state = r;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct rig *r = *state;

	free(r->shed);
	free(r);
	return 0;
}

/* A turn some time later, in which the queue was so full; the level afterwards. */
static inline unsigned
turn(struct rig *r, uint64_t later_ns, uint32_t queue)
{
	r->now_ns += later_ns;
	r->load.queue = queue;
	shed_turn(r->shed, 256, r->followed, queue == 0, r->now_ns);
	return r->shed->level;
}

/* Rounds of looks with the same queue; the pressure afterwards. */
static inline uint32_t
rounds(struct rig *r, unsigned n, uint32_t queue)
{
	for (unsigned i = 0; i < 4 * n; i++)
		turn(r, US, queue);
	return r->shed->gauge.pressure;
}

/* Load until the pressure is in the part of that level. */
static inline void
press(struct rig *r, enum shed_level level)
{
	for (unsigned i = 0; i < 1000 && r->shed->level < level; i++)
		rounds(r, 1, 1000);
	assert_int_equal(r->shed->level, level);
}

#endif
