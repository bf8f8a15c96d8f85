/* What the files of pipeline share: the session and the worker's core. */
#ifndef SMTAP_DATAPLANE_PIPELINE_PRIVATE_H
#define SMTAP_DATAPLANE_PIPELINE_PRIVATE_H

#include "base/blocks.h"
#include "base/slabs.h"
#include "dataplane/flow/flow.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/smtp/smtp.h"
#include "dataplane/tcp/tcp.h"

/*
 * What a worker keeps of a session: two cache lines, and beside them smtp's part, which a segment
 * without data does not touch and a half-open session does not have: there the half-open are
 * linked, so smtp is open only while flow says FLOW_ESTABLISHED. The session's identity is
 * not kept: the key, the side and the start make it (session_flow_make).
 */
struct session {
	struct flow flow;       /* must be first: the table's; owner: TCP flags seen, by side */
	uint16_t bytes_high[2]; /* of 48 bits; see session_bytes */
	uint32_t packets[2];    /* saturate */
	uint64_t start_ns;
	uint64_t last_ns;
	uint64_t first_order : 52;
	uint64_t client_end : 1; /* which endpoint of the key is the client */
	uint64_t guessed : 1;    /* and that was inferred */
	uint64_t smtp_open : 1;
	uint64_t fins : 2;    /* by side: who said its last byte */
	uint64_t ended : 1;   /* its event is out: it lingers */
	uint64_t reset : 1;   /* a credible RST came last */
	uint64_t refused : 1; /* RST in answer to the SYN */
	uint64_t holds : 1;   /* the timer is for the bytes that tcp holds */
	uint64_t source : 3;  /* what shed knows of the client (shed_cuts) */
	struct tcp_conn tcp;
	uint32_t bytes_low[2];
};

_Static_assert(SHED_CLASS_COUNT < 8, "what shed knows fits its bits");
_Static_assert(sizeof(struct session) == 128 && sizeof(struct smtp_session) == 52,
	"what an open session costs here");

static inline uint64_t
session_bytes(const struct session *s, unsigned side)
{
	return (uint64_t)s->bytes_high[side] << 32 | s->bytes_low[side];
}

struct pipeline {
	struct pipeline_config cfg;
	const struct decode_config *decode;
	struct emit *emit;
	struct shed *shed; /* NULL: nothing is left out */
	struct counters *counters;
	struct flow_table *table;
	struct session *sessions;   /* the table's entries */
	struct smtp_session *said;  /* and what lies beside them */
	const struct session *turn; /* whose events are made now */
	struct tcp_ctx tcp;
	struct smtp_ctx smtp;
	struct blocks tcp_arena;
	struct slabs smtp_arena;
	struct event_flow flow; /* of the session that runs now */
	uint32_t now_s;         /* where the timers stand */
	uint64_t next_ns;       /* the second after that */
	bool table_changed;     /* in this burst: bulk results may be stale */
};

static inline struct session *
session_at(const struct pipeline *p, uint32_t index)
{
	return &p->sessions[index];
}

static inline uint32_t
session_index(const struct pipeline *p, const struct session *s)
{
	return (uint32_t)(s - p->sessions);
}

/* smtp's part of it. Set while smtp_open. */
static inline struct smtp_session *
session_smtp(const struct pipeline *p, const struct session *s)
{
	return &p->said[session_index(p, s)];
}

/* The identity of the session whose turn it is, for its events. of: struct pipeline. */
void session_flow_make(const void *of, struct event_flow *flow);

/* Run one packet through tcp and smtp; TCP_NEW_CONN: it was not, the caller reopens. */
enum tcp_verdict session_packet(
	struct pipeline *p, struct session *s, enum tcp_dir dir, const struct pipeline_packet *pkt);

/* What waited in tcp for as long as anything may, up to clock_ns, goes on or is given up. */
void session_stalled(struct pipeline *p, struct session *s, uint64_t clock_ns);

/* All that is held is delivered, attempts without outcome and the session's event go out. */
void session_end(struct pipeline *p, struct session *s, enum event_session_end end);

/* The same, and its entry is free. */
void session_remove(struct pipeline *p, uint32_t index, enum event_session_end end);

#endif
