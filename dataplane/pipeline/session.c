/*
 * One session: what tcp has ready goes to smtp, and what became of it goes out as
 * an event. The theory is at the head of pipeline.c.
 */
#include <string.h>

#include "dataplane/pipeline/private.h"
#include "dataplane/tcp/pass.h"

/* Two of an Ethernet's frames do not fit in one: an offload merged them. */
#define WIRE_L3_MAX 1500u
/* Segments below this are not worth skipping, and end most messages. */
#define SKIMMED_MIN 1024u

_Static_assert((int)DECODE_CHECKSUM_UNKNOWN == (int)TCP_CHECKSUM_UNKNOWN &&
		       (int)DECODE_CHECKSUM_GOOD == (int)TCP_CHECKSUM_GOOD &&
		       (int)DECODE_CHECKSUM_BAD == (int)TCP_CHECKSUM_BAD &&
		       (int)DECODE_CHECKSUM_PARTIAL == (int)TCP_CHECKSUM_PARTIAL,
	"tcp takes decode's verdict as it is");
_Static_assert((int)TCP_TO_SERVER == (int)SMTP_CLIENT && (int)TCP_TO_CLIENT == (int)SMTP_SERVER,
	"what goes to the server is the client's");

/* JSON consumers keep integers exact up to here. */
#define FLOW_ID_MASK ((1ULL << 53) - 1)
#define BYTES_MAX ((1ULL << 48) - 1)

/* The same in each run over the same capture. */
static uint64_t
flow_id(const struct session *s, const struct addr addr[2])
{
	static const struct siphash_key fixed = {{0, 0}};
	struct {
		struct addr addr[2];
		uint16_t port[2];
		uint32_t zero;
		uint64_t time_ns;
	} input = {{addr[0], addr[1]}, {s->flow.port[0], s->flow.port[1]}, 0, s->start_ns};
	uint64_t id = siphash(&fixed, &input, sizeof(input)) & FLOW_ID_MASK;

	return id ? id : 1;
}

static uint8_t
flow_flags(const struct session *s)
{
	uint8_t flags = s->guessed ? EVENT_FLOW_SIDES_GUESSED : 0;

	if (tcp_syn_seen(&s->tcp, TCP_TO_SERVER) || tcp_syn_seen(&s->tcp, TCP_TO_CLIENT))
		flags |= EVENT_FLOW_FROM_START;
	if (session_bytes(s, SMTP_CLIENT))
		flags |= EVENT_FLOW_CLIENT_SEEN;
	if (session_bytes(s, SMTP_SERVER))
		flags |= EVENT_FLOW_SERVER_SEEN;
	if (tcp_gap_seen(&s->tcp))
		flags |= EVENT_FLOW_GAP;
	if (tcp_conflict_seen(&s->tcp))
		flags |= EVENT_FLOW_CONFLICT;
	return flags;
}

void
session_flow_make(const void *of, struct event_flow *flow)
{
	const struct pipeline *p = of;
	const struct session *s = p->turn;
	unsigned client = s->client_end;
	struct flow_key key;

	flow_table_key(p->table, &s->flow, &key);
	const struct addr addr[2] = {flow_key_addr(&key, 0), flow_key_addr(&key, 1)};
	*flow = (struct event_flow){
		.flow_id = flow_id(s, addr),
		.client = addr[client],
		.server = addr[!client],
		.client_port = key.port[client],
		.server_port = key.port[!client],
		.flags = flow_flags(s),
	};
}

/* Whose turn it is. Most packets have no event, so its identity is made when one asks for it. */
static void
session_enter(struct pipeline *p, const struct session *s)
{
	p->flow.flow_id = 0;
	p->turn = s;
}

static void
bytes_add(struct session *s, enum smtp_side side, uint32_t len)
{
	uint64_t bytes = session_bytes(s, side) + len;

	if (bytes > BYTES_MAX)
		bytes = BYTES_MAX;
	s->bytes_low[side] = (uint32_t)bytes;
	s->bytes_high[side] = (uint16_t)(bytes >> 32);
}

static void
session_open_smtp(struct pipeline *p, struct session *s)
{
	flow_table_set_class(p->table, session_index(p, s), FLOW_ESTABLISHED);
	smtp_open(&p->smtp, session_smtp(p, s), flow_flags(s) & EVENT_FLOW_FROM_START);
	s->smtp_open = 1;
}

/* Bytes that are due. */
static inline void
session_data(
	struct pipeline *p, struct session *s, enum smtp_side side, const struct tcp_segment *bytes)
{
	s->reset = 0; /* they talk on: whatever said RST was not believed */
	bytes_add(s, side, bytes->len);
	session_enter(p, s);
	if (!s->smtp_open)
		session_open_smtp(p, s);
	enum path_stage before = stages_enter(p->emit->stages, PATH_SMTP);
	smtp_input(&p->smtp, session_smtp(p, s), side, bytes->data, bytes->len, bytes->time_ns);
	stages_enter(p->emit->stages, before);
}

/* Hand what tcp has ready to smtp. */
static void
session_deliver(struct pipeline *p, struct session *s)
{
	struct tcp_chunk chunk;

	while (tcp_next(&p->tcp, &s->tcp, &chunk)) {
		enum smtp_side side = (enum smtp_side)chunk.dir;

		if (chunk.kind == TCP_CHUNK_RST) {
			s->reset = 1;
			if (!s->smtp_open && chunk.dir == TCP_TO_CLIENT)
				s->refused = 1;
			continue;
		}
		s->reset = 0; /* they talk on: whatever said RST was not believed */
		if (chunk.kind == TCP_CHUNK_DATA)
			bytes_add(s, side, chunk.len);
		session_enter(p, s);
		if (!s->smtp_open)
			session_open_smtp(p, s);
		enum path_stage before = stages_enter(p->emit->stages, PATH_SMTP);
		if (chunk.kind == TCP_CHUNK_DATA) {
			smtp_input(&p->smtp, session_smtp(p, s), side, chunk.data, chunk.len,
				chunk.time_ns);
		} else if (chunk.kind == TCP_CHUNK_GAP) {
			smtp_gap(&p->smtp, session_smtp(p, s), side, chunk.len, chunk.time_ns);
		} else {
			s->fins |= 1u << side & 3u;
			smtp_shutdown(&p->smtp, session_smtp(p, s), side, chunk.time_ns);
		}
		stages_enter(p->emit->stages, before);
	}
}

void
session_stalled(struct pipeline *p, struct session *s, uint64_t clock_ns)
{
	p->tcp.now_ns = clock_ns;
	session_deliver(p, s);
	tcp_close(&p->tcp, &s->tcp);
}

static void
session_emit_end(struct pipeline *p, struct session *s, const struct event *closing,
	enum event_session_end end)
{
	struct event *e = emit_begin(p->emit, EVENT_SESSION, s->last_ns, &p->flow);
	struct event_session *out = &e->session;

	*out = closing->session;
	memcpy(e->text, closing->text, sizeof(e->text));
	out->start_ns = s->start_ns;
	for (unsigned i = 0; i < 2; i++) {
		out->packets[i] = s->packets[i];
		out->bytes[i] = session_bytes(s, i);
		out->tcp_flags[i] = s->flow.owner[i];
	}
	out->end = (uint8_t)end;
	if (s->refused)
		out->flags |= SESSION_REFUSED_CONNECT;
	if (!(s->flow.owner[TCP_TO_CLIENT] & TCP_SYN) && !session_bytes(s, 0) &&
		!session_bytes(s, 1))
		out->flags |= SESSION_SYN_ONLY;
	emit_commit(p->emit);
}

void
session_end(struct pipeline *p, struct session *s, enum event_session_end end)
{
	struct event closing;

	if (s->ended)
		return;
	tcp_drain(&p->tcp, &s->tcp);
	session_deliver(p, s);
	tcp_close(&p->tcp, &s->tcp);
	memset(&closing, 0, sizeof(closing));
	p->turn = s;
	session_flow_make(p, &p->flow);
	if (s->smtp_open) {
		smtp_close(&p->smtp, session_smtp(p, s), s->last_ns, &closing);
		s->smtp_open = 0;
	}
	session_emit_end(p, s, &closing, end);
	s->ended = 1;
}

void
session_remove(struct pipeline *p, uint32_t index, enum event_session_end end)
{
	session_end(p, session_at(p, index), end);
	flow_table_remove(p->table, index);
	p->table_changed = true;
}

/* Feed one contiguous run of payload. */
static enum tcp_verdict
session_segment(
	struct pipeline *p, struct session *s, enum tcp_dir dir, const struct tcp_segment *segment)
{
	enum tcp_verdict verdict = tcp_input(&p->tcp, &s->tcp, dir, segment);

	if (verdict != TCP_NEW_CONN)
		session_deliver(p, s);
	return verdict;
}

/* Overload: a segment inside a body, of which only the ends are read. Its checksum would read all
   of it. */
static bool
segment_is_skimmed(const struct pipeline *p, const struct session *s, enum tcp_dir dir,
	const struct decode_packet *d)
{
	return p->smtp.skim && dir == TCP_TO_SERVER && s->smtp_open &&
	       d->payload_len >= SKIMMED_MIN && !(d->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
	       smtp_body_passes(session_smtp(p, s));
}

/* What may go on for few hops may end between the tap and the servers behind it. */
static inline uint8_t
segment_doubt(const struct decode_packet *d)
{
	unsigned doubt = d->is_signed * TCP_DOUBT_SIGNED;

	if (d->hops <= TCP_HOPS_FEW)
		doubt |= TCP_DOUBT_HOPS - d->hops;
	return (uint8_t)doubt;
}

static inline struct tcp_segment
segment_of(const struct pipeline_packet *pkt, uint8_t checksum)
{
	const struct decode_packet *d = &pkt->decoded;
	struct tcp_segment seg = {
		.seq = d->seq,
		.ack = d->ack,
		.window = d->window,
		.flags = d->tcp_flags,
		.checksum = checksum,
		.oversize = d->l3_len > WIRE_L3_MAX,
		.doubt = segment_doubt(d),
		.data = pkt->data + d->payload_offset,
		.len = d->payload_len,
		.wire_len = d->payload_wire_len,
		.time_ns = pkt->time_ns,
		.clock_ns = pkt->clock_ns,
	};

	return seg;
}

/* One packet whose payload may go on in chained buffers. */
static __attribute__((noinline)) enum tcp_verdict
session_packet_any(struct pipeline *p, struct session *s, enum tcp_dir dir,
	const struct pipeline_packet *pkt, uint8_t checksum)
{
	struct tcp_segment seg = segment_of(pkt, checksum);
	uint8_t flags = seg.flags;
	uint32_t left = seg.wire_len;

	if (pkt->more_count == 0)
		return session_segment(p, s, dir, &seg);
	seg.wire_len = seg.len;
	seg.flags = flags & (uint8_t)~TCP_FIN;
	enum tcp_verdict verdict = session_segment(p, s, dir, &seg);
	if (verdict == TCP_NEW_CONN)
		return verdict;
	seg.flags &= (uint8_t)~TCP_SYN;
	for (unsigned i = 0; i < pkt->more_count && left > seg.len; i++) {
		left -= seg.len;
		seg.seq += seg.len + (i == 0 && (flags & TCP_SYN));
		seg.data = pkt->more[i].data;
		seg.len = pkt->more[i].len < left ? (uint32_t)pkt->more[i].len : left;
		bool last = i + 1 == pkt->more_count || seg.len == left;
		seg.wire_len = last ? left : seg.len;
		seg.flags |= last ? flags & TCP_FIN : 0;
		session_segment(p, s, dir, &seg);
	}
	return verdict;
}

enum tcp_verdict
session_packet(
	struct pipeline *p, struct session *s, enum tcp_dir dir, const struct pipeline_packet *pkt)
{
	uint8_t checksum = pkt->checksum;

	if (checksum == TCP_CHECKSUM_UNKNOWN && !segment_is_skimmed(p, s, dir, &pkt->decoded)) {
		stages_enter(p->emit->stages, PATH_CHECKSUM);
		checksum = (uint8_t)decode_verify(
			&pkt->decoded, pkt->data, pkt->more, pkt->more_count);
	}
	stages_enter(p->emit->stages, PATH_TCP);
	if (pkt->more_count == 0) {
		const struct tcp_segment seg = segment_of(pkt, checksum);
		if (tcp_pass(&p->tcp, &s->tcp, dir, &seg)) {
			if (seg.len > 0)
				session_data(p, s, (enum smtp_side)dir, &seg);
			return TCP_ACCEPTED;
		}
	}
	return session_packet_any(p, s, dir, pkt, checksum);
}
