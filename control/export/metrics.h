/*
 * metrics: every counter there is, with what it is: for whoever asks control for them over its
 * export socket. A list of
 *
 *   {"name": "rx_packets", "kind": "counter", "unit": "packets", "help": "..",
 *    "label": "worker", "values": [["0", 17], ["1", 4]]}
 *   {"name": "eve_lines", "kind": "counter", "unit": "lines", "help": "..", "value": 21}
 *
 * Of no address, account or server. Units are those of the lists; "timestamp" is nanoseconds since
 * the epoch, 0 never; "boolean" is 0 or 1.
 */
#ifndef SMTAP_CONTROL_EXPORT_METRICS_H
#define SMTAP_CONTROL_EXPORT_METRICS_H

#include <jansson.h>

#include "control/export/eve.h"

#define METRICS_SEVERITIES 5 /* by number; 0 is none */

/* X(field, "name", COUNTER or GAUGE, "unit", "help"): how control is. */
#define STATE_COUNTERS(X)                                                                         \
	X(started_ns, "start", GAUGE, "timestamp", "When control started")                        \
	X(dataplane, "dataplane_attached", GAUGE, "boolean",                                      \
		"1 while a dataplane hands over events")                                          \
	X(last_packet_ns, "last_packet", GAUGE, "timestamp",                                      \
		"When a packet was last seen, to a second; 0: never")                             \
	X(loss, "sensor_loss", COUNTER, "losses",                                                 \
		"Losses that are known of, each counted where it was noticed, whatever its size") \
	X(losing, "losing", GAUGE, "boolean", "1 while the alert about lost packets is open")     \
	X(snapshot_every_ms, "snapshot_interval", GAUGE, "milliseconds",                          \
		"Between snapshots, as configured; 0: there are none")                            \
	X(snapshot_age_ms, "snapshot_age", GAUGE, "milliseconds",                                 \
		"Since the last good snapshot was begun, or control started; 0: there are none")  \
	X(snapshot_bytes, "snapshot", GAUGE, "bytes", "Bytes of the last good snapshot")          \
	X(snapshot_ms, "snapshot_duration", GAUGE, "milliseconds",                                \
		"How long the last good snapshot took, until the disk had it")                    \
	X(snapshot_stall_ms, "snapshot_stall", GAUGE, "milliseconds",                             \
		"The longest that detection waited for one to begin")                             \
	X(snapshots, "snapshots", COUNTER, "snapshots", "Snapshots that were written")            \
	X(snapshot_failures, "snapshot_failures", COUNTER, "snapshots",                           \
		"Snapshots that could not be written; the one before stays")

struct metrics_state {
#define X(field, name, kind, unit, help) uint64_t field;
	STATE_COUNTERS(X)
#undef X
};

struct metrics_source {
	const struct intake *intake;
	const struct counters *workers; /* added up */
	const struct engine_totals *engine;
	const struct eve_counters *eve;
	const struct outbox_counters *store;
	const struct metrics_state *state;
	const uint64_t *open_incidents; /* METRICS_SEVERITIES of them */
};

json_t *metrics_list(const struct metrics_source *source);

#endif
