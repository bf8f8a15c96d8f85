#include "control/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "control/export/line.h"
#include "control/export/metrics.h"

static void
count_open(const struct run *run, uint64_t open[METRICS_SEVERITIES])
{
	size_t max = run->options->config.incident_table;
	const struct incident **found = calloc(max, sizeof(*found));
	size_t n = found ? engine_incidents(run->engine, found, max) : 0;

	for (size_t i = 0; i < n; i++)
		if (found[i]->open_findings > 0 && found[i]->severity < METRICS_SEVERITIES)
			open[found[i]->severity]++;
	free(found);
}

static void
put_snapshot(const struct run *run, struct metrics_state *state)
{
	const struct snapshot *s = &run->snapshot;

	if (!s->path[0])
		return;
	state->snapshot_every_ms = s->every_ns / NS_PER_MS;
	state->snapshot_age_ms = (live_now_ns() - s->good_ns) / NS_PER_MS;
	state->snapshot_bytes = s->bytes;
	state->snapshot_ms = s->took_ns / NS_PER_MS;
	state->snapshot_stall_ms = s->stall_ns / NS_PER_MS;
	state->snapshots = s->written;
	state->snapshot_failures = s->failed;
}

char *
metrics_answer(struct run *run, const struct counters *sum)
{
	struct metrics_state state = {.started_ns = run->first_ns,
		.dataplane = !run->away.on && !run->intake.peer_gone,
		.last_packet_ns = run->live.last_packet_ns,
		.loss = run->loss,
		.losing = run->live.losing};
	put_snapshot(run, &state);
	uint64_t open[METRICS_SEVERITIES] = {0};
	struct engine_totals totals;
	struct eve_counters eve;
	const struct metrics_source source = {.intake = &run->intake,
		.workers = sum,
		.engine = &totals,
		.eve = &eve,
		.store = stored_counters(&run->stored),
		.state = &state,
		.open_incidents = open};

	count_open(run, open);
	engine_totals(run->engine, &totals);
	eve_counters(run->eve, &eve);
	json_t *o = json_object();
	line_put_string(o, "version", SMTAP_VERSION);
	line_put_number(o, "time", live_wall_ns());
	json_object_set_new(o, "metrics", metrics_list(&source));
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

void
metrics_put(struct run *run, const struct counters *sum)
{
	char *text;

	if (!run->outlet || !outlet_wants_counters(run->outlet))
		return;
	text = metrics_answer(run, sum);
	if (text)
		outlet_put_counters(run->outlet, text, strlen(text));
	free(text);
}
