/* One dataplane after another, and one control after another: where each goes on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/intake/internal.h"

/* Sessions that it followed. Workers do not write together: the sum may be a few off. */
static uint64_t
open_sessions(const struct counters *c)
{
	uint64_t began = counter_read(c, COUNTER_FLOW_NEW);
	uint64_t ended = counter_read(c, COUNTER_FLOW_CLOSED) + counter_read(c, COUNTER_FLOW_IDLE) +
			 counter_read(c, COUNTER_FLOW_EVICTED) +
			 counter_read(c, COUNTER_FLOW_EVICTED_HALF_OPEN);

	return began > ended ? began - ended : 0;
}

/* As it stands, for whatever dataplane comes next. */
static void
put_past(const struct intake *intake, struct intake_past *past)
{
	struct counters sum;

	intake_sum_counters(intake, &sum);
	sum.value[COUNTER_SHED_LEVEL] = 0;
	*past = (struct intake_past){
		.workers = sum, .own = intake->counters, .clock_ns = intake->clock_ns};
	if (intake->past_ns != UINT64_MAX && intake->past_ns > past->clock_ns)
		past->clock_ns = intake->past_ns;
}

void
intake_leave(struct intake *intake, struct intake_past *past)
{
	struct intake_counters *own = &intake->counters;

	intake_settle(intake);
	for (unsigned i = 0; i < intake->ring_count; i++) {
		const struct ring_reader *reader = &intake->rings[i].reader;
		uint64_t written = counter_read(&reader->header->counters, COUNTER_EVENTS);

		own->cut += open_sessions(&reader->header->counters);
		/* What it says of itself is believed no further than its ring is long. */
		if (written > reader->next && written - reader->next <= (uint64_t)reader->mask + 1)
			own->unsaid += written - reader->next;
	}
	own->deaths++;
	put_past(intake, past);
	intake_close(intake);
}

void
intake_begin_after(struct intake *intake, const struct intake_past *past)
{
	intake->past = *past;
	intake->counters = past->own;
	intake->clock_ns = past->clock_ns;
}

void
intake_settle(struct intake *intake)
{
	intake_release_taken(intake);
	for (unsigned i = 0; i < intake->ring_count && !intake->replay; i++)
		if (!intake->rings[i].closed)
			ring_reader_release(&intake->rings[i].reader);
}

void
intake_mark(const struct intake *intake, struct intake_mark *mark)
{
	memset(mark, 0, sizeof(*mark));
	memcpy(mark->boot_id, intake->boot_id, sizeof(mark->boot_id));
	mark->rings = intake->ring_count;
	for (unsigned i = 0; i < intake->ring_count; i++)
		mark->next[i] = intake->rings[i].reader.next;
	mark->timed = intake->timed;
	mark->shift_ns = intake->shift_ns;
	mark->past = intake->past;
	put_past(intake, &mark->present);
}

bool
intake_resume(struct intake *intake, const struct intake_mark *mark)
{
	static const uint8_t none[16];

	if (mark->rings == intake->ring_count &&
		memcmp(mark->boot_id, intake->boot_id, sizeof(mark->boot_id)) == 0) {
		intake->past = mark->past;
		intake->counters = mark->present.own;
		intake->clock_ns = mark->present.clock_ns;
		intake->timed = mark->timed;
		intake->shift_ns = mark->shift_ns;
		return true;
	}
	intake_begin_after(intake, &mark->present);
	if (memcmp(mark->boot_id, none, sizeof(none)) != 0)
		intake->counters.deaths++;
	return false;
}

/*
 * The rings' records after the mark, one ring after the other; all or none of them. Records that
 * make no sense are left out, as they were.
 */
static void
read_rings(const struct intake *intake, const struct intake_mark *mark, struct intake_earlier *all,
	size_t ends[])
{
	for (unsigned i = 0; i < intake->ring_count; i++) {
		const struct ring_reader *r = &intake->rings[i].reader;
		uint64_t from = mark->next[i];
		uint64_t n = from <= r->next ? r->next - from : 0;
		struct event *out = all->events + all->count;

		all->whole &= from <= r->next && ring_reader_reread(r, from, n, out);
		for (uint64_t k = 0; k < n && all->whole; k++)
			if (event_valid(&out[k]))
				all->events[all->count++] = out[k];
		ends[i] = all->count;
	}
	if (!all->whole)
		memset(ends, 0, intake->ring_count * sizeof(*ends));
}

/* As intake_next hands them out: the smallest of the heads, of equal ones the first. */
static void
merge_rings(
	const struct intake *intake, struct event *out, const struct event *in, const size_t ends[])
{
	size_t at[HELLO_WORKERS_MAX], count = ends[intake->ring_count - 1];
	uint64_t clock_ns = 0;

	for (unsigned i = 0; i < intake->ring_count; i++)
		at[i] = i > 0 ? ends[i - 1] : 0;
	for (size_t k = 0; k < count; k++) {
		unsigned best = UINT32_MAX;

		for (unsigned i = 0; i < intake->ring_count; i++)
			if (at[i] < ends[i] &&
				(best == UINT32_MAX ||
					intake_key_less(&in[at[i]].head, &in[at[best]].head)))
				best = i;
		out[k] = in[at[best]++];
		out[k].head.clock_ns += intake->shift_ns;
		if (out[k].head.clock_ns < clock_ns)
			out[k].head.clock_ns = clock_ns;
		clock_ns = out[k].head.clock_ns;
	}
}

int
intake_reread(
	const struct intake *intake, const struct intake_mark *mark, struct intake_earlier *earlier)
{
	size_t ends[HELLO_WORKERS_MAX], most = 1;
	struct intake_earlier all = {.whole = true};

	for (unsigned i = 0; i < intake->ring_count; i++)
		most += (size_t)intake->rings[i].reader.mask + 1;
	*earlier = (struct intake_earlier){0};
	/* Untouched pages cost nothing. */
	all.events = malloc(most * sizeof(*all.events));
	earlier->events = malloc(most * sizeof(*earlier->events));
	if (!all.events || !earlier->events) {
		free(all.events);
		free(earlier->events);
		earlier->events = NULL;
		return -ENOMEM;
	}
	read_rings(intake, mark, &all, ends);
	merge_rings(intake, earlier->events, all.events, ends);
	earlier->count = ends[intake->ring_count - 1];
	earlier->whole = all.whole;
	free(all.events);
	return 0;
}

void
intake_forget(struct intake *intake, const struct intake_mark *mark)
{
	for (unsigned i = 0; i < intake->ring_count; i++) {
		uint64_t next = intake->rings[i].reader.next;
		uint64_t from = mark ? mark->next[i] : 0;

		intake->counters.forgotten += from < next ? next - from : 0;
	}
}

void
intake_took(struct intake *intake, size_t count, uint64_t clock_ns)
{
	intake->counters.events += count;
	if (clock_ns > intake->clock_ns)
		intake->clock_ns = clock_ns;
}
