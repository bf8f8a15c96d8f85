/*
 * emit: where a record is written, and what happens when there is no room.
 *
 * Keeps: which slot is open (the ring's next, the array's next, or scratch) and
 * nothing else. Between emit_begin and emit_commit the slot belongs to the
 * caller; the reader cannot see it before ring_writer_flush.
 *
 * Always holds: emit_begin returns 512 zeroed bytes with a filled head, so a
 * caller never has to ask whether there was room, and no bytes of an older
 * record leak into a new one.
 *
 * What an attacker would try: fill the ring so that the record of the one
 * guess that worked is lost. Live, that loss is counted by type, so that control
 * knows what it cannot rule out; a capture waits instead.
 */
#include "dataplane/emit/emit.h"

#include <string.h>

/* One string's length is a byte. */
#define EMIT_STRING_MAX 255u

static struct event *
emit_slot(struct emit *emit)
{
	struct event *slot;

	if (!emit->ring)
		return emit->array_len < emit->array_cap ? &emit->array[emit->array_len] : NULL;
	slot = ring_writer_slot(emit->ring);
	while (!slot && emit->wait && emit->wait(emit->wait_arg))
		slot = ring_writer_slot(emit->ring);
	return slot;
}

struct event *
emit_begin(struct emit *emit, enum event_type type, uint64_t time_ns, const struct event_flow *flow)
{
	emit->stage = stages_enter(emit->stages, PATH_EMIT);
	struct event *event = emit_slot(emit);

	emit->lost = event == NULL;
	if (!event)
		event = &emit->scratch;
	emit->open = event;
	memset(event, 0, sizeof(*event));
	event->head.type = (uint16_t)type;
	event->head.version = EVENT_VERSION;
	event->head.clock_ns = emit->clock_ns;
	event->head.order = emit->order;
	event->head.time_ns = time_ns;
	event->head.flow = *flow;
	return event;
}

static enum counter
emit_lost_counter(unsigned type)
{
	switch ((enum event_type)type) {
	case EVENT_AUTH:
		return COUNTER_EVENTS_LOST_AUTH;
	case EVENT_RCPT:
		return COUNTER_EVENTS_LOST_RCPT;
	case EVENT_MAIL:
		return COUNTER_EVENTS_LOST_MAIL;
	case EVENT_SIGNATURE:
		return COUNTER_EVENTS_LOST_SIGNATURE;
	case EVENT_SESSION:
	case EVENT_NONE:
	case EVENT_TYPE_COUNT:
		break;
	}
	return COUNTER_EVENTS_LOST_SESSION;
}

void
emit_commit(struct emit *emit)
{
	if (emit->tap)
		emit->tap(emit->tap_arg, emit->open);
	if (emit->lost) {
		counter_add(emit->counters, emit_lost_counter(emit->scratch.head.type), 1);
	} else {
		counter_add(emit->counters, COUNTER_EVENTS, 1);
		if (emit->ring)
			ring_writer_advance(emit->ring);
		else
			emit->array_len++;
	}
	stages_enter(emit->stages, emit->stage);
}

uint8_t
emit_text(struct event *event, size_t *used, const char *text, size_t len)
{
	size_t room = *used < EVENT_TEXT_BYTES ? EVENT_TEXT_BYTES - *used : 0;
	size_t n = len;

	if (room > EMIT_STRING_MAX)
		room = EMIT_STRING_MAX;
	if (n > room) {
		n = room;
		/* RFC 3629 3: a byte 10xxxxxx continues a character; do not cut before it. */
		while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
			n--;
	}
	if (n > 0)
		memcpy(event->text + *used, text, n);
	*used += n;
	return (uint8_t)n;
}
