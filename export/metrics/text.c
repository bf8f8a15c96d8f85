/*
 * Metrics as Prometheus' text format 0.0.4 and OpenMetrics 1.0.0 have them. Their names are made of
 * those of the counters by rules (doc/man/smtap-metrics.5): smtap_ before, the base unit after what
 * is a time or bytes, _total after what only grows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "export/metrics/internal.h"

#define NAME_MAX_BYTES 96

/* A unit that is told in another one. */
struct scale {
	const char *unit;
	const char *suffix; /* of the name; and the unit in which it is told */
	unsigned digits;    /* after the point: its value is divided by so many tens */
};

static const struct scale scales[] = {
	{"milliseconds", "_seconds", 3},
	{"timestamp", "_timestamp_seconds", 9},
	{"bytes", "_bytes", 0},
};

struct family {
	char name[NAME_MAX_BYTES]; /* without _total */
	const char *kind;          /* "counter" or "gauge" */
	const char *unit;
	const char *help;
	unsigned digits;
};

struct writer {
	FILE *out;
	bool openmetrics;
};

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* False: it cannot be a name. */
static bool
name_family(struct family *f, const char *name)
{
	const char *suffix = "";

	if (!name[0] || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		return false;
	f->digits = 0;
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		if (strcmp(f->unit, scales[i].unit) != 0)
			continue;
		f->digits = scales[i].digits;
		suffix = ends_with(name, scales[i].suffix) ? "" : scales[i].suffix;
	}
	int n = snprintf(f->name, sizeof(f->name), "smtap_%s%s", name, suffix);
	return n > 0 && (size_t)n < sizeof(f->name);
}

static void
put_escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\\\", out);
		else if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' && quotes)
			fputs("\\\"", out);
		else
			fputc(*text, out);
	}
}

static bool
grows(const struct family *f)
{
	return strcmp(f->kind, "counter") == 0;
}

static void
begin(const struct writer *w, const struct family *f)
{
	/* Of Prometheus' older format _total is part of the name. */
	const char *total = grows(f) && !w->openmetrics ? "_total" : "";
	const char *unit = f->digits > 0 ? "seconds" : f->unit;
	char suffix[NAME_MAX_BYTES];

	fprintf(w->out, "# HELP %s%s ", f->name, total);
	put_escaped(w->out, f->help, w->openmetrics);
	fprintf(w->out, "\n# TYPE %s%s %s\n", f->name, total, f->kind);
	snprintf(suffix, sizeof(suffix), "_%s", unit);
	/* A unit must be the end of the name. */
	if (w->openmetrics && unit[0] && ends_with(f->name, suffix))
		fprintf(w->out, "# UNIT %s %s\n", f->name, unit);
}

/* labels: as they are written, or "". */
static void
put_value(const struct writer *w, const struct family *f, const char *labels, uint64_t value)
{
	uint64_t scale = 1;

	for (unsigned i = 0; i < f->digits; i++)
		scale *= 10;
	fprintf(w->out, "%s%s%s %" PRIu64, f->name, grows(f) ? "_total" : "", labels,
		value / scale);
	if (f->digits > 0)
		fprintf(w->out, ".%0*" PRIu64, (int)f->digits, value % scale);
	fputc('\n', w->out);
}

static void
put_labelled(
	const struct writer *w, const struct family *f, const char *label, const json_t *values)
{
	json_t *pair;
	size_t i;

	json_array_foreach(values, i, pair)
	{
		const char *is = json_string_value(json_array_get(pair, 0));
		char *labels = NULL;
		size_t len;
		FILE *out = is ? open_memstream(&labels, &len) : NULL;

		if (!out)
			continue;
		fprintf(out, "{%s=\"", label);
		put_escaped(out, is, true);
		fputs("\"}", out);
		fclose(out);
		put_value(w, f, labels, watch_number(json_array_get(pair, 1)));
		free(labels);
	}
}

static const char *
text_of(const json_t *metric, const char *key)
{
	const char *text = json_string_value(json_object_get(metric, key));

	return text ? text : "";
}

/* One metric, as control told it. */
static void
put_metric(const struct writer *w, const json_t *metric)
{
	struct family f = {
		.kind = strcmp(text_of(metric, "kind"), "counter") == 0 ? "counter" : "gauge",
		.unit = text_of(metric, "unit"),
		.help = text_of(metric, "help")};
	const json_t *value = json_object_get(metric, "value");

	if (!name_family(&f, text_of(metric, "name")))
		return;
	begin(w, &f);
	if (value)
		put_value(w, &f, "", watch_number(value));
	else
		put_labelled(w, &f, text_of(metric, "label"), json_object_get(metric, "values"));
}

static void
put_control(const struct writer *w, const json_t *answer)
{
	json_t *metric;
	size_t i;

	json_array_foreach(json_object_get(answer, "metrics"), i, metric) put_metric(w, metric);
}

static void
put_own(const struct writer *w, struct family f, const char *name, uint64_t value)
{
	name_family(&f, name);
	begin(w, &f);
	put_value(w, &f, "", value);
}

/* X-lists say COUNTER or GAUGE. */
#define COUNTER "counter"
#define GAUGE "gauge"

static void
put_pages(const struct writer *w, const struct pages_counters *pages)
{
#define X(field, called, kind_, unit_, help_)                                            \
	put_own(w, (struct family){.kind = kind_, .unit = unit_, .help = help_}, called, \
		pages->field);
	PAGES_COUNTERS(X)
#undef X
}

/* How many bytes in a struct sink_counters are before a counter, and what it is. */
struct sink_metric {
	struct family family;
	size_t offset;
};

static void
put_exporters(const struct writer *w, const struct watch *watch)
{
	struct sink_metric metrics[] = {
#define X(field, kind_, called, help_)                                                 \
	{{.name = "smtap_exporter_" called, .kind = kind_, .unit = "", .help = help_}, \
		offsetof(struct sink_counters, field)},
		SINK_COUNTERS(X)
#undef X
	};
	char labels[CONFIG_EXPORTER_NAME_MAX + 80];

	if (watch->exporter_count == 0)
		return;
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		begin(w, &metrics[i].family);
		for (unsigned e = 0; e < watch->exporter_count; e++) {
			const struct metrics_exporter *is = &watch->exporters[e].is;
			uint64_t value;

			memcpy(&value, (const char *)&is->counters + metrics[i].offset,
				sizeof(value));
			snprintf(labels, sizeof(labels), "{exporter=\"%s\",type=\"%s\"}", is->name,
				is->type);
			put_value(w, &metrics[i].family, labels, value);
		}
	}
}

static void
put_builds(const struct writer *w, const struct text_view *view, bool up)
{
	/* An OpenMetrics info is a gauge of 1 in the older format. */
	const char *name = w->openmetrics ? "smtap_build" : "smtap_build_info";
	const char *control = up ? text_of(view->watch->answer, "version") : "";

	fprintf(w->out, "# HELP %s Versions of the programs\n# TYPE %s %s\n", name, name,
		w->openmetrics ? "info" : "gauge");
	fprintf(w->out, "smtap_build_info{program=\"smtap-export\",version=\"%s\"} 1\n",
		view->version);
	if (!control[0])
		return;
	fputs("smtap_build_info{program=\"smtap-control\",version=\"", w->out);
	put_escaped(w->out, control, true);
	fputs("\"} 1\n", w->out);
}

bool
text_wants_openmetrics(const char *accept)
{
	return strcasestr(accept, "application/openmetrics-text") != NULL;
}

char *
text_make(const struct text_view *view, bool openmetrics, size_t *len)
{
	const struct family up_family = {
		.kind = GAUGE, .unit = "boolean", .help = "1 while control answers"};
	bool up = watch_is_up(view->watch, view->now_ns);
	char *text = NULL;
	struct writer w = {.out = open_memstream(&text, len), .openmetrics = openmetrics};

	if (!w.out)
		return NULL;
	put_own(&w, up_family, "up", up);
	put_builds(&w, view, up);
	/* What was so some time ago is not told: that would look like a sensor that sees nothing.
	 */
	if (up)
		put_control(&w, view->watch->answer);
	put_exporters(&w, view->watch);
	put_pages(&w, view->pages);
	if (openmetrics)
		fputs("# EOF\n", w.out);
	return fclose(w.out) == 0 ? text : NULL;
}
