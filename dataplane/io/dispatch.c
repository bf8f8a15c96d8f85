/*
 * dispatch: theory of operation.
 *
 * Keeps: per worker a short batch of packets not yet enqueued; the fragments of
 * packets not yet whole. A fragment has no ports, and a tunnel's fragment not
 * even the inner addresses, so fragments are put together here, before the
 * worker is chosen, again and again while what comes out is a fragment itself.
 *
 * Always holds: what queue->clock_ns promises. A worker's clock is published
 * after its packets were enqueued, and while some of them still wait for room,
 * it stays at the first of these. Every other worker's clock goes on meanwhile:
 * so control can always merge the events of the worker that is behind, which
 * makes room in its ring, which lets it poll: nobody waits for ever.
 *
 * Limits: batches of DISPATCH_BURST, rings of as many slots as the caller says, two
 * pools of mbufs; when any is exhausted, the reader waits for the workers: as long
 * as it takes when it reads a capture, DISPATCH_PATIENCE looks when it reads a live port,
 * whose packets then go and are counted (the port itself drops what comes meanwhile).
 *
 * What an attacker would try: addresses that all hash to one worker. The key is
 * drawn at start.
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/dispatch.h"

#include <errno.h>
#include <rte_errno.h>
#include <string.h>

#include "dataplane/io/pool.h"

#define DISPATCH_SMALL_BYTES 2048u
#define DISPATCH_CACHE 32u
/* Pages of an mbuf, at most. */
#define DISPATCH_SMALL_PAGES 1u
#define DISPATCH_BIG_PAGES 17u
#define DISPATCH_PAGE_BYTES 4096u
/* Looks at a full ring of a worker, some 2 ms, before a live packet goes. */
#define DISPATCH_PATIENCE (QUEUE_YIELDS + 20u)
/* A longer buffer is not passed on: few of them would be all that there are. */
#define DISPATCH_KEEP_ROOM 4096u
/* EAL's own, the rings, and the ports. */
#define DISPATCH_BASE_MIB 32u

/* Enough that no worker's ring and no lcore's cache can hold all. */
static unsigned
dispatch_small_count(const struct dispatch_size *size)
{
	return (size->workers + 1) * (size->slots + 4 * DISPATCH_CACHE);
}

static unsigned
dispatch_big_count(const struct dispatch_size *size)
{
	return 64 + size->big_per_worker * size->workers;
}

unsigned
dispatch_memory_mib(const struct dispatch_size *size)
{
	size_t pages = (size_t)dispatch_small_count(size) * DISPATCH_SMALL_PAGES +
		       (size_t)dispatch_big_count(size) * DISPATCH_BIG_PAGES;

	return (unsigned)(pages * DISPATCH_PAGE_BYTES >> 20) + DISPATCH_BASE_MIB;
}

int
dispatch_pools_create(struct dispatch *d, const struct dispatch_size *size, int node)
{
	d->small = pool_create(
		"small", dispatch_small_count(size), DISPATCH_CACHE, DISPATCH_SMALL_BYTES, node);
	if (d->small)
		d->big = pool_create("big", dispatch_big_count(size), 0, DEFRAG_PACKET_MAX, node);
	if (d->small && d->big)
		return 0;
	rte_mempool_free(d->small);
	rte_mempool_free(d->big);
	return node == SOCKET_ID_ANY ? -rte_errno : dispatch_pools_create(d, size, SOCKET_ID_ANY);
}

/* The worker for two addresses, whichever way round. */
static unsigned
dispatch_queue_of(const struct dispatch *d, const struct decode_packet *packet)
{
	struct addr ends[2] = {packet->src, packet->dst};

	if (d->queue_count == 1 || !packet->has_ip)
		return 0;
	if (memcmp(&ends[0], &ends[1], sizeof(ends[0])) > 0) {
		ends[0] = packet->dst;
		ends[1] = packet->src;
	}
	uint64_t hash = siphash(&d->key, ends, sizeof(ends));
	return (unsigned)((hash >> 32) * d->queue_count >> 32);
}

/* Enqueue what fits; returns the clock up to which this worker has everything. */
static uint64_t
dispatch_send(struct dispatch *d, unsigned q)
{
	struct dispatch_pending *p = &d->pending[q];

	if (p->count != 0) {
		unsigned n = rte_ring_sp_enqueue_burst(
			d->queues[q].ring, (void **)&p->mbufs[p->sent], p->count - p->sent, NULL);
		p->sent += n;
		d->pending_total -= n;
		if (p->sent < p->count)
			return packet_times_of(p->mbufs[p->sent], d->meta_offset)->clock_ns;
		p->count = p->sent = 0;
	}
	/* The next packet reads later than the last one: no two are equal. */
	return d->clock_ns + 1;
}

/* What a worker has no room for goes. True: no reason to stop. */
static bool
dispatch_dropped(struct dispatch *d, unsigned n)
{
	if (!d->live)
		return false;
	counter_add(d->defrag.counters, COUNTER_DISPATCH_FULL, n);
	return true;
}

static void
dispatch_drop_pending(struct dispatch *d)
{
	unsigned n = d->pending_total;

	for (unsigned q = 0; q < d->queue_count; q++) {
		struct dispatch_pending *p = &d->pending[q];
		rte_pktmbuf_free_bulk(&p->mbufs[p->sent], p->count - p->sent);
		p->count = p->sent = 0;
	}
	d->pending_total = 0;
	dispatch_dropped(d, n);
}

bool
dispatch_flush(struct dispatch *d)
{
	unsigned idle = 0;

	for (;;) {
		for (unsigned q = 0; q < d->queue_count; q++) {
			uint64_t clock_ns = dispatch_send(d, q);
			atomic_store_explicit(
				&d->queues[q].clock_ns, clock_ns, memory_order_release);
		}
		if (d->pending_total == 0)
			return true;
		if (run_mode_get(d->run) == RUN_ABORT)
			return false;
		if (d->live && idle == DISPATCH_PATIENCE)
			dispatch_drop_pending(d);
		else
			queue_idle(&idle);
	}
}

static struct rte_mbuf *
dispatch_alloc(struct dispatch *d, struct rte_mempool *pool)
{
	unsigned idle = 0;
	struct rte_mbuf *m;

	while (!(m = rte_pktmbuf_alloc(pool))) {
		if (!dispatch_flush(d) || run_mode_get(d->run) == RUN_ABORT)
			return NULL;
		if (d->live && idle == DISPATCH_PATIENCE)
			return NULL;
		queue_idle(&idle);
	}
	m->data_off = 0; /* nobody prepends: all the room is for the packet */
	return m;
}

/* The bytes in one mbuf, or in a chain when they are more than one holds. */
static struct rte_mbuf *
dispatch_copy(struct dispatch *d, const uint8_t *data, uint32_t len)
{
	struct rte_mempool *pool = len <= DISPATCH_SMALL_BYTES ? d->small : d->big;
	struct rte_mbuf *head = NULL;

	do {
		uint32_t n = len < DEFRAG_PACKET_MAX ? len : DEFRAG_PACKET_MAX;
		struct rte_mbuf *m = dispatch_alloc(d, pool);
		if (!m)
			break;
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), data, n);
		m->data_len = (uint16_t)n;
		m->pkt_len = n;
		if (!head)
			head = m;
		else
			rte_pktmbuf_chain(head, m);
		data += n;
		len -= n;
	} while (len > 0);
	if (len > 0) {
		rte_pktmbuf_free(head);
		return NULL;
	}
	return head;
}

static void
dispatch_absorb(struct dispatch *d, uint32_t len)
{
	struct queue *q = &d->queues[0];

	atomic_fetch_add_explicit(&q->absorbed_pkts, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&q->absorbed_bytes, len, memory_order_relaxed);
}

/* On its way to the worker for its addresses. */
static bool
dispatch_queue(struct dispatch *d, struct rte_mbuf *m, const struct packet_meta *meta,
	const struct decode_packet *decoded)
{
	struct dispatch_pending *p = &d->pending[dispatch_queue_of(d, decoded)];

	packet_set_meta(m, d->meta_offset, meta);
	p->mbufs[p->count++] = m;
	d->pending_total++;
	d->clock_ns = meta->times.clock_ns;
	if (p->count == DISPATCH_BURST || d->pending_total >= 2 * DISPATCH_BURST)
		return dispatch_flush(d);
	return true;
}

bool
dispatch_take(struct dispatch *d, const struct defrag_packet *received)
{
	struct defrag_packet packet = *received;
	struct decode_packet decoded;
	enum decode_verdict verdict;
	bool whole = defrag_decode(&d->defrag, &packet, &decoded, &verdict);

	if (packet.meta.rebuilt || !whole)
		dispatch_absorb(d, received->len);
	d->clock_ns = packet.meta.times.clock_ns;
	if (!whole)
		return true;
	struct rte_mbuf *m = dispatch_copy(d, packet.data, packet.len);
	if (!m)
		return dispatch_dropped(d, 1);
	return dispatch_queue(d, m, &packet.meta, &decoded);
}

bool
dispatch_take_mbuf(struct dispatch *d, struct rte_mbuf *m)
{
	struct defrag_packet packet = {.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.len = m->data_len,
		.meta = packet_get_meta(m, d->meta_offset)};
	bool keep = m->next || rte_pktmbuf_data_room_size(m->pool) <= DISPATCH_KEEP_ROOM;
	struct decode_packet decoded;

	if (keep && decode_packet(d->defrag.decode, packet.meta.link, packet.data, packet.len,
			    &decoded) != DECODE_FRAGMENT)
		return dispatch_queue(d, m, &packet.meta, &decoded);
	packet.len = m->pkt_len < sizeof(d->linear) ? m->pkt_len : (uint32_t)sizeof(d->linear);
	packet.data = rte_pktmbuf_read(m, 0, packet.len, d->linear);
	bool go_on = dispatch_take(d, &packet);
	rte_pktmbuf_free(m);
	return go_on;
}

void
dispatch_end(struct dispatch *d)
{
	frag_end(d->defrag.frag);
	dispatch_flush(d);
	for (unsigned q = 0; q < d->queue_count; q++)
		atomic_store_explicit(&d->queues[q].ended, 1, memory_order_release);
}
