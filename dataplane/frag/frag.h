/*
 * frag: IP fragments become the packet they were cut from. Bytes in, bytes out;
 * the theory is at the head of frag.c.
 */
#ifndef SMTAP_DATAPLANE_FRAG_H
#define SMTAP_DATAPLANE_FRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "base/span.h"
#include "contract/counters.h"
#include "dataplane/decode/decode.h"

struct frag_config {
	uint32_t packets;    /* being reassembled at a time; about 68 KiB each, when touched */
	uint64_t timeout_ns; /* from a packet's first fragment, on the capture's clock */
	struct siphash_key hash_key;
};

void frag_config_defaults(struct frag_config *cfg);

struct frag_table;

/* Bytes for frag_table_init. */
size_t frag_table_footprint(const struct frag_config *cfg);

/*
 * memory: zeroed, 64-byte aligned, the caller's until the table is no longer
 * used; untouched where no fragment comes. counters (FRAG_*) are borrowed.
 */
struct frag_table *frag_table_init(
	void *memory, const struct frag_config *cfg, struct counters *counters);

/*
 * Take a fragment: what decode_packet said of the len bytes at data with
 * verdict DECODE_FRAGMENT. clock_ns never runs backwards.
 *
 * True when it completes its packet: *out is that packet, from its IP header
 * on, without a fragment header, with lengths and IPv4 checksum put right;
 * valid until the next call.
 */
bool frag_input(struct frag_table *t, const struct decode_packet *packet, const uint8_t *data,
	uint32_t len, uint64_t clock_ns, struct span *out);

/* Give up packets whose time has run out by clock_ns. */
void frag_clock(struct frag_table *t, uint64_t clock_ns);

/* No fragment follows: count what is left incomplete as dropped. */
void frag_end(struct frag_table *t);

#endif
