/*
 * dispatch: the software dispatcher: which worker gets a packet. Both directions
 * of a session, its fragments, and the sessions of one tunnel reach one worker by
 * the two innermost addresses, which is what a NIC's symmetric RSS would do.
 */
#ifndef SMTAP_DATAPLANE_IO_DISPATCH_H
#define SMTAP_DATAPLANE_IO_DISPATCH_H

#include "dataplane/io/edge.h"

#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

#include "contract/hello.h"
#include "dataplane/io/defrag.h"
#include "dataplane/io/queue.h"

#define DISPATCH_BURST 32
#define DISPATCH_RING_SLOTS 256
/* Rings of workers behind live ports: two milliseconds of a million packets a second. */
#define DISPATCH_LIVE_SLOTS 2048

struct dispatch_size {
	unsigned workers;
	unsigned slots;          /* of each worker's ring; 0: there are no rings */
	unsigned big_per_worker; /* packets above 2 KiB, besides a few */
};

/* Packets that wait to be enqueued. */
struct dispatch_pending {
	struct rte_mbuf *mbufs[DISPATCH_BURST];
	unsigned count;
	unsigned sent; /* of them, enqueued already */
};

struct dispatch {
	struct defrag defrag;
	struct run_control *run;
	struct rte_mempool *small; /* mbufs of one 2 KiB segment */
	struct rte_mempool *big;   /* mbufs of DEFRAG_PACKET_MAX bytes */
	int meta_offset;
	struct queue *queues;
	unsigned queue_count;
	struct dispatch_pending pending[HELLO_WORKERS_MAX];
	unsigned pending_total;
	uint64_t clock_ns;      /* of the last packet */
	struct siphash_key key; /* spreads the addresses over the workers */
	bool live;              /* packets that find no room go, and are counted */
	uint8_t linear[DEFRAG_PACKET_MAX + 256];
};

/* Small and big pool; 0 or -errno. */
int dispatch_pools_create(struct dispatch *d, const struct dispatch_size *size, int node);

/* MiB of EAL memory that those pools and all else need. */
unsigned dispatch_memory_mib(const struct dispatch_size *size);

/* Take one packet. Waits for room unless the run is aborted: false then. */
bool dispatch_take(struct dispatch *d, const struct defrag_packet *packet);

/* The same for one that came in an mbuf, with its packet_meta; it is the dispatcher's now. */
bool dispatch_take_mbuf(struct dispatch *d, struct rte_mbuf *m);

/* Enqueue all that is pending and publish the clock. False: aborted. */
bool dispatch_flush(struct dispatch *d);

/* No packet follows: flush, and tell the workers. */
void dispatch_end(struct dispatch *d);

#endif
