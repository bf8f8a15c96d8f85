/* What the tests of intake share: rings with both their ends, and what comes out of them. */
#ifndef SMTAP_TESTS_UNIT_INTAKE_RIG_H
#define SMTAP_TESTS_UNIT_INTAKE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/intake/intake.h"

#define SLOTS RING_CAPACITY_MIN

static const uint8_t boot_id[16] = {1, 2, 3};

struct rig {
	struct ring_writer w[4];
	struct intake in;
	unsigned rings;
};

static inline void
rig_open(struct rig *s, unsigned rings, uint32_t flags)
{
	struct hello offer;
	int fds[4];
	char why[200] = "";

	memset(s, 0, sizeof(*s));
	s->rings = rings;
	hello_init(&offer, HELLO_OFFER);
	memcpy(offer.boot_id, boot_id, 16);
	offer.workers = rings;
	offer.flags = flags;
	for (unsigned i = 0; i < rings; i++) {
		assert_int_equal(ring_writer_open(&s->w[i], SLOTS, boot_id), 0);
		fds[i] = s->w[i].memfd;
	}
	if (intake_open(&s->in, &offer, fds, why, sizeof(why)))
		fail_msg("%s", why);
	for (unsigned i = 0; i < rings; i++)
		assert_int_equal(
			ring_writer_set_cursor(&s->w[i], s->in.rings[i].reader.cursor_memfd), 0);
}

static inline void
rig_close(struct rig *s)
{
	for (unsigned i = 0; i < s->rings; i++)
		ring_writer_close(&s->w[i]);
	intake_close(&s->in);
}

static inline struct event
make(uint64_t clock_ns, uint64_t order)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.head.type = EVENT_AUTH;
	e.head.version = EVENT_VERSION;
	e.head.clock_ns = clock_ns;
	e.head.order = order;
	e.head.flow.flow_id = 1 + order;
	strcpy(e.auth.mechanism, "LOGIN");
	return e;
}

static inline bool
put(struct ring_writer *w, uint64_t clock_ns, uint64_t order)
{
	struct event *slot = ring_writer_slot(w);

	if (!slot)
		return false;
	*slot = make(clock_ns, order);
	ring_writer_advance(w);
	return true;
}

static inline void
expect(struct rig *s, uint64_t clock_ns, uint64_t order)
{
	const struct event *e = NULL;

	assert_int_equal(intake_next(&s->in, &e), INTAKE_EVENT);
	assert_int_equal(e->head.clock_ns, clock_ns);
	assert_int_equal(e->head.order, order);
}

static inline void
expect_status(struct rig *s, enum intake_status status)
{
	const struct event *e = NULL;

	assert_int_equal(intake_next(&s->in, &e), status);
}

#endif
