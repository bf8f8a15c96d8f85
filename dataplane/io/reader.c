#include "dataplane/io/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"

/* How often a reader that waits for the wall clock looks whether to stop. */
#define READER_NAP_NS (20 * NS_PER_MS)
#define READER_PROGRESS_NS (200 * NS_PER_MS)
/* Asking the time costs more than a packet: ask every so many. */
#define READER_PROGRESS_PKTS 1024

/* Wait until the packet is due at the capture's pace, or somebody wants to stop. */
static void
reader_wait(struct reader *r, uint64_t clock_ns)
{
	uint64_t now_ns = clock_now_ns(CLOCK_MONOTONIC);

	if (r->packets == 0)
		r->real_base_ns = now_ns - clock_ns;
	uint64_t due_ns = r->real_base_ns + clock_ns;
	if ((int64_t)(due_ns - now_ns) > 0)
		dispatch_flush(r->dispatch);
	while ((int64_t)(due_ns - now_ns) > 0 && run_mode_get(r->run) == RUN_ON) {
		uint64_t left_ns = due_ns - now_ns;
		struct timespec nap = {
			.tv_nsec = (long)(left_ns < READER_NAP_NS ? left_ns : READER_NAP_NS)};
		nanosleep(&nap, NULL);
		now_ns = clock_now_ns(CLOCK_MONOTONIC);
	}
}

static void
reader_progress(struct reader *r, const struct capture *c)
{
	uint64_t now_ns;

	if (!r->progress || (!r->real_time && r->packets % READER_PROGRESS_PKTS != 0))
		return;
	now_ns = clock_now_ns(CLOCK_MONOTONIC);
	if (now_ns - r->progress_ns < READER_PROGRESS_NS)
		return;
	r->progress_ns = now_ns;
	status_progress(r->status, c);
}

/* One packet, on its way to a worker. False: stopped. */
static bool
reader_packet(
	struct reader *r, const struct capture *c, const struct capture_packet *read, bool believed)
{
	struct defrag_packet packet = {.data = read->data, .len = read->len};

	if (r->packets_of_file == 0)
		capture_clock_file(&r->clock, read->time_ns);
	r->packets_of_file++;
	if (believed)
		r->stamp_ns = read->time_ns;
	packet.meta.times.time_ns = r->stamp_ns;
	packet.meta.times.clock_ns = believed ? capture_clock_read(&r->clock, read->time_ns)
					      : capture_clock_stay(&r->clock);
	packet.meta.times.order = r->packets + 1;
	packet.meta.link = (uint8_t)c->link;
	if (r->real_time)
		reader_wait(r, packet.meta.times.clock_ns);
	r->packets++;
	reader_progress(r, c);
	return dispatch_take(r->dispatch, &packet) && run_mode_get(r->run) == RUN_ON;
}

/* Why a capture was not read to its end. */
static void
reader_tell(const struct capture *c, int error, const char *why)
{
	const char *what = error == -ENOTSUP ? "not read any further" : "damaged";

	if (error == -ENOTSUP && c->packets == 0)
		fprintf(stderr, "smtap: %s: %s\n", capture_name(c->path), why);
	else
		fprintf(stderr, "smtap: %s: %s after packet %llu: %s\n", capture_name(c->path),
			what, (unsigned long long)c->packets, why);
}

/* Keep a packet whose stamp is in doubt. False: there is no room for it. */
static bool
reader_keep(struct reader *r, const struct capture_packet *packet)
{
	uint32_t at = 0;

	if (r->doubt_count > 0)
		at = r->doubts[r->doubt_count - 1].at + r->doubts[r->doubt_count - 1].len;
	if (r->doubt_count == READER_DOUBTS_MAX ||
		(r->doubt_count > 0 && at + (uint64_t)packet->len > READER_DOUBT_BYTES_MAX))
		return false;
	uint8_t *held = realloc(r->held, (size_t)at + packet->len + 1);
	if (!held)
		return false;
	memcpy(held + at, packet->data, packet->len);
	r->held = held;
	r->doubts[r->doubt_count++] =
		(struct reader_doubt){.time_ns = packet->time_ns, .at = at, .len = packet->len};
	return true;
}

/*
 * The packet's stamp leaps ahead. Read on, into *packet, until one does not, or until so many do
 * that they are right; *n is what capture_next said of the last. False: stopped.
 */
static bool
reader_doubts(struct reader *r, struct capture *c, struct capture_packet *packet, int *n, char *why)
{
	bool go_on = true;

	r->doubt_count = 0;
	while (*n == 1 && capture_clock_leaps(&r->clock, packet->time_ns) && reader_keep(r, packet))
		*n = capture_next(c, packet, why);
	bool believed = *n != 1 || capture_clock_leaps(&r->clock, packet->time_ns);
	if (!believed && !r->told)
		fprintf(stderr,
			"smtap: %s: packet %llu: its time is hours ahead of those around it, and "
			"is "
			"not believed\n",
			capture_name(c->path), (unsigned long long)c->packets - r->doubt_count);
	r->told |= !believed;
	for (unsigned i = 0; go_on && i < r->doubt_count; i++) {
		const struct reader_doubt *doubt = &r->doubts[i];
		struct capture_packet held = {
			.data = r->held + doubt->at, .len = doubt->len, .time_ns = doubt->time_ns};
		go_on = reader_packet(r, c, &held, believed);
	}
	return go_on;
}

/* Read one capture. False: stopped. */
static bool
reader_capture(struct reader *r, struct capture *c)
{
	char why[CAPTURE_WHY_BYTES];
	struct capture_packet packet;
	bool go_on = true;
	int n = 1;

	if (!c->pcap && capture_open(c, c->path, why) != 0)
		n = -1;
	r->told = false;
	r->packets_of_file = 0;
	if (n == 1)
		n = capture_next(c, &packet, why);
	while (go_on && n == 1) {
		/* A file's first stamp says where its clock is. */
		if (r->packets_of_file > 0 && capture_clock_leaps(&r->clock, packet.time_ns)) {
			go_on = reader_doubts(r, c, &packet, &n, why);
			if (!go_on || n != 1)
				break;
		}
		go_on = reader_packet(r, c, &packet, true);
		if (go_on)
			n = capture_next(c, &packet, why);
	}
	if (n < 0) {
		r->damaged = true;
		r->unsupported = n == -ENOTSUP && r->packets == 0;
		reader_tell(c, n, why);
		status_damaged(r->status, c, why);
	}
	status_capture(r->status, c);
	capture_close(c);
	return go_on;
}

int
reader_run(void *arg)
{
	struct reader *r = arg;

	for (unsigned i = 0; i < r->capture_count; i++) {
		if (!reader_capture(r, &r->captures[i]))
			break;
	}
	free(r->held);
	dispatch_end(r->dispatch);
	eventfd_write(r->done_fd, 1);
	return 0;
}
