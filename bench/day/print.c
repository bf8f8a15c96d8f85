#include "bench/day/print.h"

#include <jansson.h>
#include <stdio.h>

static double
scale_false(const struct day_options *o, uint64_t count, unsigned days)
{
	/* A day, ten thousand users. */
	return (double)count / days * 10000.0 / o->world.users;
}

static int
check_faults(const struct trial_result *r)
{
	if (r->faults == 0)
		return 0;
	fprintf(stderr, "smtap-day: %llu events or subjects found no room\n",
		(unsigned long long)r->faults);
	return -1;
}

static int
print_json(json_t *object)
{
	int rc = object == NULL ? -1 : json_dumpf(object, stdout, JSON_COMPACT | JSON_SORT_KEYS);

	printf("\n");
	json_decref(object);
	return rc;
}

static json_t *
json_by_detector(const uint64_t counts[DETECTOR_COUNT])
{
	json_t *out = json_object();

	for (unsigned d = 0; d < DETECTOR_COUNT; d++)
		if (counts[d] > 0)
			json_object_set_new(
				out, detector_info(d)->name, json_integer((json_int_t)counts[d]));
	return out;
}

static json_t *
json_tools(const struct trial_result *r)
{
	json_t *tools = json_object();

	for (unsigned tool = 0; tool < TOOL_COUNT; tool++)
		json_object_set_new(tools, tool_names[tool],
			json_pack("{s:i, s:f, s:f, s:f, s:I}", "found", r->found[tool], "covered",
				r->covered[tool], "minutes", r->minutes[tool], "tries",
				r->tries[tool], "false", (json_int_t)r->fp[tool]));
	return tools;
}

static json_t *
json_result(const struct trial_result *r, const struct day_options *o, unsigned n)
{
	uint64_t by[DETECTOR_COUNT];

	for (unsigned d = 0; d < DETECTOR_COUNT; d++)
		by[d] = r->by[d];
	return json_pack("{s:I, s:i, s:i, s:i, s:I, s:f, s:o, s:o, s:o, s:o, s:I, s:I}", "seed",
		(json_int_t)(o->world.seed + n), "users", o->world.users, "days", o->days,
		"attackers", r->attackers, "events", (json_int_t)r->events, "incidents",
		r->incidents, "tools", json_tools(r), "found_by", json_by_detector(by), "false_by",
		json_by_detector(r->fp_by), "wrong_by", json_by_detector(r->wrong_by),
		"stale_right", (json_int_t)r->stale_right, "faults", (json_int_t)r->faults);
}

/* The detector that found most of them, and in how many of all. */
static unsigned
best(const struct print_cell *cell, unsigned seeds, unsigned *most)
{
	unsigned which = 0;

	*most = 0;
	for (unsigned d = 0; d < DETECTOR_COUNT; d++) {
		unsigned sum = 0;

		for (unsigned n = 0; n < seeds; n++)
			sum += cell->results[n].by[d];
		if (sum > *most) {
			*most = sum;
			which = d;
		}
	}
	return which;
}

static void
print_row(const struct day_options *o, const struct print_cell *cell)
{
	double minutes = 0;
	unsigned timed = 0;
	unsigned most;
	unsigned by = best(cell, o->seeds, &most);

	printf("%-20s %9g", cell->kind->name, cell->x);
	for (unsigned tool = 0; tool < TOOL_COUNT; tool++) {
		double recall = 0;

		for (unsigned n = 0; n < o->seeds; n++)
			recall += 100.0 * cell->results[n].found[tool] /
				  (cell->results[n].attackers * o->seeds);
		printf("  %13.0f", recall);
	}
	for (unsigned n = 0; n < o->seeds; n++) {
		minutes += cell->results[n].minutes[TOOL_SMTAP];
		timed += cell->results[n].found[TOOL_SMTAP] > 0;
	}
	if (timed > 0)
		printf("  %8.0f min  %s", minutes / timed, detector_info(by)->name);
	printf("\n");
}

int
print_cells(const struct day_options *o, const struct print_cell *cells, size_t count)
{
	int rc = 0;

	if (!o->json) {
		printf("%-20s %9s", "per cent found:", "intensity");
		for (unsigned tool = 0; tool < TOOL_COUNT; tool++)
			printf("  %13s", tool_names[tool]);
		printf("  %12s  %s\n", "smtap, after", "mostly by");
	}
	for (size_t c = 0; c < count; c++) {
		if (!o->json)
			print_row(o, &cells[c]);
		for (unsigned n = 0; n < o->seeds; n++) {
			json_t *line;

			rc |= check_faults(&cells[c].results[n]);
			if (!o->json)
				continue;
			line = json_result(&cells[c].results[n], o, n);
			json_object_set_new(line, "kind", json_string(cells[c].kind->name));
			json_object_set_new(line, "unit", json_string(cells[c].kind->unit));
			json_object_set_new(line, "intensity", json_real(cells[c].x));
			rc |= print_json(line);
		}
	}
	return rc;
}

static void
print_false(const struct day_options *o, const char *name, const uint64_t *counts)
{
	double sum = 0;
	double least = 1e9;
	double most = 0;

	for (unsigned n = 0; n < o->seeds; n++) {
		double x = scale_false(o, counts[n], o->days);

		sum += x;
		least = x < least ? x : least;
		most = x > most ? x : most;
	}
	printf("%-24s %8.2f  (%.2f to %.2f)\n", name, sum / o->seeds, least, most);
}

int
print_benign(const struct day_options *o, const struct trial_result *results)
{
	uint64_t counts[DAY_SEEDS_MAX];
	int rc = 0;

	for (unsigned n = 0; n < o->seeds; n++) {
		rc |= check_faults(&results[n]);
		if (o->json)
			rc |= print_json(json_result(&results[n], o, n));
	}
	if (o->json)
		return rc;
	printf("false alerts a day for 10000 users\n");
	for (unsigned tool = 0; tool < TOOL_COUNT; tool++) {
		for (unsigned n = 0; n < o->seeds; n++)
			counts[n] = results[n].fp[tool];
		print_false(o, tool_names[tool], counts);
	}
	printf("of smtap's, by detector\n");
	for (unsigned d = 0; d < DETECTOR_COUNT; d++) {
		for (unsigned n = 0; n < o->seeds; n++)
			counts[n] = results[n].fp_by[d];
		print_false(o, detector_info(d)->name, counts);
	}
	for (unsigned n = 0; n < o->seeds; n++)
		counts[n] = results[n].stale_right;
	printf("not false\n");
	print_false(o, "stale_credential, right", counts);
	return rc;
}
