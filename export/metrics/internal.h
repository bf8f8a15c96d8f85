/*
 * Private to metrics: what is known (watch.c), and how it is told: as metrics (text.c) and as
 * health (health.c). No I/O, no lock, no clock here.
 */
#ifndef SMTAP_EXPORT_METRICS_INTERNAL_H
#define SMTAP_EXPORT_METRICS_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/metrics/metrics.h"
#include "export/pages/pages.h"

#define WATCH_STALE_NS (10 * NS_PER_S) /* control that says nothing new for that long is down */
#define WATCH_STUCK_NS (10 * NS_PER_S) /* events that wait for that long do not flow */

struct watch_exporter {
	struct metrics_exporter is;
	uint64_t failing_ns; /* monotonic: since then; 0: it does not fail */
};

struct watch {
	/* Of control. */
	json_t *answer;    /* owned; NULL: none, or it was the last one's */
	char why[200];     /* there is none */
	json_int_t made;   /* its time */
	uint64_t fresh_ns; /* monotonic: when that was new */
	uint64_t taken;    /* events that control took in, of those .. */
	uint64_t handed;   /* .. that it was handed when taken last grew */
	uint64_t stuck_ns; /* monotonic: since then more wait, and none is taken; 0: they flow */
	/* Of exporters. */
	struct watch_exporter exporters[CONFIG_EXPORTERS_MAX];
	unsigned exporter_count;
};

/* What control answered, given away; or NULL, and why not. now_ns: monotonic. */
void watch_take(struct watch *w, json_t *answer, const char *why, uint64_t now_ns);

/* Exporters as they are. */
void watch_take_exporters(
	struct watch *w, const struct metrics_exporter *exporters, unsigned n, uint64_t now_ns);

/* Does control answer, and with something new? */
bool watch_is_up(const struct watch *w, uint64_t now_ns);

/* Value of a metric without a label, or the sum of those with one. False: there is none. */
bool watch_value(const struct watch *w, const char *name, uint64_t *value);

/* As a counter: 0 of what is none. */
uint64_t watch_number(const json_t *value);

void watch_free(struct watch *w);

struct text_view {
	const struct watch *watch;
	const struct pages_counters *pages;
	const char *version; /* of this program */
	uint64_t now_ns;     /* monotonic */
};

/* Does the Accept header of a request ask for OpenMetrics? */
bool text_wants_openmetrics(const char *accept);

#define TEXT_TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define TEXT_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* All metrics, to be freed; NULL: out of memory. */
char *text_make(const struct text_view *view, bool openmetrics, size_t *len);

struct health_view {
	const struct watch *watch;
	uint64_t silence_ns; /* without a packet; 0: for ever is fine */
	uint64_t failing_ns; /* that an exporter may fail */
	uint64_t now_ns;     /* monotonic */
	uint64_t wall_ns;
};

/* JSON, to be freed; *ok: all is well. NULL: out of memory. */
char *health_make(const struct health_view *view, bool *ok, size_t *len);

#endif
