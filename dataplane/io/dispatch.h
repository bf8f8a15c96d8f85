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
#include "dataplane/decode/decode.h"
#include "dataplane/frag/frag.h"
#include "dataplane/io/packet.h"
#include "dataplane/io/queue.h"

#define DISPATCH_BURST 32
#define DISPATCH_RING_SLOTS 256
/* The largest IP packet, and what fragments may become. */
#define DISPATCH_PACKET_MAX 65535u

/* Packets that wait to be enqueued. */
struct dispatch_pending {
	struct rte_mbuf *mbufs[DISPATCH_BURST];
	unsigned count;
	unsigned sent; /* of them, enqueued already */
};

struct dispatch {
	const struct decode_config *decode;
	struct frag_table *frag;
	struct counters *counters; /* FRAG_* are ours alone to write */
	struct run_control *run;
	struct rte_mempool *small; /* mbufs of one 2 KiB segment */
	struct rte_mempool *big;   /* mbufs of DISPATCH_PACKET_MAX bytes */
	int meta_offset;
	struct queue *queues;
	unsigned queue_count;
	struct dispatch_pending pending[HELLO_WORKERS_MAX];
	unsigned pending_total;
	uint64_t clock_ns;      /* of the last packet */
	struct siphash_key key; /* spreads the addresses over the workers */
	uint8_t rebuilt[DISPATCH_PACKET_MAX + 1];
};

struct dispatch_packet {
	const uint8_t *data;
	uint32_t len;
	struct packet_meta meta;
};

/* Small and big pool for `workers` workers; 0 or -errno. */
int dispatch_pools_create(struct dispatch *d, unsigned workers);

/* MiB of EAL memory that those pools and all else need. */
unsigned dispatch_memory_mib(unsigned workers);

/* Take one packet. Waits for room unless the run is aborted: false then. */
bool dispatch_take(struct dispatch *d, const struct dispatch_packet *packet);

/* Enqueue all that is pending and publish the clock. False: aborted. */
bool dispatch_flush(struct dispatch *d);

/* No packet follows: flush, and tell the workers. */
void dispatch_end(struct dispatch *d);

#endif
