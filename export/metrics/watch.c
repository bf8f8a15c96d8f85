#include <string.h>

#include "base/duration.h"
#include "export/metrics/internal.h"

uint64_t
watch_number(const json_t *value)
{
	json_int_t n = json_integer_value(value);

	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t
sum_of(const json_t *values)
{
	uint64_t sum = 0;
	json_t *pair;
	size_t i;

	json_array_foreach(values, i, pair) sum += watch_number(json_array_get(pair, 1));
	return sum;
}

bool
watch_value(const struct watch *w, const char *name, uint64_t *value)
{
	const json_t *list = json_object_get(w->answer, "metrics");
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *is = json_string_value(json_object_get(one, "name"));
		const json_t *alone = json_object_get(one, "value");

		if (!is || strcmp(is, name) != 0)
			continue;
		*value = alone ? watch_number(alone) : sum_of(json_object_get(one, "values"));
		return true;
	}
	return false;
}

/* Events that the dataplane handed over have to be taken. */
static void
look_at_flow(struct watch *w, uint64_t now_ns)
{
	uint64_t taken = 0, handed = 0;

	watch_value(w, "intake_events", &taken);
	watch_value(w, "events", &handed);
	/* Less: another control, or another dataplane. */
	if (taken != w->taken || handed < w->handed) {
		w->taken = taken;
		w->handed = handed;
		w->stuck_ns = 0;
	} else if (handed > w->handed && w->stuck_ns == 0) {
		w->stuck_ns = now_ns;
	}
}

void
watch_take(struct watch *w, json_t *answer, const char *why, uint64_t now_ns)
{
	json_int_t made = json_integer_value(json_object_get(answer, "time"));

	json_decref(w->answer);
	w->answer = answer;
	w->why[0] = '\0';
	if (!answer) {
		strncpy(w->why, why, sizeof(w->why) - 1);
		return;
	}
	/* Not by the wall clock: that may be set. */
	if (made != w->made || w->fresh_ns == 0)
		w->fresh_ns = now_ns;
	w->made = made;
	look_at_flow(w, now_ns);
}

static uint64_t
failing_since(const struct watch *w, const char *name)
{
	for (unsigned i = 0; i < w->exporter_count; i++)
		if (strcmp(w->exporters[i].is.name, name) == 0)
			return w->exporters[i].failing_ns;
	return 0;
}

void
watch_take_exporters(
	struct watch *w, const struct metrics_exporter *exporters, unsigned n, uint64_t now_ns)
{
	struct watch_exporter taken[CONFIG_EXPORTERS_MAX] = {0};

	for (unsigned i = 0; i < n; i++) {
		taken[i].is = exporters[i];
		if (!exporters[i].counters.failing)
			continue;
		taken[i].failing_ns = failing_since(w, exporters[i].name);
		if (taken[i].failing_ns == 0)
			taken[i].failing_ns = now_ns;
	}
	memcpy(w->exporters, taken, sizeof(taken));
	w->exporter_count = n;
}

bool
watch_is_up(const struct watch *w, uint64_t now_ns)
{
	return w->answer && now_ns - w->fresh_ns < WATCH_STALE_NS;
}

void
watch_free(struct watch *w)
{
	json_decref(w->answer);
	*w = (struct watch){0};
}
