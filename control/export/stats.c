/*
 * The EVE stats line: what of our counters has a place in Suricata's schema is
 * there under its name; all of them, by our names, are under smtap.counters.
 */
#include "base/duration.h"
#include "control/export/line.h"

json_t *
line_counters(const struct eve_stats *stats, const struct eve_counters *eve)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		line_put_number(o, counter_infos[i].name, stats->workers->value[i]);
#define X(field, name, kind, unit, help) line_put_number(o, name, stats->intake->field);
	INTAKE_COUNTERS(X)
#undef X
#define X(field, name, kind, unit, help) line_put_number(o, name, eve->field);
	EVE_COUNTERS(X)
#undef X
	if (stats->store) {
#define X(field, name, kind, unit, help) line_put_number(o, name, stats->store->field);
		OUTBOX_COUNTERS(X)
#undef X
	}
#define X(field, name, kind, unit, help) line_put_number(o, name, stats->engine->field);
	ENGINE_COUNTERS(X)
#undef X
	return o;
}

static json_t *
suricata_stats(const struct eve *eve, const struct eve_stats *stats)
{
	const uint64_t *v = stats->workers->value;
	json_t *o = json_object(), *part;
	uint64_t lost = v[COUNTER_EVENTS_LOST_AUTH] + v[COUNTER_EVENTS_LOST_RCPT] +
			v[COUNTER_EVENTS_LOST_MAIL] + v[COUNTER_EVENTS_LOST_SESSION] +
			v[COUNTER_EVENTS_LOST_SIGNATURE];

	line_put_number(o, "uptime", (stats->last_ns - stats->first_ns) / NS_PER_S);
	part = json_object();
	line_put_number(part, "kernel_packets", v[COUNTER_RX_PKTS]);
	json_object_set_new(o, "capture", part);
	part = json_object();
	line_put_number(part, "pkts", v[COUNTER_RX_PKTS]);
	line_put_number(part, "bytes", v[COUNTER_RX_BYTES]);
	line_put_number(part, "invalid", v[COUNTER_DECODE_MALFORMED]);
	line_put_number(part, "too_many_layers", v[COUNTER_DECODE_TOO_DEEP]);
	json_object_set_new(o, "decoder", part);
	part = json_object();
	line_put_number(part, "total", v[COUNTER_FLOW_NEW]);
	line_put_number(part, "tcp", v[COUNTER_FLOW_NEW]);
	json_object_set_new(o, "flow", part);
	part = json_object();
	line_put_number(part, "sessions", v[COUNTER_FLOW_NEW]);
	line_put_number(part, "midstream_pickups", v[COUNTER_FLOW_MIDSTREAM]);
	line_put_number(part, "invalid_checksum", v[COUNTER_TCP_CSUM_BAD]);
	line_put_number(part, "reassembly_gap", v[COUNTER_TCP_GAPS]);
	line_put_number(part, "overlap", v[COUNTER_TCP_DUPLICATE]);
	line_put_number(part, "overlap_diff_data", v[COUNTER_TCP_CONFLICT]);
	line_put_number(part, "segment_memcap_drop", v[COUNTER_TCP_HOLD_FULL]);
	line_put_number(part, "ssn_memcap_drop", v[COUNTER_FLOW_FULL]);
	json_object_set_new(o, "tcp", part);
	part = json_object();
	line_put_number(part, "alert", eve->counters.alerts);
	line_put_number(part, "alert_queue_overflow", lost);
	json_object_set_new(o, "detect", part);
	return o;
}

void
eve_stats(struct eve *eve, const struct eve_stats *stats)
{
	json_t *line = line_start("stats", stats->last_ns, NULL);
	json_t *more = json_object();
	struct eve_counters own;

	eve_counters(eve, &own);
	json_object_set_new(line, "stats", suricata_stats(eve, stats));
	json_object_set_new(more, "counters", line_counters(stats, &own));
	if (stats->engine->tellings_suppressed > 0)
		json_object_set_new(more, "suppress", line_rules(stats->rules, CONFIG_SUPPRESS));
	if (stats->engine->events_allowed > 0)
		json_object_set_new(more, "allow", line_rules(stats->rules, CONFIG_ALLOW));
	json_object_set_new(line, "smtap", more);
	line_end(eve, line);
}
