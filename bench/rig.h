/*
 * rig: the EAL, and a port whose packets are what bench sends it: through a ring, which hands over
 * the mbufs as they are, or through a memif without copies, whose driver does what a NIC's does: it
 * posts mbufs, reads descriptors, and hands over the mbufs that the other end has filled meanwhile.
 */
#ifndef SMTAP_BENCH_RIG_H
#define SMTAP_BENCH_RIG_H

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "bench/bench.h"

struct rig {
	struct rte_mempool *pool;
	struct rte_ring *ring; /* what the port receives; NULL: a memif */
	uint16_t port;
	uint16_t peer; /* the other end of the memif */
};

/* Packets in flight at once; as many as the ring of a NIC's queue has room for. */
#define RIG_CHUNK 4096

/* 0, or -1 after one line on stderr. The second is for lcore 1 (bench_options.beside). */
int rig_open(struct rig *rig, const struct bench_options *options);
int rig_open_second(struct rig *rig, const struct bench_options *options);
void rig_close(struct rig *rig);

/* Hand n packets to the port. 0, or -1: no room. */
int rig_send(const struct rig *rig, struct rte_mbuf *mbufs[], unsigned n);

#endif
