#include "control/export/metrics.h"

#include <stdio.h>
#include <string.h>

#include "control/export/line.h"
#include "control/export/severity.h"

enum kind { KIND_COUNTER, KIND_GAUGE };

/* What a metric is, before its values. */
struct about {
	const char *name;
	enum kind kind;
	const char *unit;
	const char *help;
};

/* One more of the list, without values. */
static json_t *
add(json_t *list, const struct about *about)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(about->name));
	json_object_set_new(
		o, "kind", json_string(about->kind == KIND_GAUGE ? "gauge" : "counter"));
	json_object_set_new(o, "unit", json_string(about->unit));
	json_object_set_new(o, "help", json_string(about->help));
	json_array_append_new(list, o);
	return o;
}

static void
add_one(json_t *list, const struct about *about, uint64_t value)
{
	line_put_number(add(list, about), "value", value);
}

/* A metric with a label, still without values. */
static json_t *
add_labelled(json_t *list, const struct about *about, const char *label)
{
	json_t *o = add(list, about), *values = json_array();

	json_object_set_new(o, "label", json_string(label));
	json_object_set_new(o, "values", values);
	return values;
}

static void
put(json_t *values, const char *label, uint64_t value)
{
	json_array_append_new(values, json_pack("[s, I]", label, (json_int_t)value));
}

/*
 * Of the main lcore, which keeps them beside worker 0's, and of the dispatcher: they are no
 * worker's.
 */
static bool
is_shared(enum counter id)
{
	return strncmp(counter_infos[id].name, "port_", 5) == 0 || id == COUNTER_DISPATCH_FULL ||
	       id == COUNTER_FRAG_RX || id == COUNTER_FRAG_DONE || id == COUNTER_FRAG_DROP;
}

static void
add_worker_counter(json_t *list, const struct metrics_source *s, enum counter id)
{
	const struct counter_info *info = &counter_infos[id];
	/* A level is what is; all else grows. */
	const struct about about = {info->name,
		strcmp(info->unit, "level") == 0 ? KIND_GAUGE : KIND_COUNTER, info->unit,
		info->help};

	if (is_shared(id)) {
		add_one(list, &about, s->workers->value[id]);
		return;
	}
	json_t *values = add_labelled(list, &about, "worker");
	for (unsigned i = 0; i < s->intake->ring_count; i++) {
		const struct ring_header *ring = s->intake->rings[i].reader.header;
		char worker[16];

		snprintf(worker, sizeof(worker), "%u", i);
		put(values, worker, counter_read(&ring->counters, id));
	}
}

static void
add_engine(json_t *list, const struct metrics_source *s)
{
	static const char *const outcomes[] = {
#define X(id, name) name,
		EVENT_OUTCOMES(X)
#undef X
	};
	static const struct about about_outcomes = {"auth_outcomes", KIND_COUNTER, "attempts",
		"AUTH attempts that control has counted, by how they ended"};
	static const struct about about_incidents = {
		"open_incidents", KIND_GAUGE, "incidents", "Incidents that are open, by severity"};
	json_t *values = add_labelled(list, &about_outcomes, "outcome");

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		put(values, outcomes[i], s->engine->outcomes[i]);
	values = add_labelled(list, &about_incidents, "severity");
#define X(number, word, Word) put(values, word, s->open_incidents[number]);
	SEVERITIES(X)
#undef X
}

json_t *
metrics_list(const struct metrics_source *s)
{
	json_t *list = json_array();

	for (unsigned id = 0; id < COUNTER_COUNT; id++)
		add_worker_counter(list, s, (enum counter)id);
#define X(field, name, kind, unit, help) \
	add_one(list, &(const struct about){name, KIND_##kind, unit, help}, SOURCE->field);
#define SOURCE (&s->intake->counters)
	INTAKE_COUNTERS(X)
#undef SOURCE
#define SOURCE (s->eve)
	EVE_COUNTERS(X)
#undef SOURCE
#define SOURCE (s->store)
	OUTBOX_COUNTERS(X)
#undef SOURCE
#define SOURCE (s->engine)
	ENGINE_COUNTERS(X)
#undef SOURCE
#define SOURCE (s->state)
	STATE_COUNTERS(X)
#undef SOURCE
#undef X
	add_engine(list, s);
	return list;
}
