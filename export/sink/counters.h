/* What each exporter counts: written by its runner's thread alone, read by whoever shows it. */
#ifndef SMTAP_EXPORT_SINK_COUNTERS_H
#define SMTAP_EXPORT_SINK_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* X(field, COUNTER or GAUGE, "name", "help") */
#define SINK_COUNTERS(X)                                                                         \
	X(sent, COUNTER, "sent", "Alerts that were delivered; again where that was not certain") \
	X(left_out, COUNTER, "left_out", "Alerts below the exporter's severity")                 \
	X(retries, COUNTER, "retries", "Tries that failed; what they held is tried again")       \
	X(refused, COUNTER, "refused", "Alerts that the destination refused, left out")          \
	X(removed, COUNTER, "removed", "Files of xarf removed for their age, number or size")    \
	X(unended, COUNTER, "unended",                                                           \
		"Producers of kafka that did not end in time, and were left to it")              \
	X(failing, GAUGE, "failing", "1 while the destination fails")                            \
	X(backlog, GAUGE, "backlog", "Alerts told and not delivered yet, as last known")         \
	X(last_seq, GAUGE, "last_seq", "Number of the last alert that is done with")             \
	X(last_sent_s, GAUGE, "last_sent_timestamp_seconds",                                     \
		"When an alert was last delivered, seconds since the epoch; 0: never")

struct sink_counters {
#define X(field, kind, name, help) uint64_t field;
	SINK_COUNTERS(X)
#undef X
};

/* The same as they are kept; relaxed, since each says something of its own. */
struct sink_counters_kept {
#define X(field, kind, name, help) _Atomic uint64_t field;
	SINK_COUNTERS(X)
#undef X
};

#endif
