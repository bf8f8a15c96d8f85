/*
 * The handshake over a Unix SOCK_SEQPACKET socket.
 *
 *   dataplane -> control  HELLO  with one ring memfd per worker (SCM_RIGHTS)
 *   control -> dataplane  ACCEPT with one cursor memfd per worker, or
 *                         REJECT with the reason in words
 *
 * After that the socket stays open and says nothing: its end tells each side
 * that the other has gone. Sizes and versions differ between builds; a
 * mismatch is refused with a message that names both.
 */
#ifndef SMTAP_CONTRACT_HELLO_H
#define SMTAP_CONTRACT_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "contract/ring.h"

#define HELLO_MAGIC 0x736d746170686921ULL /* "smtaphi!" */
#define HELLO_VERSION 1
#define HELLO_WORKERS_MAX 64

enum hello_kind {
	HELLO_OFFER = 1,
	HELLO_ACCEPT,
	HELLO_REJECT,
};

#define HELLO_LIVE 0x01u   /* packets of now: records are dropped when a ring is full */
#define HELLO_REPLAY 0x02u /* a capture: the workers wait when a ring is full */

struct hello {
	uint64_t magic;
	uint32_t version;
	uint32_t kind; /* enum hello_kind */
	/* layout: the same on both sides, or no deal */
	uint32_t event_version;
	uint32_t event_bytes;
	uint32_t ring_version;
	uint32_t ring_header_bytes;
	uint32_t counters_version;
	uint32_t counter_count;
	uint32_t workers;
	uint32_t flags; /* HELLO_LIVE or HELLO_REPLAY */
	uint8_t boot_id[16];
	uint64_t consumed[HELLO_WORKERS_MAX]; /* where the last reader stood */
	char reason[160];                     /* of a rejection; NUL-terminated */
};

/* Fill in magic, versions and sizes of this build. */
void hello_init(struct hello *hello, enum hello_kind kind);

/*
 * Are magic, versions and sizes those of this build, and counts in range?
 * 0, or -EPROTO with a sentence in why (why_len bytes, NUL-terminated). Of a
 * HELLO_REJECT only magic and reason are looked at: it comes from builds that
 * differ, and its reason must get through.
 */
int hello_check(const struct hello *hello, char *why, size_t why_len);

/* Send hello and its fds. 0, or -errno. */
int hello_send(int sock, const struct hello *hello, const int *fds, unsigned nfds);

/*
 * Receive one (blocking unless the socket is not). fds has room for max_fds;
 * *nfds says how many came; they are the caller's to close. A message of the
 * wrong size, or with more fds than fit, is -EPROTO and every fd is closed.
 * 0, -errno, or -EPIPE when the peer has gone.
 */
int hello_receive(int sock, struct hello *hello, int *fds, unsigned max_fds, unsigned *nfds);

#endif
