/*
 * The input is a sequence of steps by an honest writer and reader, and by each
 * of them turned hostile. Whatever the order: no access outside the ring, every
 * record read is the one written under its index, the writer's books balance,
 * and an honest reader can always take over.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct play {
	struct ring_writer w;
	struct ring_reader r;
	const uint8_t *data;
	size_t left;
};

static const uint8_t boot_id[16] = {7};

static void
must(bool what)
{
	if (!what)
		abort();
}

/* The next eight bytes of the input as an index; near the real one if few are left. */
static uint64_t
hostile_index(struct play *p)
{
	uint64_t value = p->w.next;

	if (p->left < sizeof(value))
		return value + p->left - 4;
	memcpy(&value, p->data, sizeof(value));
	p->data += sizeof(value);
	p->left -= sizeof(value);
	return value;
}

static void
check_books(const struct play *p)
{
	uint64_t consumed = atomic_load(&p->w.consumed);

	must(consumed <= p->w.published && p->w.published <= p->w.next);
	must(p->w.next - consumed <= (uint64_t)p->w.mask + 1);
	must(ring_writer_consumed(&p->w) >= consumed);
	must(ring_writer_consumed(&p->w) <= p->w.published);
}

static void
write_records(struct play *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct event *slot = ring_writer_slot(&p->w);
		if (!slot)
			return;
		must(slot >= p->w.slots && slot <= p->w.slots + p->w.mask);
		memset(slot, (int)(p->w.next & 0xff), sizeof(*slot));
		slot->head.clock_ns = p->w.next;
		ring_writer_advance(&p->w);
	}
}

static void
read_records(struct play *p, unsigned count)
{
	struct event e;

	for (unsigned i = 0; i < count; i++) {
		int got = ring_reader_peek(&p->r, &e);
		must(got >= 0);
		if (got == 0)
			return;
		must(e.head.clock_ns == p->r.next);
		must((uint8_t)e.text[EVENT_TEXT_BYTES - 1] == (p->r.next & 0xff));
		ring_reader_done(&p->r);
	}
}

static void
replace_reader(struct play *p)
{
	ring_reader_close(&p->r);
	must(ring_reader_open(
		     &p->r, p->w.memfd, ring_writer_consumed(&p->w), p->w.header->boot_id) == 0);
	must(ring_writer_set_cursor(&p->w, p->r.cursor_memfd) == 0);
}

/* The writer's process publishes nonsense; the reader may fail or get garbage, no more. */
static void
lie_about_head(struct play *p)
{
	struct event e;

	atomic_store(&p->w.header->head, hostile_index(p));
	for (unsigned i = 0; i < 100 && ring_reader_peek(&p->r, &e) == 1; i++)
		ring_reader_done(&p->r);
	ring_reader_ended(&p->r);
	atomic_store(&p->w.header->head, p->w.published);
	/* By now the cursor may be anywhere: an honest writer is not misled. */
	ring_writer_slot(&p->w);
	replace_reader(p);
}

static void
lie_about_cursor(struct play *p)
{
	atomic_store(&p->r.cursor->consumed, hostile_index(p));
	write_records(p, 3);
	check_books(p);
	replace_reader(p);
}

static void
step(struct play *p, uint8_t byte)
{
	unsigned count = 1 + (byte >> 3);

	switch (byte & 7) {
	case 0:
	case 1:
		write_records(p, count);
		break;
	case 2:
		ring_writer_flush(&p->w, p->w.next);
		break;
	case 3:
	case 4:
		read_records(p, count);
		break;
	case 5:
		replace_reader(p);
		break;
	case 6:
		lie_about_head(p);
		break;
	case 7:
		lie_about_cursor(p);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct play p = {.data = data, .left = len};

	must(ring_writer_open(&p.w, RING_CAPACITY_MIN, boot_id) == 0);
	must(ring_reader_open(&p.r, p.w.memfd, 0, boot_id) == 0);
	must(ring_writer_set_cursor(&p.w, p.r.cursor_memfd) == 0);
	while (p.left > 0) {
		p.left--;
		step(&p, *p.data++);
		check_books(&p);
	}
	ring_writer_end(&p.w);
	read_records(&p, RING_CAPACITY_MIN);
	must(ring_reader_ended(&p.r));
	ring_reader_close(&p.r);
	ring_writer_close(&p.w);
	return 0;
}
