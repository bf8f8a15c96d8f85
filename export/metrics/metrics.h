/*
 * metrics: /metrics and /healthz. A thread asks control for its counters every METRICS_EVERY_S
 * seconds, so that no request waits for control; a page says what was known last, and that control
 * does not answer when it does not.
 */
#ifndef SMTAP_EXPORT_METRICS_METRICS_H
#define SMTAP_EXPORT_METRICS_METRICS_H

#include "config/config.h"
#include "export/sink/counters.h"

#define METRICS_EVERY_S 2

struct pages;
struct metrics;

/* One exporter, as it is. */
struct metrics_exporter {
	char name[CONFIG_EXPORTER_NAME_MAX + 1];
	const char *type; /* static */
	struct sink_counters counters;
};

struct metrics_options {
	struct pages *pages;         /* that serve it; borrowed until metrics_stop */
	const char *socket;          /* control's export.sock; the same */
	const char *version;         /* of this program; the same */
	const struct config *config; /* copied: its health.* */
	/* Fills in all exporters, and says how many; called by the thread. */
	unsigned (*exporters)(void *arg, struct metrics_exporter out[CONFIG_EXPORTERS_MAX]);
	void *arg;
};

/* 0, or -errno. */
int metrics_start(struct metrics **out, const struct metrics_options *options);

/* health.* are those of this one from now on. */
void metrics_reload(struct metrics *metrics, const struct config *config);

/* Ends the thread. pages_close comes first: they ask for what is known. NULL is nothing. */
void metrics_stop(struct metrics *metrics);

#endif
