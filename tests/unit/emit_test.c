#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/emit/emit.h"

struct rig {
	struct counters counters;
	struct event array[4];
	struct emit emit;
	struct event_flow flow;
};

static void
rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	memset(r->array, 0xa5, sizeof(r->array));
	r->emit.array = r->array;
	r->emit.array_cap = 4;
	r->emit.counters = &r->counters;
	r->flow.flow_id = 77;
	r->flow.server_port = 25;
}

static void
record_has_its_head_filled_and_the_rest_zeroed(void **state)
{
	(void)state;
	struct rig r;
	static const char zero[EVENT_TEXT_BYTES];

	rig_init(&r);
	r.emit.clock_ns = 5;
	r.emit.order = 6;
	struct event *e = emit_begin(&r.emit, EVENT_RCPT, 4, &r.flow);
	assert_ptr_equal(e, &r.array[0]);
	assert_int_equal(e->head.type, EVENT_RCPT);
	assert_int_equal(e->head.version, EVENT_VERSION);
	assert_int_equal(e->head.clock_ns, 5);
	assert_int_equal(e->head.order, 6);
	assert_int_equal(e->head.time_ns, 4);
	assert_int_equal(e->head.flow.flow_id, 77);
	assert_memory_equal(e->text, zero, sizeof(zero));
	assert_memory_equal(e->body_bytes, zero, sizeof(e->body_bytes));
	assert_int_equal(r.emit.array_len, 0);
	emit_commit(&r.emit);
	assert_int_equal(r.emit.array_len, 1);
	assert_int_equal(counter_read(&r.counters, COUNTER_EVENTS), 1);
}

static void
record_without_room_goes_to_scratch_and_is_counted_by_type(void **state)
{
	(void)state;
	static const struct {
		enum event_type type;
		enum counter counter;
	} cases[] = {
		{EVENT_AUTH, COUNTER_EVENTS_LOST_AUTH},
		{EVENT_RCPT, COUNTER_EVENTS_LOST_RCPT},
		{EVENT_MAIL, COUNTER_EVENTS_LOST_MAIL},
		{EVENT_SESSION, COUNTER_EVENTS_LOST_SESSION},
		{EVENT_SIGNATURE, COUNTER_EVENTS_LOST_SIGNATURE},
	};
	struct rig r;

	rig_init(&r);
	r.emit.array_cap = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event *e = emit_begin(&r.emit, cases[i].type, 1, &r.flow);
		assert_ptr_equal(e, &r.emit.scratch);
		emit_commit(&r.emit);
		assert_int_equal(counter_read(&r.counters, cases[i].counter), 1);
	}
	assert_int_equal(counter_read(&r.counters, COUNTER_EVENTS), 0);
}

static void
text_is_packed_and_cut_at_a_character(void **state)
{
	(void)state;
	struct rig r;
	char longer[400];
	size_t used = 0;

	rig_init(&r);
	struct event *e = emit_begin(&r.emit, EVENT_AUTH, 1, &r.flow);
	assert_int_equal(emit_text(e, &used, "alice", 5), 5);
	assert_int_equal(emit_text(e, &used, "", 0), 0);
	assert_int_equal(emit_text(e, &used, "corp", 4), 4);
	assert_int_equal(used, 9);
	assert_memory_equal(e->text, "alicecorp", 9);

	/* 255 'x' would end inside the two bytes of an e acute. */
	used = 0;
	memset(longer, 'x', sizeof(longer));
	memcpy(longer + 254, "\xc3\xa9", 2);
	assert_int_equal(emit_text(e, &used, longer, sizeof(longer)), 254);
	assert_int_equal(emit_text(e, &used, longer, 100), EVENT_TEXT_BYTES - 254);
	assert_int_equal(emit_text(e, &used, longer, 100), 0);
	assert_int_equal(used, EVENT_TEXT_BYTES);
}

static bool
give_up_after(void *arg)
{
	int *left = arg;

	return --*left > 0;
}

static void
full_ring_waits_as_long_as_wait_says(void **state)
{
	(void)state;
	struct rig r;
	struct ring_writer ring;
	int left = 3;
	static const uint8_t boot_id[16] = {1};

	rig_init(&r);
	assert_int_equal(ring_writer_open(&ring, RING_CAPACITY_MIN, boot_id), 0);
	r.emit.ring = &ring;
	r.emit.wait = give_up_after;
	r.emit.wait_arg = &left;
	for (unsigned i = 0; i < RING_CAPACITY_MIN; i++) {
		emit_begin(&r.emit, EVENT_AUTH, 1, &r.flow);
		emit_commit(&r.emit);
	}
	assert_int_equal(left, 3);
	assert_int_equal(counter_read(&r.counters, COUNTER_EVENTS), RING_CAPACITY_MIN);
	emit_begin(&r.emit, EVENT_AUTH, 1, &r.flow);
	emit_commit(&r.emit);
	assert_int_equal(left, 0);
	assert_int_equal(counter_read(&r.counters, COUNTER_EVENTS_LOST_AUTH), 1);
	ring_writer_close(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_has_its_head_filled_and_the_rest_zeroed),
		cmocka_unit_test(record_without_room_goes_to_scratch_and_is_counted_by_type),
		cmocka_unit_test(text_is_packed_and_cut_at_a_character),
		cmocka_unit_test(full_ring_waits_as_long_as_wait_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
