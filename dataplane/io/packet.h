/*
 * packet: what an mbuf carries beside its bytes: when it was seen and where it stands in the
 * capture, in a dynamic field; how its link layer is to be read, in packet_type, which is in the
 * cache line that every burst touches anyway. The field is small enough to leave room for a
 * driver's time stamp: mbufs have 32 aligned bytes for all who ask.
 */
#ifndef SMTAP_DATAPLANE_IO_PACKET_H
#define SMTAP_DATAPLANE_IO_PACKET_H

#include "dataplane/io/edge.h"

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <stdbool.h>
#include <stdint.h>

struct packet_times {
	uint64_t time_ns;  /* the packet's own */
	uint64_t clock_ns; /* the capture's clock */
	uint64_t order;    /* number of the packet, from 1 */
};

_Static_assert(sizeof(struct packet_times) == 24, "three words of the mbuf");

struct packet_meta {
	struct packet_times times;
	uint8_t link;    /* enum decode_link */
	uint8_t rebuilt; /* from fragments: it was not on the wire like this */
};

/* packet_type: the link layer, and this bit. */
#define PACKET_REBUILT 0x100u

/* Reserve the field in all mbufs. Its offset, or -1 (rte_errno). */
static inline int
packet_meta_register(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "smtap_packet_times",
		.size = sizeof(struct packet_times),
		.align = _Alignof(struct packet_times),
	};

	return rte_mbuf_dynfield_register(&field);
}

static inline struct packet_times *
packet_times_of(struct rte_mbuf *mbuf, int offset)
{
	return RTE_MBUF_DYNFIELD(mbuf, offset, struct packet_times *);
}

static inline uint8_t
packet_link(const struct rte_mbuf *mbuf)
{
	return (uint8_t)mbuf->packet_type;
}

static inline bool
packet_is_rebuilt(const struct rte_mbuf *mbuf)
{
	return (mbuf->packet_type & PACKET_REBUILT) != 0;
}

static inline void
packet_set_meta(struct rte_mbuf *mbuf, int offset, const struct packet_meta *meta)
{
	mbuf->packet_type = meta->link | (meta->rebuilt ? PACKET_REBUILT : 0);
	*packet_times_of(mbuf, offset) = meta->times;
}

static inline struct packet_meta
packet_get_meta(struct rte_mbuf *mbuf, int offset)
{
	return (struct packet_meta){.times = *packet_times_of(mbuf, offset),
		.link = packet_link(mbuf),
		.rebuilt = packet_is_rebuilt(mbuf)};
}

#endif
