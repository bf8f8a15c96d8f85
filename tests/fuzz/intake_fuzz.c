/*
 * A dataplane that writes what it likes. Input: a series of steps, each one byte that says what
 * (low three bits) and to which of two rings (bit 3), then its operands; what is missing is 0.
 * Whatever the steps, events that come out are valid and their clock never runs backwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/intake/intake.h"

#define RINGS 2

struct tape {
	const uint8_t *data;
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
tape_read(struct tape *tape, void *out, size_t n)
{
	size_t k = n < tape->len ? n : tape->len;

	memset(out, 0, n);
	if (k)
		memcpy(out, tape->data, k);
	tape->data += k;
	tape->len -= k;
}

static uint64_t
tape_number(struct tape *tape, size_t bytes)
{
	uint64_t v = 0;

	tape_read(tape, &v, bytes);
	return v;
}

static void
check(struct intake *in, unsigned calls)
{
	const struct event *e;

	while (calls--) {
		uint64_t before = in->clock_ns;

		if (intake_next(in, &e) != INTAKE_EVENT)
			continue;
		if (!event_valid(e) || e->head.clock_ns < before)
			abort();
	}
}

static void
step(struct tape *tape, struct ring_writer *w, struct intake *in)
{
	uint8_t op = (uint8_t)tape_number(tape, 1);
	struct ring_writer *ring = &w[(op >> 3) % RINGS];
	uint8_t *slots = (uint8_t *)ring->slots;
	struct event *slot;

	switch (op & 7) {
	case 0: /* an honest, short event */
	case 1:
		slot = ring_writer_slot(ring);
		if (!slot)
			break;
		memset(slot, 0, sizeof(*slot));
		slot->head.type = (uint16_t)tape_number(tape, 1);
		slot->head.version = EVENT_VERSION;
		slot->head.flow.flow_id = 1;
		slot->head.clock_ns = tape_number(tape, 2);
		slot->head.order = tape_number(tape, 1);
		ring_writer_advance(ring);
		ring_writer_flush(ring, slot->head.clock_ns);
		break;
	case 2: { /* bytes anywhere in the slots */
		size_t at = tape_number(tape, 2) % (RING_CAPACITY_MIN * EVENT_BYTES - 8);

		tape_read(tape, slots + at, 8);
		break;
	}
	case 3:
		atomic_store(&ring->header->head, tape_number(tape, 8));
		break;
	case 4:
		atomic_store(&ring->header->watermark_ns, tape_number(tape, 8));
		break;
	case 5:
		atomic_store(&ring->header->ended, (uint32_t)tape_number(tape, 1));
		break;
	case 6:
		check(in, (unsigned)tape_number(tape, 1));
		break;
	case 7: /* near the honest head */
		atomic_store(&ring->header->head, ring->next + tape_number(tape, 1));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t boot_id[16] = {7};
	struct tape tape = {data, len};
	struct ring_writer w[RINGS];
	struct hello offer;
	struct intake in;
	struct counters sum;
	char why[200];
	int fds[RINGS];

	hello_init(&offer, HELLO_OFFER);
	memcpy(offer.boot_id, boot_id, sizeof(boot_id));
	offer.workers = RINGS;
	offer.flags = HELLO_REPLAY;
	for (unsigned i = 0; i < RINGS; i++) {
		if (ring_writer_open(&w[i], RING_CAPACITY_MIN, boot_id))
			abort();
		fds[i] = w[i].memfd;
	}
	if (intake_open(&in, &offer, fds, why, sizeof(why)))
		abort();
	for (unsigned i = 0; i < RINGS; i++)
		if (ring_writer_set_cursor(&w[i], in.rings[i].reader.cursor_memfd))
			abort();
	while (tape.len)
		step(&tape, w, &in);
	intake_peer_gone(&in);
	/* It ends: each call hands out one, or skips, or closes. */
	check(&in, 4 * RINGS * RING_CAPACITY_MIN);
	const struct event *e;
	enum intake_status status = intake_next(&in, &e);
	if (status != INTAKE_ENDED && status != INTAKE_VANISHED)
		abort();
	intake_sum_counters(&in, &sum);
	intake_lost(&in, &sum);
	intake_close(&in);
	for (unsigned i = 0; i < RINGS; i++)
		ring_writer_close(&w[i]);
	return 0;
}
