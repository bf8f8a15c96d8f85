#include "control/status.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/export/line.h"

#define ROWS 50u       /* sources, and accounts */
#define INCIDENTS 100u /* open ones, the gravest first */

static json_t *
rows(const struct run *run, enum busiest_kind kind, const char *others)
{
	const struct engine_row *found = run->busiest.lists[kind].rows;
	size_t n = run->busiest.lists[kind].n;
	json_t *list = json_array();

	for (size_t i = 0; i < n && i < ROWS; i++) {
		json_t *o = json_object();

		line_put_string(o, line_subject_type(busiest_type(kind)), found[i].name);
		line_put_number(o, "attempts", found[i].attempts);
		line_put_number(o, "failures", found[i].failures);
		line_put_number(o, "successes", found[i].successes);
		line_put_number(o, others, found[i].accounts);
		line_put_time(o, "last_seen", found[i].last_ns);
		json_array_append_new(list, o);
	}
	return list;
}

static int
by_gravity(const void *a, const void *b)
{
	const struct incident *x = *(const struct incident *const *)a;
	const struct incident *y = *(const struct incident *const *)b;

	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->last_seen_ns != y->last_seen_ns)
		return x->last_seen_ns > y->last_seen_ns ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static json_t *
incidents(const struct run *run, uint64_t *open)
{
	size_t max = run->options->config.incident_table;
	const struct incident **found = calloc(max, sizeof(*found));
	size_t n = found ? engine_incidents(run->engine, found, max) : 0, kept = 0;
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (found[i]->open_findings > 0)
			found[kept++] = found[i];
	qsort(found, kept, sizeof(*found), by_gravity);
	for (size_t i = 0; i < kept && i < INCIDENTS; i++) {
		json_t *o = line_incident(found[i]);

		line_put_number(o, "incident_id", found[i]->id);
		json_object_del(o, "advice");
		json_array_append_new(list, o);
	}
	free(found);
	*open = kept;
	return list;
}

static json_t *
make(struct run *run, const struct counters *sum)
{
	struct engine_totals totals;
	struct eve_counters eve;
	uint64_t open = 0;
	json_t *o = json_object(), *list = incidents(run, &open);
	struct eve_stats stats = {.workers = sum,
		.intake = &run->intake.counters,
		.engine = &totals,
		.store = stored_counters(&run->stored)};

	engine_totals(run->engine, &totals);
	eve_counters(run->eve, &eve);
	line_put_string(o, "version", SMTAP_VERSION);
	line_put_time(o, "time", live_wall_ns());
	line_put_number(o, "clock_ns", live_now_ns());
	line_put_time(o, "started", run->first_ns);
	line_put_bool(o, "losing", run->live.losing);
	line_put_number(o, "sensor_loss", run->loss);
	line_put_number(o, "open_incidents", open);
	json_object_set_new(o, "counters", line_counters(&stats, &eve));
	json_object_set_new(o, "incidents", list);
	json_object_set_new(o, "top_sources", rows(run, BUSIEST_SOURCES, "accounts"));
	json_object_set_new(o, "top_accounts", rows(run, BUSIEST_ACCOUNTS, "sources"));
	return o;
}

void
status_put(struct run *run, const struct counters *sum)
{
	if (!run->serve || !serve_wants_status(run->serve))
		return;
	json_t *o = make(run, sum);
	char *text = json_dumps(o, JSON_COMPACT);

	if (text)
		serve_put_status(run->serve, text, strlen(text));
	free(text);
	json_decref(o);
}
