/* defrag: what decode says of a packet, once its fragments, if it is one, are put together. */
#ifndef SMTAP_DATAPLANE_IO_DEFRAG_H
#define SMTAP_DATAPLANE_IO_DEFRAG_H

#include "dataplane/io/edge.h"

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/decode/decode.h"
#include "dataplane/frag/frag.h"
#include "dataplane/io/packet.h"

/* The largest IP packet, and what fragments may become. */
#define DEFRAG_PACKET_MAX 65535u

struct defrag {
	const struct decode_config *decode;
	struct frag_table *frag;
	struct counters *counters; /* FRAG_* are ours alone to write */
	uint8_t rebuilt[DEFRAG_PACKET_MAX + 1];
};

struct defrag_packet {
	const uint8_t *data;
	uint32_t len;
	struct packet_meta meta;
};

/*
 * Decode, and put fragments together until there is a packet that is none. False: the packet is
 * held, or was dropped and counted. What was put together is in d->rebuilt until the next call.
 */
bool defrag_decode(struct defrag *d, struct defrag_packet *packet, struct decode_packet *decoded,
	enum decode_verdict *verdict);

#endif
