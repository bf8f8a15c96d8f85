/*
 * After the handshake control may ask the dataplane, on the same socket, to scan with the patterns
 * that stand in the folder that the configuration names by now:
 *
 *   control -> dataplane  SWAP_ASK     what the databases must be made of
 *   dataplane -> control  SWAP_ANSWER  since when it scans with them, or why it goes on as before
 *
 * The folder is the dataplane's own affair: whoever got hold of control can make it read the
 * configuration and the folder again, and no more.
 */
#ifndef SMTAP_CONTRACT_SWAP_H
#define SMTAP_CONTRACT_SWAP_H

#include <stddef.h>
#include <stdint.h>

#include "contract/event.h"

#define SWAP_MAGIC 0x736d746170737721ULL /* "smtapsw!" */
#define SWAP_WHY_BYTES 480

enum swap_kind { SWAP_ASK = 1, SWAP_ANSWER };

/* One message each way; the rest of it is zero where it is not used. */
struct swap {
	uint64_t magic;
	uint32_t kind;                  /* enum swap_kind */
	uint32_t number;                /* of the question, which the answer repeats */
	uint64_t source[CONTEXT_COUNT]; /* pattern_set_source of each context */
	int32_t result;                 /* 0, or -errno */
	uint32_t reserved;
	char why[SWAP_WHY_BYTES]; /* one line; NUL-terminated */
};

void swap_init(struct swap *swap, enum swap_kind kind, uint32_t number);

/* 0 or -errno; never waits. */
int swap_send(int sock, const struct swap *swap);

/*
 * One message of that kind, whose why may be shown on a terminal: what may not is escaped, and cut
 * where it has no end. 0; -EAGAIN: none; -EPIPE: nobody is there any more; -EPROTO: it makes no
 * sense.
 */
int swap_receive(int sock, enum swap_kind kind, struct swap *swap);

#endif
