/*
 * live: theory of operation.
 *
 * Keeps: the clock of one receiving lcore, and which input comes next. The clock is the
 * monotonic clock, shifted once, at the start, to what the wall clock said: so it never jumps
 * when the wall clock is set, and it is the same for all lcores. It is read once per burst; the
 * packets of a burst read a nanosecond apart. A packet's own time, which people read, is the wall
 * clock's, or the driver's stamp where that is a time of day.
 *
 * Always holds: a packet's clock is greater than that of every packet of this lcore before, and
 * than what live_clock() said before. So a worker without packets may tell control how late it
 * is: timers run and findings close with nothing to receive.
 *
 * Limits: LIVE_INPUTS_MAX inputs (queues of ports), looked at in turn, so that none starves
 * another.
 *
 * What an attacker would try: fragments that fill the table (frag.c), frames longer than a
 * buffer (chained by the driver, linearised here into one bounded buffer when they are
 * fragments).
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/live.h"

#include <rte_ethdev.h>
#include <rte_pause.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"

/* Vain looks before the first nap. */
#define LIVE_POLLS 64u
/* A driver's stamp further from the wall clock is no time of day. */
#define LIVE_STAMP_SLACK_NS (10 * NS_PER_S)
/* What the ports hold at a stop is still read, for so long at most. */
#define LIVE_DRAIN_NS (200 * NS_PER_MS)
#define LIVE_BURST 32

uint64_t
live_wall_offset(void)
{
	return clock_now_ns(CLOCK_REALTIME) - clock_now_ns(CLOCK_MONOTONIC);
}

uint64_t
live_clock(struct live *l)
{
	uint64_t now_ns = clock_now_ns(CLOCK_MONOTONIC) + l->wall_offset_ns;

	if (now_ns > l->clock_ns)
		l->clock_ns = now_ns;
	return l->clock_ns;
}

/* When a packet was seen: by the driver's stamp, else now. */
static uint64_t
live_time(const struct live *l, struct rte_mbuf *m, uint64_t wall_ns)
{
	if (l->stamp_offset < 0 || !(m->ol_flags & l->stamp_flag))
		return wall_ns;
	uint64_t stamp_ns = *RTE_MBUF_DYNFIELD(m, l->stamp_offset, rte_mbuf_timestamp_t *);
	bool of_day = stamp_ns + LIVE_STAMP_SLACK_NS > wall_ns &&
		      stamp_ns < wall_ns + LIVE_STAMP_SLACK_NS;
	return of_day ? stamp_ns : wall_ns;
}

static void
live_stamp(struct live *l, struct rte_mbuf *const mbufs[], uint16_t n)
{
	uint64_t wall_ns = clock_now_ns(CLOCK_REALTIME);
	uint64_t clock_ns = l->clock_ns;
	uint64_t now_ns = live_clock(l);

	if (now_ns == clock_ns)
		now_ns++;
	for (uint16_t i = 0; i < n; i++) {
		const struct packet_meta meta = {
			.times = {.time_ns = live_time(l, mbufs[i], wall_ns),
				.clock_ns = now_ns + i,
				.order = ++l->order},
			.link = DECODE_LINK_ETHERNET};

		packet_set_meta(mbufs[i], l->meta_offset, &meta);
	}
	l->clock_ns = now_ns + n - 1;
}

bool
live_add_input(struct live *l, struct live_input input)
{
	if (l->all_count == LIVE_INPUTS_MAX)
		return false;
	l->all[l->all_count++] = input;
	l->inputs[l->input_count++] = input;
	return true;
}

void
live_set_port(struct live *l, uint32_t bit, uint16_t port)
{
	for (unsigned i = 0; i < l->all_count; i++) {
		if (l->all[i].bit == bit)
			l->all[i].port = port;
	}
}

/* Inputs whose ports went away are left alone from now on; those that came back are not. */
static void
live_choose(struct live *l, uint32_t gone)
{
	l->input_count = 0;
	l->next = 0;
	for (unsigned i = 0; i < l->all_count; i++) {
		if (!(l->all[i].bit & gone))
			l->inputs[l->input_count++] = l->all[i];
	}
	atomic_store_explicit(&l->left, gone, memory_order_release);
}

uint16_t
live_receive(struct live *l, struct rte_mbuf **mbufs, uint16_t max)
{
	uint32_t gone = atomic_load_explicit(l->gone, memory_order_acquire);

	if (gone != atomic_load_explicit(&l->left, memory_order_relaxed))
		live_choose(l, gone);
	for (unsigned i = 0; i < l->input_count; i++) {
		const struct live_input *in = &l->inputs[l->next];

		l->next = l->next + 1 < l->input_count ? l->next + 1 : 0;
		uint16_t n = rte_eth_rx_burst(in->port, in->queue, mbufs, max);
		if (n > 0) {
			live_stamp(l, mbufs, n);
			return n;
		}
	}
	return 0;
}

/* One buffer with those bytes; NULL: there is none. */
static struct rte_mbuf *
live_copy(struct live *l, const struct defrag_packet *packet)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->big);

	if (!m) {
		counter_add(l->defrag.counters, COUNTER_FRAG_DROP, 1);
		return NULL;
	}
	m->data_off = 0;
	m->data_len = (uint16_t)packet->len;
	m->pkt_len = packet->len;
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), packet->data, packet->len);
	packet_set_meta(m, l->meta_offset, &packet->meta);
	return m;
}

struct rte_mbuf *
live_rebuild(struct live *l, struct rte_mbuf *m, struct decode_packet *decoded,
	enum decode_verdict *verdict)
{
	struct defrag_packet packet = {.meta = packet_get_meta(m, l->meta_offset)};
	struct rte_mbuf *whole = NULL;

	packet.len = m->pkt_len < sizeof(l->linear) ? m->pkt_len : (uint32_t)sizeof(l->linear);
	packet.data = rte_pktmbuf_read(m, 0, packet.len, l->linear);
	if (defrag_decode(&l->defrag, &packet, decoded, verdict))
		whole = live_copy(l, &packet);
	rte_pktmbuf_free(m);
	return whole;
}

bool
live_drained(struct live *l, bool nothing_came)
{
	uint64_t now_ns = clock_now_ns(CLOCK_MONOTONIC);

	if (l->drain_until_ns == 0)
		l->drain_until_ns = now_ns + LIVE_DRAIN_NS;
	return nothing_came || now_ns > l->drain_until_ns;
}

void
live_idle(const struct live *l, unsigned *idle)
{
	unsigned n = (*idle)++;

	if (l->idle_sleep_ns == 0 || n < LIVE_POLLS) {
		rte_pause();
		return;
	}
	struct timespec nap = {.tv_nsec = (long)l->idle_sleep_ns};

	nanosleep(&nap, NULL);
}

/* One burst to the workers, or none: then they hear the time. False: there will be no more. */
static bool
live_dispatch(struct live *l, unsigned *idle)
{
	struct rte_mbuf *mbufs[LIVE_BURST];
	bool stopped = run_mode_get(l->run) == RUN_STOP;
	uint16_t n = live_receive(l, mbufs, LIVE_BURST);

	for (uint16_t i = 0; i < n; i++)
		dispatch_take_mbuf(l->dispatch, mbufs[i]);
	if (n == 0)
		l->dispatch->clock_ns = live_clock(l);
	dispatch_flush(l->dispatch);
	if (stopped && live_drained(l, n == 0))
		return false;
	if (n == 0)
		live_idle(l, idle);
	else
		*idle = 0;
	return true;
}

int
live_run_dispatch(void *arg)
{
	struct live *l = arg;
	unsigned idle = 0;

	while (run_mode_get(l->run) != RUN_ABORT && live_dispatch(l, &idle))
		;
	dispatch_end(l->dispatch);
	eventfd_write(l->done_fd, 1);
	return 0;
}
