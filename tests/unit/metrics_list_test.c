/* Every counter there is, is told of with what it is. */
#include "tests/unit/export_fixture.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/export/metrics.h"

#define WORKERS 2

struct rig {
	struct ring_header headers[WORKERS];
	struct intake_ring rings[WORKERS];
	struct intake intake;
	struct counters sum;
	struct engine_totals engine;
	struct eve_counters eve;
	struct outbox_counters store;
	struct metrics_state state;
	uint64_t open[METRICS_SEVERITIES];
	json_t *list;
};

/* Each number is another one. */
static void
fill(struct rig *s)
{
	uint64_t next = 1000;

	for (unsigned w = 0; w < WORKERS; w++) {
		s->rings[w].reader.header = &s->headers[w];
		for (unsigned i = 0; i < COUNTER_COUNT; i++)
			s->headers[w].counters.value[i] = next++;
	}
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		s->sum.value[i] = next++;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		s->engine.outcomes[i] = next++;
	for (unsigned i = 0; i < METRICS_SEVERITIES; i++)
		s->open[i] = next++;
#define X(field, name, kind, unit, help) WHOSE.field = next++;
#define WHOSE s->intake.counters
	INTAKE_COUNTERS(X)
#undef WHOSE
#define WHOSE s->eve
	EVE_COUNTERS(X)
#undef WHOSE
#define WHOSE s->store
	OUTBOX_COUNTERS(X)
#undef WHOSE
#define WHOSE s->engine
	ENGINE_COUNTERS(X)
#undef WHOSE
#define WHOSE s->state
	STATE_COUNTERS(X)
#undef WHOSE
#undef X
}

static int
rig_open(void **state)
{
	struct rig *s = calloc(1, sizeof(*s));

	s->intake.rings = s->rings;
	s->intake.ring_count = WORKERS;
	fill(s);
	const struct metrics_source source = {.intake = &s->intake,
		.workers = &s->sum,
		.engine = &s->engine,
		.eve = &s->eve,
		.store = &s->store,
		.state = &s->state,
		.open_incidents = s->open};
	s->list = metrics_list(&source);
	*state = s;
	return 0;
}

static int
rig_close(void **state)
{
	struct rig *s = *state;

	json_decref(s->list);
	free(s);
	return 0;
}

/* The only one of that name. */
static json_t *
metric(struct rig *s, const char *name)
{
	json_t *found = NULL, *one;
	size_t i;

	json_array_foreach(s->list, i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "name")), name) != 0)
			continue;
		if (found)
			fail_msg("%s is there twice", name);
		found = one;
	}
	if (!found)
		fail_msg("there is no %s", name);
	return found;
}

static void
assert_text(json_t *metric, const char *key, const char *want)
{
	assert_string_equal(json_string_value(json_object_get(metric, key)), want);
}

static void
assert_about(json_t *metric, const char *kind, const char *unit, const char *help)
{
	assert_text(metric, "kind", strcmp(kind, "GAUGE") == 0 ? "gauge" : "counter");
	assert_text(metric, "unit", unit);
	assert_text(metric, "help", help);
}

static void
assert_value(json_t *metric, uint64_t want)
{
	assert_int_equal(json_integer_value(json_object_get(metric, "value")), want);
}

static uint64_t
labelled(json_t *metric, const char *label, const char *value)
{
	json_t *pair;
	size_t i;

	assert_text(metric, "label", label);
	json_array_foreach(json_object_get(metric, "values"), i,
		pair) if (strcmp(json_string_value(json_array_get(pair, 0)), value) ==
			  0) return (uint64_t)json_integer_value(json_array_get(pair, 1));
	fail_msg("no value for %s", value);
	return 0;
}

static void
each_counter_of_control_is_there(void **state)
{
	struct rig *s = *state;

#define X(field, name, kind, unit, help)                  \
	assert_about(metric(s, name), #kind, unit, help); \
	assert_value(metric(s, name), WHOSE.field);
#define WHOSE s->intake.counters
	INTAKE_COUNTERS(X)
#undef WHOSE
#define WHOSE s->eve
	EVE_COUNTERS(X)
#undef WHOSE
#define WHOSE s->store
	OUTBOX_COUNTERS(X)
#undef WHOSE
#define WHOSE s->engine
	ENGINE_COUNTERS(X)
#undef WHOSE
#define WHOSE s->state
	STATE_COUNTERS(X)
#undef WHOSE
#undef X
}

static void
each_counter_of_the_contract_is_there_by_worker(void **state)
{
	struct rig *s = *state;
	unsigned alone = 0;

	for (unsigned i = 0; i < COUNTER_COUNT; i++) {
		const struct counter_info *info = &counter_infos[i];
		json_t *m = metric(s, info->name);

		assert_about(
			m, i == COUNTER_SHED_LEVEL ? "GAUGE" : "COUNTER", info->unit, info->help);
		if (!json_object_get(m, "label")) {
			assert_value(m, s->sum.value[i]);
			alone++;
			continue;
		}
		assert_int_equal(json_array_size(json_object_get(m, "values")), WORKERS);
		assert_int_equal(labelled(m, "worker", "0"), s->headers[0].counters.value[i]);
		assert_int_equal(labelled(m, "worker", "1"), s->headers[1].counters.value[i]);
	}
	/* Those of ports, of the dispatcher and of fragments, which it puts together. */
	assert_int_equal(alone, 7 + 1 + 3);
}

static void
attempts_are_told_by_outcome_and_incidents_by_severity(void **state)
{
	struct rig *s = *state;

	assert_int_equal(labelled(metric(s, "auth_outcomes"), "outcome", "failure"),
		s->engine.outcomes[OUTCOME_FAILURE]);
	assert_int_equal(labelled(metric(s, "open_incidents"), "severity", "critical"), s->open[1]);
	assert_int_equal(labelled(metric(s, "open_incidents"), "severity", "minor"), s->open[3]);
}

/* So that nobody adds one by mistake: how many there may be is bounded, and they name nobody. */
static void
labels_are_of_a_few_kinds(void **state)
{
	static const char *const may[] = {"worker", "outcome", "severity"};
	struct rig *s = *state;
	json_t *one;
	size_t i;

	json_array_foreach(s->list, i, one)
	{
		const char *label = json_string_value(json_object_get(one, "label"));
		bool known = !label;

		for (unsigned k = 0; label && k < 3; k++)
			known |= strcmp(label, may[k]) == 0;
		assert_true(known);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)
	const struct CMUnitTest tests[] = {
		T(each_counter_of_control_is_there),
		T(each_counter_of_the_contract_is_there_by_worker),
		T(attempts_are_told_by_outcome_and_incidents_by_severity),
		T(labels_are_of_a_few_kinds),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
