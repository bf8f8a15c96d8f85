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
 * Limits: batches of DISPATCH_BURST, rings of DISPATCH_RING_SLOTS, two pools of
 * mbufs; when any is exhausted, the reader waits for the workers.
 *
 * What an attacker would try: addresses that all hash to one worker. The key is
 * drawn at start.
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/dispatch.h"

#include <errno.h>
#include <rte_errno.h>
#include <string.h>

/* Fragments within fragments: more rounds than any tunnel needs. */
#define DISPATCH_ROUNDS_MAX 4

#define DISPATCH_SMALL_BYTES 2048u
#define DISPATCH_CACHE 32u
/* Pages of an mbuf: without huge pages, none shares a page with another. */
#define DISPATCH_SMALL_PAGES 1u
#define DISPATCH_BIG_PAGES 17u
#define DISPATCH_PAGE_BYTES 4096u
/* EAL's own, the rings, and the ports. */
#define DISPATCH_BASE_MIB 32u

/* Enough that no worker's ring and no lcore's cache can hold all. */
static unsigned
dispatch_small_count(unsigned workers)
{
	return (workers + 1) * (DISPATCH_RING_SLOTS + 4 * DISPATCH_CACHE);
}

static unsigned
dispatch_big_count(unsigned workers)
{
	return 64 + 4 * workers;
}

unsigned
dispatch_memory_mib(unsigned workers)
{
	size_t pages = (size_t)dispatch_small_count(workers) * DISPATCH_SMALL_PAGES +
		       (size_t)dispatch_big_count(workers) * DISPATCH_BIG_PAGES;

	return (unsigned)(pages * DISPATCH_PAGE_BYTES >> 20) + DISPATCH_BASE_MIB;
}

int
dispatch_pools_create(struct dispatch *d, unsigned workers)
{
	d->small = rte_pktmbuf_pool_create("small", dispatch_small_count(workers), DISPATCH_CACHE,
		0, DISPATCH_SMALL_BYTES, SOCKET_ID_ANY);
	if (d->small)
		d->big = rte_pktmbuf_pool_create("big", dispatch_big_count(workers), 0, 0,
			DISPATCH_PACKET_MAX, SOCKET_ID_ANY);
	return d->small && d->big ? 0 : -rte_errno;
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
			return packet_meta_of(p->mbufs[p->sent], d->meta_offset)->clock_ns;
		p->count = p->sent = 0;
	}
	/* The next packet reads later than the last one: no two are equal. */
	return d->clock_ns + 1;
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
		uint32_t n = len < DISPATCH_PACKET_MAX ? len : DISPATCH_PACKET_MAX;
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

/*
 * Put fragments together until there is a packet that is none. False: the packet
 * is held, or was dropped and counted. Fragments in fragments are put together
 * DISPATCH_ROUNDS_MAX deep: what is still one then is dropped.
 */
static bool
dispatch_defragment(
	struct dispatch *d, struct dispatch_packet *packet, struct decode_packet *decoded)
{
	enum decode_verdict verdict =
		decode_packet(d->decode, packet->meta.link, packet->data, packet->len, decoded);

	for (int i = 0; verdict == DECODE_FRAGMENT && i < DISPATCH_ROUNDS_MAX; i++) {
		struct span whole;
		if (!frag_input(d->frag, decoded, packet->data, packet->len, packet->meta.clock_ns,
			    &whole))
			return false;
		memcpy(d->rebuilt, whole.data, whole.len);
		packet->data = d->rebuilt;
		packet->len = (uint32_t)whole.len;
		packet->meta.link = DECODE_LINK_IP;
		packet->meta.rebuilt = 1;
		verdict = decode_packet(
			d->decode, DECODE_LINK_IP, packet->data, packet->len, decoded);
	}
	if (verdict == DECODE_FRAGMENT)
		counter_add(d->counters, COUNTER_FRAG_DROP, 1);
	return verdict != DECODE_FRAGMENT;
}

bool
dispatch_take(struct dispatch *d, const struct dispatch_packet *received)
{
	struct dispatch_packet packet = *received;
	struct decode_packet decoded;
	bool whole = dispatch_defragment(d, &packet, &decoded);

	if (packet.meta.rebuilt || !whole)
		dispatch_absorb(d, received->len);
	if (whole) {
		struct rte_mbuf *m = dispatch_copy(d, packet.data, packet.len);
		if (!m)
			return false;
		*packet_meta_of(m, d->meta_offset) = packet.meta;
		struct dispatch_pending *p = &d->pending[dispatch_queue_of(d, &decoded)];
		p->mbufs[p->count++] = m;
		d->pending_total++;
		d->clock_ns = packet.meta.clock_ns;
		if (p->count == DISPATCH_BURST || d->pending_total >= 2 * DISPATCH_BURST)
			return dispatch_flush(d);
		return true;
	}
	d->clock_ns = packet.meta.clock_ns;
	return true;
}

void
dispatch_end(struct dispatch *d)
{
	frag_end(d->frag);
	dispatch_flush(d);
	for (unsigned q = 0; q < d->queue_count; q++)
		atomic_store_explicit(&d->queues[q].ended, 1, memory_order_release);
}
