/* What the files of pipeline share: the session and the worker's core. */
#ifndef SMTAP_DATAPLANE_PIPELINE_PRIVATE_H
#define SMTAP_DATAPLANE_PIPELINE_PRIVATE_H

#include "base/blocks.h"
#include "base/slabs.h"
#include "dataplane/flow/flow.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/smtp/smtp.h"
#include "dataplane/tcp/tcp.h"

struct session {
	struct flow flow; /* must be first: the table's */
	struct tcp_conn tcp;
	struct smtp_session smtp;
	struct event_flow identity;
	uint64_t start_ns;
	uint64_t last_ns;
	uint64_t first_order;
	uint64_t packets[2];
	uint64_t bytes[2];
	uint32_t gap_bytes[2];
	uint8_t tcp_flags[2];
	uint8_t client_end; /* which endpoint of the key is the client */
	uint8_t smtp_open;
	uint8_t fins;    /* by side: who said its last byte */
	uint8_t ended;   /* its event is out: it lingers */
	uint8_t reset;   /* a credible RST came last */
	uint8_t refused; /* RST in answer to the SYN */
	uint8_t holds;   /* the timer is for the bytes that tcp holds */
};

struct pipeline {
	struct pipeline_config cfg;
	const struct decode_config *decode;
	struct emit *emit;
	struct counters *counters;
	struct flow_table *table;
	struct tcp_ctx tcp;
	struct smtp_ctx smtp;
	struct blocks tcp_arena;
	struct slabs smtp_arena;
	uint32_t *due; /* cfg.sessions indices: scratch for timers and the end */
	uint32_t now_s;
	bool table_changed; /* in this burst: bulk results may be stale */
};

static inline struct session *
session_at(const struct pipeline *p, uint32_t index)
{
	return (struct session *)(void *)flow_table_at(p->table, index);
}

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
