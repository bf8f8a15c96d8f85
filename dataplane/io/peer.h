/* peer: the dataplane's side of the handshake with control (contract/hello.h). */
#ifndef SMTAP_DATAPLANE_IO_PEER_H
#define SMTAP_DATAPLANE_IO_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/hello.h"

struct peer_offer {
	const uint8_t *boot_id; /* 16 bytes */
	unsigned count;
	bool live;
	int ring_fds[HELLO_WORKERS_MAX];
	uint64_t consumed[HELLO_WORKERS_MAX]; /* where the last reader stood */
};

/* Offer the rings. 0, or -errno; -EPIPE when control has gone. */
int peer_offer(int sock, const struct peer_offer *offer);

/*
 * Wait for the answer: 0 and n cursors, the caller's to close; -EPIPE when control
 * has gone; another -errno with what was wrong, or why control refused, in why.
 */
int peer_answer(int sock, int cursor_fds[], unsigned n, char *why, size_t why_len);

#endif
