/* The lines of the report. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

/* fields NULL: out of memory; the jansson functions pass that on. */
struct bench_line {
	bool json;
	bool failed;
	json_t *fields;
};

static void
add(struct bench_line *line, const char *name, json_t *value)
{
	if (line && json_object_set_new(line->fields, name, value) != 0)
		line->failed = true;
}

struct bench_line *
bench_line_open(const struct bench_options *options, const char *scenario)
{
	struct bench_line *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	line->json = options->json;
	line->fields = json_object();
	bench_line_text(line, "scenario", scenario);
	return line;
}

void
bench_line_text(struct bench_line *line, const char *name, const char *value)
{
	add(line, name, json_string(value));
}

void
bench_line_count(struct bench_line *line, const char *name, uint64_t value)
{
	add(line, name, json_integer((json_int_t)value));
}

static void
add_number(struct bench_line *line, const char *name, const char *suffix, double value)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	/* More digits than these say nothing. */
	add(line, full, json_real(round(value * 1e4) / 1e4));
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void
bench_line_samples(struct bench_line *line, const char *name, double samples[], unsigned count)
{
	qsort(samples, count, sizeof(samples[0]), compare);
	unsigned upper = count / 2;
	unsigned lower = (count - 1) / 2;
	add_number(line, name, "", (samples[lower] + samples[upper]) / 2);
	add_number(line, name, "_min", samples[0]);
	add_number(line, name, "_max", samples[count - 1]);
}

/* A median stands before its _min and _max, which are not printed on their own. */
static void
print_number(json_t *fields, const char *name, const json_t *value)
{
	char range[64];

	snprintf(range, sizeof(range), "%s_min", name);
	const json_t *low = json_object_get(fields, range);
	snprintf(range, sizeof(range), "%s_max", name);
	const json_t *high = json_object_get(fields, range);
	if (low && high)
		printf("  %s=%.4g [%.4g-%.4g]", name, json_real_value(value), json_real_value(low),
			json_real_value(high));
}

static void
print_for_people(json_t *fields)
{
	const char *name;
	json_t *value;

	json_object_foreach(fields, name, value)
	{
		if (json_is_string(value))
			printf("%-10s ", json_string_value(value));
		else if (json_is_integer(value))
			printf("  %s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
		else
			print_number(fields, name, value);
	}
}

int
bench_line_print(struct bench_line *line)
{
	if (!line || line->failed) {
		fprintf(stderr, "smtap-bench: out of memory\n");
		free(line);
		return -1;
	}
	if (line->json)
		json_dumpf(line->fields, stdout, JSON_COMPACT | JSON_REAL_PRECISION(8));
	else
		print_for_people(line->fields);
	putchar('\n');
	fflush(stdout);
	json_decref(line->fields);
	free(line);
	return 0;
}
