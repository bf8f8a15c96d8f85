/*
 * Looking ahead by one event: what stands behind the values that ahead.c asked for. Blocks of
 * seen things, and the entries of open findings, are known by those values alone, which are here
 * by now; one event later these are here, too. Changes nothing.
 */
#include "base/prefetch.h"
#include "control/engine/internal.h"

_Static_assert(SUBJECT_SERVER + 1 == SUBJECT_TYPE_COUNT, "servers are the last");

static void
ask(const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += 64)
		prefetch_write((const uint8_t *)from + at);
}

static void
ask_subject(const struct engine *engine, enum subject_type type, const struct aggr_keys *keys)
{
	const struct aggr_class *class = &engine->aggr.class[type];
	const struct aggr_subject *s;

	/* Whoever else stands there by now is asked about in vain. */
	if (keys->guess_of[type] == TABLE_NONE)
		return;
	s = &class->subjects[keys->guess_of[type]];
	if (!aggr_has_finding(s))
		return;
	for (unsigned d = 0; d < AGGR_REFS; d++)
		if (s->findings[d] != AGGR_NO_REF)
			ask(book_at(&engine->book, s->findings[d]), BOOK_ENTRY_HOT_BYTES);
}

void
soon_ask(const struct engine *engine, const struct ahead_event *of)
{
	if (of->event->head.type == EVENT_AUTH) {
		/* Not the server: there are few, and what they point to is near. */
		ask_subject(engine, SUBJECT_SOURCE, &of->keys);
		ask_subject(engine, SUBJECT_PREFIX, &of->keys);
		ask_subject(engine, SUBJECT_ACCOUNT, &of->keys);
	}
	if (of->places > 0)
		track_soon(&engine->track, &of->place[0]);
}
