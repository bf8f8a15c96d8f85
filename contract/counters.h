/*
 * Every counter of a worker, declared once: this list makes the array in shared
 * memory, the metric's name, its unit and its help. Append; the order is part
 * of the contract and COUNTERS_VERSION says which order it is.
 *
 * One writer per counter (the worker that owns the array); readers see each
 * 64-bit value whole, and values may lag each other by a burst.
 *
 * X(enumerator, "name", "unit", "help")
 */
#ifndef SMTAP_CONTRACT_COUNTERS_H
#define SMTAP_CONTRACT_COUNTERS_H

#include <stdint.h>

#ifndef COUNTERS_VERSION /* a test builds control with another (tests/e2e/meson.build) */
#define COUNTERS_VERSION 5
#endif

#define COUNTERS(X)                                                                                \
	X(RX_PKTS, "rx_packets", "packets", "Packets received by the worker")                      \
	X(RX_BYTES, "rx_bytes", "bytes", "Bytes received by the worker, from the link header on")  \
	X(DECODE_MAIL, "decode_mail", "packets", "TCP packets on a mail port")                     \
	X(DECODE_OTHER, "decode_other", "packets", "Well-formed packets that are not mail")        \
	X(DECODE_MALFORMED, "decode_malformed", "packets", "Packets whose headers make no sense")  \
	X(DECODE_TRUNCATED, "decode_truncated", "packets", "Packets cut short by the capture")     \
	X(DECODE_CUT, "decode_cut", "packets", "Mail packets of which only the start came")        \
	X(DECODE_TOO_DEEP, "decode_too_deep", "packets", "Packets with too many nested headers")   \
	X(FRAG_RX, "fragments", "packets", "IP fragments received")                                \
	X(FRAG_DONE, "fragments_reassembled", "packets", "IP packets put together from fragments") \
	X(FRAG_DROP, "fragments_dropped", "packets", "Fragments dropped: timeout, overlap, full")  \
	X(TCP_CSUM_BAD, "tcp_checksum_ignored", "packets",                                         \
		"Segments ignored: wrong checksum in a direction whose others verify")             \
	X(TCP_CSUM_OFFLOAD, "tcp_checksum_offloaded", "packets",                                   \
		"Segments with a wrong checksum that were accepted as offloaded")                  \
	X(TCP_OUT_OF_ORDER, "tcp_out_of_order", "packets", "Segments held for earlier bytes")      \
	X(TCP_DUPLICATE, "tcp_duplicate", "packets", "Segments that brought nothing new")          \
	X(TCP_CONFLICT, "tcp_overlap_conflict", "packets", "Overlaps whose bytes disagreed")       \
	X(TCP_HELD_FOR_ACK, "tcp_held_for_ack", "packets",                                         \
		"Segments held until the bytes that they acknowledge were seen")                   \
	X(TCP_GAPS, "tcp_gaps", "gaps", "Holes in a byte stream that were skipped")                \
	X(TCP_GAP_BYTES, "tcp_gap_bytes", "bytes", "Bytes in those holes")                         \
	X(TCP_HOLD_FULL, "tcp_hold_full", "packets", "Segments dropped: no memory to hold them")   \
	X(TCP_DOUBTFUL, "tcp_doubtful", "packets",                                                 \
		"Segments that the peer may never get, or take: few hops, signed, an early ACK")   \
	X(TCP_BELIEVED, "tcp_doubtful_heard", "packets",                                           \
		"Pieces of those that were heard, since the peer has them and no others came")     \
	X(TCP_IGNORED, "tcp_ignored", "packets", "Segments outside any window, or a false RST")    \
	X(FLOW_NEW, "sessions", "sessions", "Sessions opened")                                     \
	X(FLOW_MIDSTREAM, "sessions_midstream", "sessions", "Sessions whose start was not seen")   \
	X(FLOW_CLOSED, "sessions_closed", "sessions", "Sessions closed by FIN or RST")             \
	X(FLOW_IDLE, "sessions_idle", "sessions", "Sessions ended by silence")                     \
	X(FLOW_EVICTED_HALF_OPEN, "sessions_evicted_half_open", "sessions",                        \
		"Half-open sessions evicted from a full table")                                    \
	X(FLOW_EVICTED, "sessions_evicted", "sessions", "Open sessions evicted from a full table") \
	X(FLOW_FULL, "sessions_refused", "sessions", "Sessions not tracked: the table was full")   \
	X(SMTP_BYTES, "smtp_bytes", "bytes", "Mail bytes inspected in order")                      \
	X(SMTP_COMMANDS, "smtp_commands", "commands", "SMTP commands seen")                        \
	X(SMTP_REPLIES, "smtp_replies", "replies", "SMTP replies seen")                            \
	X(SMTP_UNMATCHED, "smtp_replies_unmatched", "replies", "Replies to no known command")      \
	X(SMTP_MALFORMED, "smtp_malformed", "lines", "Lines that are no SMTP")                     \
	X(SMTP_LONG_LINE, "smtp_long_lines", "lines", "Lines longer than are inspected")           \
	X(SMTP_QUEUE_FULL, "smtp_queue_full", "commands", "Pipelined commands past the bound")     \
	X(SMTP_HOLD_FULL, "smtp_hold_full", "lines", "Lines lost: no memory to hold them")         \
	X(SMTP_TLS_BYTES, "smtp_tls_bytes", "bytes", "Bytes inside TLS")                           \
	X(AUTH_ATTEMPTS, "auth_attempts", "attempts", "AUTH attempts")                             \
	X(MATCH_LINES, "match_lines", "lines", "Lines scanned by Hyperscan")                       \
	X(MATCH_HITS, "match_hits", "matches", "Patterns that matched")                            \
	X(EVENTS, "events", "events", "Events handed to control")                                  \
	X(EVENTS_LOST_AUTH, "events_lost_auth", "events", "AUTH events lost: ring full")           \
	X(EVENTS_LOST_RCPT, "events_lost_rcpt", "events", "RCPT events lost: ring full")           \
	X(EVENTS_LOST_MAIL, "events_lost_mail", "events", "Transaction events lost: ring full")    \
	X(EVENTS_LOST_SESSION, "events_lost_session", "events", "Session events lost: ring full")  \
	X(EVENTS_LOST_SIGNATURE, "events_lost_signature", "events",                                \
		"Pattern events lost: ring full")                                                  \
	X(PORT_PKTS, "port_packets", "packets", "Packets that live ports handed over")             \
	X(PORT_MISSED, "port_missed", "packets", "Packets that live ports dropped: nobody came")   \
	X(PORT_NOMBUF, "port_nombuf", "packets", "Packets that live ports dropped: no buffer")     \
	X(PORT_ERRORS, "port_errors", "packets", "Packets that live ports received damaged")       \
	X(PORT_LINK_DOWN, "port_link_down", "times", "Times that a live port lost its link")       \
	X(PORT_REMOVED, "port_removed", "ports", "Live ports that were taken away")                \
	X(PORT_RETURNED, "port_returned", "ports", "Live ports that came back")                    \
	X(DISPATCH_FULL, "dispatch_full", "packets",                                               \
		"Packets dropped between a live port and its worker: queue full")                  \
	X(SHED_LEVEL, "shed_level", "level",                                                       \
		"What the worker under most overload sheds now: 0 nothing, 1 bodies, "             \
		"2 deliveries too, 3 strangers too, 4 guessers too")                               \
	X(SHED_MS_BODIES, "shed_bodies_time", "milliseconds",                                      \
		"Milliseconds at level 1, of all workers: bodies were shed")                       \
	X(SHED_MS_DELIVERIES, "shed_deliveries_time", "milliseconds",                              \
		"Milliseconds at level 2: a share of the deliveries was shed too")                 \
	X(SHED_MS_STRANGERS, "shed_strangers_time", "milliseconds",                                \
		"Milliseconds at level 3: a share of the sessions of strangers was shed too")      \
	X(SHED_MS_GUESSERS, "shed_guessers_time", "milliseconds",                                  \
		"Milliseconds at level 4: a share of all sessions was shed")                       \
	X(SHED_BODIES, "shed_bodies", "messages",                                                  \
		"Messages whose body was not read whole: overload")                                \
	X(SHED_BODY_BYTES, "shed_body_bytes", "bytes", "Bytes of bodies not read: overload")       \
	X(SHED_LINES, "shed_lines", "lines", "Header lines not matched with rules: overload")      \
	X(SHED_DELIVERIES, "shed_sessions_delivery", "sessions",                                   \
		"Sessions shed under overload: of who only ever delivered mail")                   \
	X(SHED_USERS, "shed_sessions_user", "sessions",                                            \
		"Sessions shed under overload: of who logs in and never failed")                   \
	X(SHED_STRANGERS, "shed_sessions_stranger", "sessions",                                    \
		"Sessions shed under overload: of who is not known")                               \
	X(SHED_GUESSERS, "shed_sessions_guesser", "sessions",                                      \
		"Sessions shed under overload: of who failed to log in")                           \
	X(SHED_PKTS, "shed_packets", "packets", "Packets of the sessions that were shed")

enum counter {
#define X(id, name, unit, help) COUNTER_##id,
	COUNTERS(X)
#undef X
		COUNTER_COUNT
};

/* Room in shared memory; more than COUNTER_COUNT so that a list can grow. */
#define COUNTERS_MAX 128

_Static_assert(COUNTER_COUNT <= COUNTERS_MAX, "the counters fit their room");

struct counter_info {
	const char *name;
	const char *unit;
	const char *help;
};

/* COUNTER_COUNT entries, in the order of the enumeration. */
extern const struct counter_info counter_infos[COUNTER_COUNT];

/* A worker's counters; lives in its ring's shared memory or in a test. */
struct counters {
	uint64_t value[COUNTERS_MAX];
};

static inline void
counter_add(struct counters *c, enum counter id, uint64_t n)
{
	/* One writer: a plain load suffices; the store must not tear. */
	__atomic_store_n(&c->value[id], c->value[id] + n, __ATOMIC_RELAXED);
}

static inline uint64_t
counter_read(const struct counters *c, enum counter id)
{
	return __atomic_load_n(&c->value[id], __ATOMIC_RELAXED);
}

#endif
