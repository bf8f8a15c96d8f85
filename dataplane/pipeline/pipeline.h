/*
 * pipeline: one worker's core, from decoded packets to events: flow -> tcp ->
 * smtp -> emit, and expiry on packet time. No EAL: the worker loop, unit
 * tests, fuzzers and bench drive the same code.
 */
#ifndef SMTAP_DATAPLANE_PIPELINE_H
#define SMTAP_DATAPLANE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "base/span.h"
#include "contract/counters.h"
#include "dataplane/decode/decode.h"
#include "dataplane/emit/emit.h"
#include "dataplane/match/match.h"
#include "dataplane/shed/shed.h"

#define PIPELINE_BURST_MAX 96

struct pipeline_config {
	uint32_t sessions;    /* capacity of the flow table */
	uint32_t tcp_blocks;  /* arena for out-of-order bytes, blocks of TCP_BLOCK_BYTES */
	uint32_t smtp_pages;  /* arena for what sessions say, pages of SLABS_PAGE_BYTES */
	uint32_t idle_s;      /* silence that ends an established session */
	uint32_t half_open_s; /* and one without data */
	bool proxy_protocol;
	bool deterministic; /* replay: events in an order that no worker count changes */
	struct siphash_key flow_hash_key;
	struct siphash_key password_key; /* the same for all workers of one run */
};

void pipeline_config_defaults(struct pipeline_config *cfg);

/* One received packet. more: payload that continues in chained buffers. */
struct pipeline_packet {
	struct decode_packet decoded; /* verdict was DECODE_MAIL */
	const uint8_t *data;
	const struct span *more;
	unsigned more_count;
	uint8_t checksum;  /* enum decode_checksum: the NIC's verdict; UNKNOWN: verify here */
	uint64_t time_ns;  /* the packet's own */
	uint64_t clock_ns; /* the capture's clock: monotone */
	uint64_t order;    /* packet number, from 1 */
};

struct pipeline;

size_t pipeline_footprint(const struct pipeline_config *cfg);

/* memory: zeroed, 64-byte aligned. decode, emit, match and counters are borrowed. */
struct pipeline *pipeline_init(void *memory, const struct pipeline_config *cfg,
	const struct decode_config *decode, struct emit *emit, struct match *match,
	struct counters *counters);

/* Under overload, leave out what shed says; borrowed. Without it nothing is left out. */
void pipeline_set_shed(struct pipeline *p, struct shed *shed);

/* Permille of the memory for sessions that talk, and for what they say, which is taken. */
uint32_t pipeline_fill(const struct pipeline *p);

/* What the open sessions take. */
struct pipeline_use {
	uint32_t sessions;
	double session_bytes; /* of the tables, for each: entry, bucket, places in lists */
	uint64_t said_bytes;  /* of smtp's memory: what sessions said, half lines among it */
	uint64_t early_bytes; /* of tcp's: what came before its turn */
};

void pipeline_use(const struct pipeline *p, struct pipeline_use *use);

/*
 * Overload, in two steps, so that the memory is asked for in between: the hash that the second one
 * takes; then: is this packet of a session that was shed? Then it is counted and need not be given
 * to pipeline_burst. Both read nothing but what decode says. Only while shed_asks.
 */
uint64_t pipeline_shed_hash(const struct pipeline *p, const struct decode_packet *d);
bool pipeline_sheds(
	struct pipeline *p, const struct decode_packet *d, uint64_t hash, uint64_t clock_ns);

/* n <= PIPELINE_BURST_MAX mail packets, in the order of the capture. */
void pipeline_burst(struct pipeline *p, const struct pipeline_packet packets[], unsigned n);

/* No packet before clock_ns will come any more: run the timers up to it. */
void pipeline_clock(struct pipeline *p, uint64_t clock_ns);

/* The capture has ended at clock_ns: end every session. */
void pipeline_end(struct pipeline *p, uint64_t clock_ns);

#endif
