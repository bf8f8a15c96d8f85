/*
 * pipeline: one worker's core.
 *
 * It keeps a table of sessions: for each the flow key and timer, the TCP
 * connection, the SMTP session, and what it sums up. Packets
 * come in bursts, in the order of the capture; the table is asked for a whole
 * burst at once, then each packet runs to completion.
 *
 * What always holds
 * - A session's events are the same whichever worker has it and whatever else
 *   that worker sees, unless a table or an arena is full. So a timer fires at
 *   a whole second of the capture's clock, before any packet at or after that
 *   second is looked at, and not when the worker happens to come by; sessions
 *   that end in the same second end in the order in which they began.
 * - smtp is opened with the first bytes, not with the first packet: only then
 *   it is known whether the SYN was seen. From then on, and until its end, the session counts as
 *   established.
 * - A closed session lingers for a few seconds, so that retransmissions of its
 *   last segments do not open a new one. After a RST the session stays open
 *   for as long: if its peers go on talking, the RST was forged and nothing is
 *   lost; if not, it ends.
 *
 * Limits: capacity of the table (half-open sessions are evicted first, then
 * those idle longest; each is counted), arenas of tcp and smtp, PIPELINE_BURST_MAX.
 *
 * Under overload shed says which sessions are not opened, and which of those in the table are cut;
 * their later packets go before the table is asked for them (pipeline_sheds).
 *
 * What an attacker would try: flood with SYNs (half-open entries are the first
 * to go), choose colliding addresses (the table's hash is keyed), forge RSTs
 * or replies (checksum and sequence rules of tcp), source port 25 (a SYN from a
 * mail port to another port is not mail).
 */
#include "dataplane/pipeline/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "dataplane/pipeline/private.h"

#define CACHE_LINE 64u
#define LINGER_S 5u
#define ORDER_MASK ((1ULL << 52) - 1) /* packets of ten years, at 10 million a second */
/* tcp decides on what it holds when a segment comes, and after this when none does: else a
   few hundred sessions that fell silent would keep its arena from all others. */
#define HOLD_S 30u

static size_t
align_up(size_t n)
{
	return (n + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static bool
began_before(const struct flow *a, const struct flow *b)
{
	const struct session *x = (const struct session *)(const void *)a;
	const struct session *y = (const struct session *)(const void *)b;

	return x->first_order < y->first_order;
}

static struct flow_table_config
table_config(const struct pipeline_config *cfg)
{
	struct flow_table_config t = {
		.capacity = cfg->sessions,
		.entry_bytes = sizeof(struct session),
		.beside_bytes = sizeof(struct smtp_session),
		.before = cfg->deterministic ? began_before : NULL,
		.hash_key = cfg->flow_hash_key,
	};

	return t;
}

void
pipeline_config_defaults(struct pipeline_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->sessions = 65536;
	cfg->tcp_blocks = 16384;
	cfg->smtp_pages = 16384;
	cfg->idle_s = 600;
	cfg->half_open_s = 30;
}

/* Chains of names: one for two sessions, or up to four. */
static uint32_t
names_count(const struct pipeline_config *cfg)
{
	uint32_t count = 1;

	while (count < cfg->sessions / 4)
		count *= 2;
	return count;
}

size_t
pipeline_footprint(const struct pipeline_config *cfg)
{
	struct flow_table_config t = table_config(cfg);

	return align_up(sizeof(struct pipeline)) + align_up(flow_table_footprint(&t)) +
	       align_up(blocks_footprint(cfg->tcp_blocks, TCP_BLOCK_BYTES)) +
	       align_up(slabs_footprint(cfg->smtp_pages)) +
	       align_up(names_count(cfg) * sizeof(uint32_t));
}

struct pipeline *
pipeline_init(void *memory, const struct pipeline_config *cfg, const struct decode_config *decode,
	struct emit *emit, struct match *match, struct counters *counters)
{
	struct flow_table_config t = table_config(cfg);
	uint8_t *at = memory;
	struct pipeline *p = memory;

	at += align_up(sizeof(*p));
	p->cfg = *cfg;
	p->next_ns = NS_PER_S;
	p->decode = decode;
	p->emit = emit;
	p->counters = counters;
	t.slabs = &p->smtp_arena;
	p->table = flow_table_init(at, &t);
	if (!p->table)
		return NULL;
	p->sessions = (struct session *)(void *)flow_table_at(p->table, 0);
	p->said = flow_table_beside(p->table, 0);
	at += align_up(flow_table_footprint(&t));
	blocks_init(&p->tcp_arena, at, cfg->tcp_blocks, TCP_BLOCK_BYTES);
	at += align_up(blocks_footprint(cfg->tcp_blocks, TCP_BLOCK_BYTES));
	slabs_init(&p->smtp_arena, at, cfg->smtp_pages);
	at += align_up(slabs_footprint(cfg->smtp_pages));
	smtp_names_init(
		&p->smtp.names, (uint32_t *)(void *)at, names_count(cfg), &cfg->flow_hash_key);

	tcp_ctx_defaults(&p->tcp);
	p->tcp.arena = &p->tcp_arena;
	p->tcp.counters = counters;
	p->smtp.emit = emit;
	p->smtp.match = match;
	p->smtp.slabs = &p->smtp_arena;
	p->smtp.counters = counters;
	p->smtp.password_key = cfg->password_key;
	p->smtp.proxy_protocol = cfg->proxy_protocol;
	p->smtp.flow = &p->flow;
	p->smtp.flow_make = session_flow_make;
	p->smtp.flow_of = p;
	return p;
}

void
pipeline_set_shed(struct pipeline *p, struct shed *shed)
{
	p->shed = shed;
	p->emit->tap = shed_learn;
	p->emit->tap_arg = shed;
}

uint32_t
pipeline_fill(const struct pipeline *p)
{
	const struct slabs *said = &p->smtp_arena;
	/* Half-open sessions are the first to go: they do not count. */
	uint64_t sessions = (uint64_t)flow_table_established(p->table) * 1000 / p->cfg.sessions;
	uint64_t pages = (uint64_t)said->pages_in_use * 1000 / (said->capacity - said->reserve);

	return (uint32_t)(pages > sessions ? pages : sessions);
}

void
pipeline_use(const struct pipeline *p, struct pipeline_use *use)
{
	struct flow_table_config t = table_config(&p->cfg);
	size_t bytes = flow_table_footprint(&t) - flow_table_fixed_bytes() +
		       names_count(&p->cfg) * sizeof(uint32_t);

	use->sessions = flow_table_count(p->table);
	use->session_bytes = (double)bytes / p->cfg.sessions;
	use->said_bytes = p->smtp_arena.bytes_in_use;
	use->early_bytes = (uint64_t)p->tcp_arena.in_use * TCP_BLOCK_BYTES;
}

/* Make room when the table is full: 0, or -1 when nothing can go. */
static int
evict_one(struct pipeline *p)
{
	uint32_t victim = flow_table_victim(p->table);

	if (victim == FLOW_NONE)
		return -1;
	struct session *s = session_at(p, victim);
	if (s->flow.class == FLOW_HALF_OPEN)
		counter_add(p->counters, COUNTER_FLOW_EVICTED_HALF_OPEN, 1);
	else
		counter_add(p->counters, COUNTER_FLOW_EVICTED, 1);
	session_remove(p, victim, SESSION_END_EVICTED);
	return 0;
}

/*
 * Who is the client? The SYN says; without it, whoever is not at a mail port.
 * Returns -1 when the packet is no mail after all: a connection that is opened
 * from a mail port to another.
 */
static int
packet_from_client(const struct pipeline *p, const struct decode_packet *d, bool *guessed)
{
	bool src_mail = decode_is_mail_port(p->decode, d->src_port);
	bool dst_mail = decode_is_mail_port(p->decode, d->dst_port);
	bool syn = d->tcp_flags & TCP_SYN, ack = d->tcp_flags & TCP_ACK;

	*guessed = false;
	if (syn && !ack)
		return dst_mail ? 1 : -1;
	if (syn)
		return src_mail ? 0 : -1;
	*guessed = true;
	if (src_mail != dst_mail)
		return dst_mail;
	return d->src_port > d->dst_port || (d->src_port == d->dst_port && !(d->seq & 1));
}

/* A stray RST, FIN or ACK without data tells of nothing that is still to come. */
static bool
packet_is_stray(const struct decode_packet *d)
{
	return (d->tcp_flags & TCP_RST) || (!(d->tcp_flags & TCP_SYN) && d->payload_wire_len == 0);
}

static enum shed_packet
packet_kind(const struct decode_packet *d)
{
	if (d->tcp_flags & (TCP_FIN | TCP_RST))
		return SHED_ENDS;
	if ((d->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return SHED_BEGINS;
	return packet_is_stray(d) ? SHED_SIGNS : SHED_TALKS;
}

uint64_t
pipeline_shed_hash(const struct pipeline *p, const struct decode_packet *d)
{
	struct flow_key key;

	flow_key_make(&key, &d->src, d->src_port, &d->dst, d->dst_port);
	uint64_t hash = shed_hash(p->shed, &key);
	__builtin_prefetch(shed_place(p->shed, hash), 1);
	return hash;
}

bool
pipeline_sheds(struct pipeline *p, const struct decode_packet *d, uint64_t hash, uint64_t clock_ns)
{
	return shed_knows(p->shed, hash, packet_kind(d), clock_ns);
}

/* Overload: is the session that this packet would begin not to be followed? */
static bool
packet_is_shed(struct pipeline *p, const struct flow_key *key, const struct pipeline_packet *pkt,
	bool from_client, unsigned *what)
{
	const struct decode_packet *d = &pkt->decoded;

	if (!p->shed || !shed_asks(p->shed, pkt->clock_ns))
		return false;
	uint64_t hash = shed_hash(p->shed, key);
	/* It may have been shed since this packet was received. */
	return shed_knows(p->shed, hash, packet_kind(d), pkt->clock_ns) ||
	       !shed_takes(p->shed, hash, from_client ? &d->src : &d->dst, packet_kind(d),
		       pkt->clock_ns, what);
}

/* Overload: the session of this packet is followed no longer. */
static bool
session_is_cut(struct pipeline *p, uint32_t index, const struct flow_key *key, uint64_t clock_ns)
{
	struct session *s = session_at(p, index);

	if (!p->shed || p->shed->level < SHED_DELIVERIES || s->ended)
		return false;
	uint64_t hash = shed_hash(p->shed, key);
	if (!shed_may_cut(p->shed, hash))
		return false;
	unsigned what = s->source;
	struct addr client = flow_key_addr(key, s->client_end);
	bool cut = shed_cuts(p->shed, hash, &client, clock_ns, &what);
	s->source = what & 7;
	if (cut)
		session_remove(p, index, SESSION_END_EVICTED);
	return cut;
}

/* Open a session for a packet that has none; FLOW_NONE when it is not to have one. */
static uint32_t
session_open(struct pipeline *p, const struct flow_key *key, const struct pipeline_packet *pkt,
	bool swapped)
{
	const struct decode_packet *d = &pkt->decoded;
	bool guessed;
	unsigned what = 0;
	int from_client = packet_from_client(p, d, &guessed);

	if (from_client < 0 || packet_is_shed(p, key, pkt, from_client, &what) ||
		packet_is_stray(d))
		return FLOW_NONE;
	uint32_t index = flow_table_add(p->table, key, FLOW_HALF_OPEN);
	/* Not for want of memory for a long key: another session's going gives back none of it. */
	bool full = flow_table_count(p->table) == flow_table_capacity(p->table);
	if (index == FLOW_NONE && full && evict_one(p) == 0)
		index = flow_table_add(p->table, key, FLOW_HALF_OPEN);
	if (index == FLOW_NONE) {
		counter_add(p->counters, COUNTER_FLOW_FULL, 1);
		return FLOW_NONE;
	}
	p->table_changed = true;
	struct session *s = session_at(p, index);
	s->client_end = from_client ? swapped : !swapped;
	s->guessed = guessed;
	s->source = what & 7;
	s->start_ns = pkt->time_ns;
	s->last_ns = pkt->time_ns;
	s->first_order = pkt->order & ORDER_MASK;
	counter_add(p->counters, COUNTER_FLOW_NEW, 1);
	if (guessed)
		counter_add(p->counters, COUNTER_FLOW_MIDSTREAM, 1);
	return index;
}

static void
session_arm(struct pipeline *p, uint32_t index, struct session *s, uint64_t clock_ns)
{
	uint32_t wait_s = p->cfg.idle_s;

	if (s->ended || s->reset)
		wait_s = LINGER_S;
	else if (!session_bytes(s, 0) && !session_bytes(s, 1))
		wait_s = p->cfg.half_open_s;
	s->holds = !s->ended && wait_s > HOLD_S && tcp_holding(&s->tcp);
	if (s->holds)
		wait_s = HOLD_S;
	flow_table_arm(p->table, index, (uint32_t)(clock_ns / NS_PER_S) + wait_s + 1);
}

/* Nothing to settle: the session is under way, and its timer is where it would be set. */
static inline bool
session_is_settled(const struct pipeline *p, const struct session *s, uint64_t clock_ns)
{
	return s->flow.deadline_s == p->now_s + p->cfg.idle_s + 1 &&
	       p->next_ns - clock_ns - 1 < NS_PER_S && s->flow.class == FLOW_ESTABLISHED &&
	       !(s->ended | s->reset | s->holds) && s->fins != 3 && !tcp_holding(&s->tcp);
}

/* After a packet: class, end, timer. */
static void
session_settle(struct pipeline *p, uint32_t index, struct session *s, uint64_t clock_ns)
{
	if (session_is_settled(p, s, clock_ns))
		return;
	if (s->ended) {
		session_arm(p, index, s, clock_ns);
		return;
	}
	if (s->fins == 3) {
		counter_add(p->counters, COUNTER_FLOW_CLOSED, 1);
		session_end(p, s, SESSION_END_FIN);
		flow_table_set_class(p->table, index, FLOW_HALF_OPEN);
	}
	session_arm(p, index, s, clock_ns);
}

static void
packet_run(struct pipeline *p, const struct pipeline_packet *pkt, const struct flow_key *key,
	bool swapped, uint32_t index)
{
	const struct decode_packet *d = &pkt->decoded;

	if (p->table_changed && !flow_table_holds(p->table, index, key))
		index = flow_table_find(p->table, key);
	if (index == FLOW_NONE)
		index = session_open(p, key, pkt, swapped);
	else if (session_is_cut(p, index, key, pkt->clock_ns))
		return;
	if (index == FLOW_NONE)
		return;
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		struct session *s = session_at(p, index);
		enum tcp_dir dir = swapped == (bool)s->client_end ? TCP_TO_SERVER : TCP_TO_CLIENT;
		bool reopens = s->ended && !packet_is_stray(d) &&
			       tcp_is_another(&s->tcp, dir, d->tcp_flags, d->seq);

		if (!reopens) {
			s->packets[dir] += s->packets[dir] < UINT32_MAX;
			s->flow.owner[dir] |= d->tcp_flags;
			s->last_ns = pkt->time_ns;
			bool another = !s->ended && session_packet(p, s, dir, pkt) == TCP_NEW_CONN;
			stages_enter(p->emit->stages, PATH_FLOW);
			if (!another) {
				session_settle(p, index, s, pkt->clock_ns);
				return;
			}
			s->packets[dir]--;
		}
		session_remove(p, index, SESSION_END_REUSED);
		index = session_open(p, key, pkt, swapped);
		if (index == FLOW_NONE)
			return;
	}
}

void
pipeline_burst(struct pipeline *p, const struct pipeline_packet packets[], unsigned n)
{
	struct flow_key keys[PIPELINE_BURST_MAX];
	uint32_t index[PIPELINE_BURST_MAX];
	bool swapped[PIPELINE_BURST_MAX];
	bool says[PIPELINE_BURST_MAX];

	if (n == 0)
		return;
	/* GCC takes them all for unwritten else. */
	keys[0].is_long = 0;
	says[0] = false;
	for (unsigned i = 0; i < n; i++) {
		const struct decode_packet *d = &packets[i].decoded;

		says[i] = d->payload_len > 0;
		swapped[i] = flow_key_make(&keys[i], &d->src, d->src_port, &d->dst, d->dst_port);
	}
	flow_table_find_bulk(p->table, keys, says, n, index);
	for (unsigned i = 0; i < n; i++) {
		if (index[i] != FLOW_NONE && says[i] && session_at(p, index[i])->smtp_open)
			smtp_prefetch(&p->smtp, &p->said[index[i]]);
	}
	p->table_changed = false;
	p->smtp.skim = p->shed && p->shed->level >= SHED_BODIES;
	for (unsigned i = 0; i < n; i++) {
		if (packets[i].clock_ns >= p->next_ns)
			pipeline_clock(p, packets[i].clock_ns);
		p->emit->clock_ns = packets[i].clock_ns;
		p->emit->order = packets[i].order;
		packet_run(p, &packets[i], &keys[i], swapped[i], index[i]);
	}
}

static void
expire_one(struct pipeline *p, uint32_t index, uint32_t due_s)
{
	struct session *s = session_at(p, index);
	enum event_session_end end = SESSION_END_IDLE;

	p->emit->clock_ns = due_s * NS_PER_S;
	p->emit->order = s->first_order;
	if (s->holds) {
		session_stalled(p, s, due_s * NS_PER_S);
		session_settle(p, index, s, due_s * NS_PER_S);
		return;
	}
	if (s->reset)
		end = SESSION_END_RST;
	if (!s->ended)
		counter_add(p->counters, s->reset ? COUNTER_FLOW_CLOSED : COUNTER_FLOW_IDLE, 1);
	session_remove(p, index, end);
}

void
pipeline_clock(struct pipeline *p, uint64_t clock_ns)
{
	uint32_t now_s = (uint32_t)(clock_ns / NS_PER_S);
	uint32_t due_s, index;

	if (now_s <= p->now_s)
		return;
	p->now_s = now_s;
	p->next_ns = (now_s + 1ull) * NS_PER_S;
	while ((index = flow_table_expire(p->table, now_s, &due_s)) != FLOW_NONE)
		expire_one(p, index, due_s);
}

void
pipeline_end(struct pipeline *p, uint64_t clock_ns)
{
	uint32_t cursor = 0, index, due_s;

	pipeline_clock(p, clock_ns);
	/* All are due now, in one order. */
	while ((index = flow_table_next(p->table, &cursor)) != FLOW_NONE)
		flow_table_arm(p->table, index, p->now_s);
	while ((index = flow_table_expire(p->table, p->now_s, &due_s)) != FLOW_NONE) {
		const struct session *s = session_at(p, index);

		p->emit->clock_ns = clock_ns;
		p->emit->order = EVENT_ORDER_END | s->first_order;
		session_remove(p, index, s->reset ? SESSION_END_RST : SESSION_END_CAPTURE);
	}
}
