/*
 * live: packets from the queues of live ports, as the worker loop wants them: with the clock,
 * and whole. One per lcore that receives; the theory is at the head of live.c.
 */
#ifndef SMTAP_DATAPLANE_IO_LIVE_H
#define SMTAP_DATAPLANE_IO_LIVE_H

#include "dataplane/io/edge.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/defrag.h"
#include "dataplane/io/dispatch.h"

#define LIVE_INPUTS_MAX 64

struct live_input {
	uint16_t port; /* of the ethdev, and the queue */
	uint16_t queue;
	uint32_t bit; /* of its nic, in gone */
};

struct live {
	/* All that there are; the main lcore writes those whose bit is in gone. */
	_Alignas(64) struct live_input all[LIVE_INPUTS_MAX];
	unsigned all_count;
	/* Those that are polled. */
	struct live_input inputs[LIVE_INPUTS_MAX];
	unsigned input_count;
	unsigned next; /* input to look at first */
	uint64_t
		wall_offset_ns; /* wall clock less monotonic clock at the start; the same for all */
	uint64_t clock_ns;      /* of the last packet, or later */
	uint64_t order;         /* of the last packet */
	uint64_t idle_sleep_ns; /* 0: poll on */
	uint64_t drain_until_ns; /* once stopped */
	int meta_offset;
	int stamp_offset; /* of the time stamps of drivers; -1: none has any */
	uint64_t stamp_flag;
	struct rte_mempool *big; /* for what fragments become */
	struct defrag defrag;
	struct dispatch *dispatch; /* the reader's */
	struct run_control *run;
	int done_fd;
	uint8_t linear[DEFRAG_PACKET_MAX + 256];
	/* main lcore release -> here acquire: ports that are not to be polled; and the answer
	   that they are not, or are again, release -> main acquire. */
	const _Atomic uint32_t *gone;
	_Atomic uint32_t left;
};

/* Monotonic clock to now; the wall clock as it stood at the start, going on from there. */
uint64_t live_wall_offset(void);

/* One more input, before anything is polled. False: there are too many. */
bool live_add_input(struct live *l, struct live_input input);

/* Main lcore: the port behind this bit, which is in gone, has another number now. */
void live_set_port(struct live *l, uint32_t bit, uint16_t port);

/* A burst from one of the inputs, each with its packet_meta. How many. */
uint16_t live_receive(struct live *l, struct rte_mbuf **mbufs, uint16_t max);

/* The clock when nothing came: what comes later reads later. */
uint64_t live_clock(struct live *l);

/*
 * A packet that decode says is a fragment, in m, which is ours now: the packet that it completes
 * in a new mbuf, with what decode says of it; NULL: held, or dropped and counted.
 */
struct rte_mbuf *live_rebuild(struct live *l, struct rte_mbuf *m, struct decode_packet *decoded,
	enum decode_verdict *verdict);

/* After a stop: has what the ports still held been taken? Asked when nothing came, too. */
bool live_drained(struct live *l, bool nothing_came);

/* Nothing came. idle counts the calls since something did. */
void live_idle(const struct live *l, unsigned *idle);

/* An lcore function; arg: struct live with a dispatcher: from all ports to the workers. */
int live_run_dispatch(void *arg);

#endif
