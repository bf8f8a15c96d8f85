/*
 * packet: what an mbuf carries beside its bytes, in a dynamic field: when it was
 * seen, where it stands in the capture, how its link layer is to be read.
 */
#ifndef SMTAP_DATAPLANE_IO_PACKET_H
#define SMTAP_DATAPLANE_IO_PACKET_H

#include "dataplane/io/edge.h"

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <stdint.h>

struct packet_meta {
	uint64_t time_ns;  /* the packet's own */
	uint64_t clock_ns; /* the capture's clock */
	uint64_t order;    /* number of the packet, from 1 */
	uint8_t link;      /* enum decode_link */
	uint8_t rebuilt;   /* from fragments: it was not on the wire like this */
	uint8_t reserved[6];
};

_Static_assert(sizeof(struct packet_meta) == 32, "four words of the mbuf");

/* Reserve the field in all mbufs. Its offset, or -1 (rte_errno). */
static inline int
packet_meta_register(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "smtap_packet_meta",
		.size = sizeof(struct packet_meta),
		.align = _Alignof(struct packet_meta),
	};

	return rte_mbuf_dynfield_register(&field);
}

static inline struct packet_meta *
packet_meta_of(struct rte_mbuf *mbuf, int offset)
{
	return RTE_MBUF_DYNFIELD(mbuf, offset, struct packet_meta *);
}

#endif
