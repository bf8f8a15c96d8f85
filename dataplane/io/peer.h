/* peer: the dataplane's side of the handshake with control (contract/hello.h). */
#ifndef SMTAP_DATAPLANE_IO_PEER_H
#define SMTAP_DATAPLANE_IO_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "contract/hello.h"

/* Offer n rings of a capture. 0, or -errno; -EPIPE when control has gone. */
int peer_offer(int sock, const uint8_t boot_id[16], const int ring_fds[], unsigned n);

/*
 * Wait for the answer: 0 and n cursors, the caller's to close; -EPIPE when control
 * has gone; another -errno with what was wrong, or why control refused, in why.
 */
int peer_answer(int sock, int cursor_fds[], unsigned n, char *why, size_t why_len);

#endif
