/*
 * smtp: the bytes of a session become facts. Two line machines (commands,
 * replies) joined by the queue of commands still unanswered. Knows nothing of
 * TCP. The theory is at the head of smtp/session.c.
 */
#ifndef SMTAP_DATAPLANE_SMTP_H
#define SMTAP_DATAPLANE_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "base/slabs.h"
#include "contract/counters.h"
#include "contract/event.h"
#include "dataplane/emit/emit.h"
#include "dataplane/match/match.h"

enum smtp_side {
	SMTP_CLIENT = 0,
	SMTP_SERVER = 1,
};

/* Texts that many sessions say, each kept once. No chains: none is. */
struct smtp_names {
	uint32_t *chains; /* the caller's */
	uint32_t mask;
	struct siphash_key key;
};

/* count: of chains, all 0; a power of two. Two sessions to a chain are about right. */
void smtp_names_init(
	struct smtp_names *names, uint32_t *chains, uint32_t count, const struct siphash_key *key);

/* What a worker's sessions share. */
struct smtp_ctx {
	struct emit *emit;
	struct match *match; /* may be NULL: no patterns */
	struct slabs *slabs; /* for partial lines, and for what sessions said */
	struct counters *counters;
	struct smtp_names names;
	struct siphash_key password_key; /* drawn at start, never written anywhere */
	bool proxy_protocol;             /* a PROXY v1/v2 header may come first */
	bool skim;                       /* overload: bodies pass unread beyond their header */
	/* The session's identity for what is emitted: the owner's, for each call. Where a PROXY
	   header named the client, the call writes that in its place. flow_id 0: it is
	   made, all of it, by flow_make(flow_of, flow), which is asked when there is an event. */
	struct event_flow *flow;
	void (*flow_make)(const void *of, struct event_flow *flow);
	const void *flow_of;
	/* Private: what a session does for which there is no memory. */
	_Alignas(8) uint8_t nothing[56];
	bool nothing_used;
};

/* Private but for its size; zero bytes are not a session: smtp_open. */
struct smtp_session {
	_Alignas(4) uint8_t state[52];
};

/*
 * from_start: the greeting is still to come (the SYN was seen). TLS from the
 * first byte (port 465) is recognised by its records.
 */
void smtp_open(struct smtp_ctx *ctx, struct smtp_session *s, bool from_start);

/* Bytes of an open session come soon: ask the memory for what they will touch. */
void smtp_prefetch(const struct smtp_ctx *ctx, const struct smtp_session *s);

/* Do octets of a message pass now, beyond its header? */
bool smtp_body_passes(const struct smtp_session *s);

/* Bytes of one side, in order; any cutting. time_ns: of their packet. */
void smtp_input(struct smtp_ctx *ctx, struct smtp_session *s, enum smtp_side side,
	const uint8_t *data, size_t len, uint64_t time_ns);

/* len bytes of one side were missed. */
void smtp_gap(struct smtp_ctx *ctx, struct smtp_session *s, enum smtp_side side, uint64_t len,
	uint64_t time_ns);

/* One side will say no more (FIN). */
void smtp_shutdown(
	struct smtp_ctx *ctx, struct smtp_session *s, enum smtp_side side, uint64_t time_ns);

/*
 * The session is over: attempts without an outcome and an open transaction are
 * emitted, then what is common to all sessions is filled into out (commands,
 * replies, attempts, transactions, flags, last reply, bytes missed, helo and banner text,
 * signatures; the rest is the caller's). Gives back its memory. time_ns: the last packet's.
 */
void smtp_close(struct smtp_ctx *ctx, struct smtp_session *s, uint64_t time_ns,
	struct event *session_event);

#endif
