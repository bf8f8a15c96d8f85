/*
 * worker: theory of operation.
 *
 * Keeps: its watermark. Always holds: every packet whose clock is below the
 * watermark went through the pipeline, the timers up to it ran, and the ring was
 * flushed with it, so no later event of this worker reads less. Packet clocks
 * are all different (see clock.h), so after a burst the watermark is the last
 * one's plus one.
 *
 * The queue's clock is read before the queue is polled: if the poll then brings
 * nothing, everything before that clock was polled earlier. That is how a worker
 * without packets still closes silent sessions and never holds up the merge.
 *
 * Limits: WORKER_TURN_MAX packets a turn. When the ring is full the worker waits
 * for control, until it has room or has gone.
 */
#include "dataplane/io/worker.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/io/packet.h"

_Static_assert(WORKER_BURST <= 64, "a burst is a word of bits");
_Static_assert(WORKER_BURST % DECODE_PLAIN_STEP == 0, "nobody looks beyond its end");
_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
	"they are read together");

/* More prefetches than these make it slower: they queue for the same few buffers of the core. */
#define MBUFS_AHEAD 4

/* Bytes of a packet that are asked for while something is shed: its headers and a short line. */
#define SHED_AHEAD (3u * RTE_CACHE_LINE_SIZE)

/* What became of a burst; added to the shared counters once. */
struct worker_tally {
	uint64_t pkts;
	uint64_t bytes;
	uint64_t cut;
	uint64_t verdicts[DECODE_TOO_DEEP + 1];
};

static const enum counter worker_verdict_counters[] = {
	[DECODE_MAIL] = COUNTER_DECODE_MAIL,
	/* None comes: they are put together, or counted as dropped. */
	[DECODE_FRAGMENT] = COUNTER_DECODE_TOO_DEEP,
	[DECODE_OTHER] = COUNTER_DECODE_OTHER,
	[DECODE_MALFORMED] = COUNTER_DECODE_MALFORMED,
	[DECODE_TRUNCATED] = COUNTER_DECODE_TRUNCATED,
	[DECODE_TOO_DEEP] = COUNTER_DECODE_TOO_DEEP,
};

static struct counters *
worker_counters(struct worker *w)
{
	return &w->ring.header->counters;
}

/* The ring is full: show control what is there and wait for it. */
static bool
worker_wait_for_room(void *arg)
{
	struct worker *w = arg;
	unsigned idle = 0;

	ring_writer_flush(&w->ring, w->watermark_ns);
	while (!ring_writer_slot(&w->ring)) {
		if (run_mode_get(w->run) == RUN_ABORT)
			return false;
		queue_idle(&idle);
	}
	return true;
}

void
worker_init_emit(struct worker *w, bool waits)
{
	w->emit.ring = &w->ring;
	w->emit.counters = worker_counters(w);
	w->emit.wait = waits ? worker_wait_for_room : NULL;
	w->emit.wait_arg = w;
}

/* The checksum verdict of the port, when it gives one. */
static enum decode_checksum
worker_checksum(const struct rte_mbuf *m)
{
	uint64_t verdict = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	if (verdict == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return DECODE_CHECKSUM_GOOD;
	if (verdict == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return DECODE_CHECKSUM_BAD;
	return DECODE_CHECKSUM_UNKNOWN;
}

/*
 * A chained mbuf; false: it has more segments than are looked at. A super-segment that tells no
 * length (an IPv4 total length of 0, as Linux' BIG TCP has it) ends with its frame, of which decode
 * was given the first segment only.
 */
static bool
worker_add_segments(struct worker *w, const struct rte_mbuf *m, unsigned n)
{
	struct pipeline_packet *p = &w->packets[n];
	struct decode_packet *d = &p->decoded;
	const struct rte_mbuf *more = m->next;
	unsigned count = 0;

	for (; more && count < WORKER_SEGMENTS_MAX; more = more->next)
		w->segments[n][count++] = (struct span){
			.data = rte_pktmbuf_mtod(more, const uint8_t *), .len = more->data_len};
	p->more_count = count;
	if (d->payload_offset + d->payload_len == m->data_len &&
		d->payload_wire_len == d->payload_len)
		d->payload_wire_len += m->pkt_len - m->data_len;
	return !more;
}

/* Decode one packet into slot n; true when it is mail and the slot is taken. A fragment gives
   way to what it completes, if it does, else to NULL. */
static bool
worker_decode(struct worker *w, struct rte_mbuf **packet, unsigned n, struct worker_tally *tally)
{
	struct pipeline_packet *p = &w->packets[n];
	struct rte_mbuf *m = *packet;

	p->data = rte_pktmbuf_mtod(m, const uint8_t *);
	enum decode_verdict verdict =
		decode_packet(w->decode, packet_link(m), p->data, m->data_len, &p->decoded);
	if (verdict == DECODE_FRAGMENT && w->live) {
		m = *packet = live_rebuild(w->live, m, &p->decoded, &verdict);
		if (!m)
			return false;
		p->data = rte_pktmbuf_mtod(m, const uint8_t *);
	}
	tally->verdicts[verdict]++;
	if (verdict != DECODE_MAIL)
		return false;
	p->more = w->segments[n];
	p->more_count = 0;
	/* Not m->next, which is in the mbuf's second cache line. */
	if (m->nb_segs > 1)
		tally->cut += !worker_add_segments(w, m, n);
	else
		tally->cut += p->decoded.payload_wire_len > p->decoded.payload_len;
	return true;
}

/* The packet in slot n is taken: what is to be read of it is asked for. */
static void
worker_take(struct worker *w, struct rte_mbuf *m, unsigned n)
{
	struct pipeline_packet *p = &w->packets[n];
	const struct packet_times *times = packet_times_of(m, w->meta_offset);
	/* All of it will be read: its checksum is, and its lines are. But not what is shed. */
	bool sheds = w->shed && w->shed->level != SHED_NOTHING;
	uint32_t end = sheds && m->data_len > SHED_AHEAD ? SHED_AHEAD : m->data_len;

	for (uint32_t at = RTE_CACHE_LINE_SIZE; at < end; at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(p->data + at);
	p->checksum = (uint8_t)worker_checksum(m);
	p->time_ns = times->time_ns;
	p->clock_ns = times->clock_ns;
	p->order = times->order;
}

/*
 * May this mbuf go back to its pool as it is? Whole, nobody else's, its bytes its own: then there
 * is nothing to undo, and its second cache line, with the pointer to the next of a chain, need not
 * be read.
 */
static inline bool
worker_is_simple(const struct rte_mbuf *m, const struct rte_mempool *pool)
{
	static const uint16_t one_each[2] = {1, 1};
	uint32_t counts, ones;

	memcpy(&counts, (const uint8_t *)m + offsetof(struct rte_mbuf, refcnt), sizeof(counts));
	memcpy(&ones, one_each, sizeof(ones));
	return ((counts ^ ones) | ((uintptr_t)m->pool ^ (uintptr_t)pool) |
		       (m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL))) == 0;
}

/*
 * Count a burst and find those that are plainly no mail: a bit for each. Nothing here branches on
 * what a packet says: a mispredicted branch would wait for the memory, and all the packets
 * after it too.
 */
static uint64_t
worker_sieve(struct worker *w, struct rte_mbuf *const mbufs[], unsigned count,
	struct worker_tally *tally)
{
	const struct rte_mempool *pool = mbufs[0]->pool;
	const uint8_t *frames[WORKER_BURST];
	uint32_t len[WORKER_BURST];
	uint64_t other = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct rte_mbuf *m = mbufs[i];
		/* Who wrote them ran on another core. */
		if (i + MBUFS_AHEAD < count)
			rte_prefetch0(mbufs[i + MBUFS_AHEAD]);
		frames[i] = rte_pktmbuf_mtod(m, const uint8_t *);
		len[i] = m->data_len;
		/* The headers, for the loop over all of them. */
		rte_prefetch0(frames[i]);
		bytes += m->pkt_len;
		if (m->packet_type != DECODE_LINK_ETHERNET || !worker_is_simple(m, pool))
			other |= 1ull << i;
	}
	for (unsigned i = count; i % DECODE_PLAIN_STEP != 0; i++)
		len[i] = 0;
	uint64_t plain = decode_plain_others(w->decode, frames, len, count) & ~other;
	tally->pkts += count;
	tally->bytes += bytes;
	tally->verdicts[DECODE_OTHER] += (unsigned)__builtin_popcountll(plain);
	return plain;
}

static void
worker_count(struct worker *w, const struct worker_tally *tally)
{
	struct counters *c = worker_counters(w);

	counter_add(c, COUNTER_RX_PKTS, tally->pkts);
	counter_add(c, COUNTER_RX_BYTES, tally->bytes);
	if (tally->cut != 0)
		counter_add(c, COUNTER_DECODE_CUT, tally->cut);
	for (unsigned i = 0; i <= DECODE_TOO_DEEP; i++) {
		if (tally->verdicts[i] != 0)
			counter_add(c, worker_verdict_counters[i], tally->verdicts[i]);
	}
}

/* Nothing before clock_ns comes any more. */
static void
worker_advance(struct worker *w, uint64_t clock_ns)
{
	pipeline_clock(w->pipeline, clock_ns);
	w->watermark_ns = clock_ns;
	ring_writer_flush(&w->ring, clock_ns);
}

/* Give back the mbufs of the bits that are set, all of them simple: run by run. */
static void
worker_free_simple(struct rte_mbuf *mbufs[], uint64_t bits)
{
	while (bits) {
		unsigned first = (unsigned)__builtin_ctzll(bits);
		uint64_t after = ~(bits >> first) >> 1; /* the first is set */
		unsigned run = 1u + (after ? (unsigned)__builtin_ctzll(after) : 63u);

		rte_mempool_put_bulk(mbufs[first]->pool, (void **)&mbufs[first], run);
		bits &= ~0ull << (first + run - 1) << 1;
	}
}

/* Give back the mail of a turn. Nearly all of it is simple. */
static void
worker_free_mail(struct rte_mbuf *mbufs[], unsigned count)
{
	const struct rte_mempool *pool = mbufs[0]->pool;
	bool simple = true;

	for (unsigned i = 0; i < count; i++)
		simple &= worker_is_simple(mbufs[i], pool);
	if (simple)
		rte_mempool_put_bulk(mbufs[0]->pool, (void **)mbufs, count);
	else
		rte_pktmbuf_free_bulk(mbufs, count);
}

/* How loaded is it? Then shed may leave something out. last: what the last receive brought. */
static void
worker_weigh(struct worker *w, unsigned packets, unsigned mail, unsigned last, uint64_t clock_ns)
{
	/* Of several queues one that brings little says nothing of the next. */
	bool dry = last == 0 || (last < WORKER_BURST && !(w->live && w->live->input_count > 1));

	if (w->shed)
		shed_turn(w->shed, packets, mail, dry, clock_ns);
}

static void
worker_move(struct worker *w, unsigned to, unsigned from)
{
	if (to == from)
		return;
	w->packets[to] = w->packets[from];
	w->mail[to] = w->mail[from];
	w->packets[to].more = w->segments[to];
	memcpy(w->segments[to], w->segments[from],
		w->packets[from].more_count * sizeof(w->segments[0][0]));
}

/*
 * Overload: what is of a session that was shed leaves the slots from `first` to `end`, before
 * anything is read of it but its headers. Where they end now.
 */
static unsigned
worker_leave_out(struct worker *w, unsigned first, unsigned end, uint64_t clock_ns)
{
	const struct rte_mempool *pool = first < end ? w->mail[first]->pool : NULL;
	struct rte_mbuf *simple[WORKER_BURST];
	uint64_t hash[WORKER_BURST];
	unsigned kept = first;
	unsigned n = 0;

	for (unsigned i = first; i < end; i++)
		hash[i - first] = pipeline_shed_hash(w->pipeline, &w->packets[i].decoded);
	for (unsigned i = first; i < end; i++) {
		struct rte_mbuf *m = w->mail[i];
		if (!pipeline_sheds(w->pipeline, &w->packets[i].decoded, hash[i - first], clock_ns))
			worker_move(w, kept++, i);
		else if (worker_is_simple(m, pool))
			simple[n++] = m;
		else
			rte_pktmbuf_free(m);
	}
	if (n > 0)
		rte_mempool_put_bulk(simple[0]->pool, (void **)simple, n);
	return kept;
}

/* Take a burst: mail is kept from place `mail` on, the rest is freed. How much is kept now. */
static unsigned
worker_sort(struct worker *w, struct rte_mbuf *mbufs[], unsigned count, unsigned mail,
	struct worker_tally *tally, uint64_t clock_ns)
{
	stages_enter(w->emit.stages, PATH_SIEVE);
	uint64_t plain = worker_sieve(w, mbufs, count, tally);
	uint64_t all = ~0ull >> (64 - count);
	unsigned first = mail;

	stages_enter(w->emit.stages, PATH_DECODE);
	for (uint64_t rest = all & ~plain; rest; rest &= rest - 1) {
		unsigned i = (unsigned)__builtin_ctzll(rest);
		/* The fragments of what was rebuilt were counted as they came. */
		if (packet_is_rebuilt(mbufs[i])) {
			tally->pkts--;
			tally->bytes -= mbufs[i]->pkt_len;
		}
		if (worker_decode(w, &mbufs[i], mail, tally))
			w->mail[mail++] = mbufs[i];
		else
			rte_pktmbuf_free(mbufs[i]);
	}
	if (w->shed && shed_asks(w->shed, clock_ns))
		mail = worker_leave_out(w, first, mail, clock_ns);
	for (unsigned i = first; i < mail; i++)
		worker_take(w, w->mail[i], i);
	stages_enter(w->emit.stages, PATH_FREE);
	worker_free_simple(mbufs, plain);
	return mail;
}

static uint16_t
worker_receive(struct worker *w, struct rte_mbuf **mbufs)
{
	if (w->live)
		return live_receive(w->live, mbufs, WORKER_BURST);
	return rte_eth_rx_burst(w->queue->port, w->queue->port_queue, mbufs, WORKER_BURST);
}

uint16_t
worker_poll(struct worker *w)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	struct worker_tally tally = {0};
	uint64_t clock_ns = 0;
	unsigned total = 0;
	unsigned mail = 0;
	uint16_t n;
	/* What is shed does not end a turn, and the load is looked at after it. */
	bool sheds = w->shed && w->shed->level >= SHED_DELIVERIES;
	const unsigned limit = sheds ? SHED_LOOK_PACKETS : WORKER_TURN_MAX;

	do {
		stages_enter(w->emit.stages, PATH_RX);
		n = worker_receive(w, mbufs);
		if (n == 0)
			break;
		clock_ns = packet_times_of(mbufs[n - 1], w->meta_offset)->clock_ns;
		mail = worker_sort(w, mbufs, n, mail, &tally, clock_ns);
		total += n;
	} while (n == WORKER_BURST && mail < WORKER_MAIL_ENOUGH && total < limit);
	if (total == 0)
		return 0;
	if (mail > 0) {
		stages_enter(w->emit.stages, PATH_FLOW);
		pipeline_burst(w->pipeline, w->packets, mail);
		stages_enter(w->emit.stages, PATH_FREE);
		worker_free_mail(w->mail, mail);
	}
	stages_enter(w->emit.stages, PATH_OTHER);
	worker_count(w, &tally);
	worker_weigh(w, total, mail, n, clock_ns);
	worker_advance(w, clock_ns + 1);
	return (uint16_t)total;
}

/* Count as received what ended in the dispatcher. */
static void
worker_count_absorbed(struct worker *w)
{
	uint64_t pkts = atomic_load_explicit(&w->queue->absorbed_pkts, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&w->queue->absorbed_bytes, memory_order_relaxed);

	if (pkts == w->absorbed_pkts)
		return;
	counter_add(worker_counters(w), COUNTER_RX_PKTS, pkts - w->absorbed_pkts);
	counter_add(worker_counters(w), COUNTER_RX_BYTES, bytes - w->absorbed_bytes);
	w->absorbed_pkts = pkts;
	w->absorbed_bytes = bytes;
}

/* A control that came anew reads from where the last one stood. */
static void
worker_take_cursor(struct worker *w)
{
	int fd = atomic_load_explicit(&w->cursor_fd, memory_order_acquire);

	if (fd < 0)
		return;
	/* One that makes no sense leaves the old one: the ring fills, and that is counted. */
	ring_writer_set_cursor(&w->ring, fd);
	close(fd);
	atomic_store_explicit(&w->cursor_fd, -1, memory_order_release);
}

static void
worker_end(struct worker *w, uint64_t clock_ns)
{
	if (w->live)
		frag_end(w->live->defrag.frag);
	pipeline_end(w->pipeline, clock_ns);
	if (!w->left_open)
		ring_writer_end(&w->ring);
}

/* It holds nothing of what main swaps (renew.c). */
static inline void
worker_passes(struct worker *w)
{
	if (w->passing)
		rte_rcu_qsbr_quiescent(w->passing, w->number);
}

/* Polls its queue: what a capture's reader or a port's dispatcher gives it. */
static void
worker_run_queue(struct worker *w)
{
	struct queue *q = w->queue;
	unsigned idle = 0;

	while (run_mode_get(w->run) != RUN_ABORT) {
		bool ended = atomic_load_explicit(&q->ended, memory_order_acquire);
		uint64_t clock_ns = atomic_load_explicit(&q->clock_ns, memory_order_acquire);
		worker_take_cursor(w);
		worker_passes(w);
		if (worker_poll(w) > 0) {
			idle = 0;
			continue;
		}
		worker_count_absorbed(w);
		worker_weigh(w, 0, 0, 0, clock_ns);
		if (clock_ns > w->watermark_ns)
			worker_advance(w, clock_ns);
		if (ended) {
			worker_end(w, clock_ns);
			break;
		}
		queue_idle(&idle);
	}
}

/* Polls its queues of live ports. */
static void
worker_run_live(struct worker *w)
{
	unsigned idle = 0;

	while (run_mode_get(w->run) != RUN_ABORT) {
		bool stopped = run_mode_get(w->run) == RUN_STOP;
		worker_take_cursor(w);
		worker_passes(w);
		uint16_t n = worker_poll(w);
		if (n == 0) {
			worker_advance(w, live_clock(w->live) + 1);
			worker_weigh(w, 0, 0, 0, w->live->clock_ns);
		}
		if (stopped && live_drained(w->live, n == 0)) {
			worker_end(w, w->watermark_ns);
			break;
		}
		if (n == 0)
			live_idle(w->live, &idle);
		else
			idle = 0;
	}
}

int
worker_run(void *arg)
{
	struct worker *w = arg;

	if (w->passing) {
		rte_rcu_qsbr_thread_register(w->passing, w->number);
		rte_rcu_qsbr_thread_online(w->passing, w->number);
	}
	if (w->live)
		worker_run_live(w);
	else
		worker_run_queue(w);
	if (w->passing) {
		rte_rcu_qsbr_thread_offline(w->passing, w->number);
		rte_rcu_qsbr_thread_unregister(w->passing, w->number);
	}
	eventfd_write(w->done_fd, 1);
	return 0;
}
