/* runners: all exporters of a configuration, each with its thread. */
#ifndef SMTAP_EXPORT_RUNNERS_H
#define SMTAP_EXPORT_RUNNERS_H

#include "config/config.h"
#include "export/sink/runner.h"

struct runners;

struct runners_options {
	const struct config_exporters *exporters; /* borrowed, until runners_free */
	const char *socket;                       /* control's export.sock */
	const struct sink_context *context;
	/* While runners are waited for or closed, after a second or so, and each; may be NULL. */
	void (*turn)(void *arg);
	void *arg;
};

/* Opens all sinks; none runs yet. 0, or -errno with a sentence. */
int runners_open(
	struct runners **out, const struct runners_options *options, char why[SINK_WHY_MAX]);

/*
 * All of them run. before: those before, ended; exporters of the same name go on from there, and
 * what they do not take over is closed first. NULL: none. 0, or -errno with a sentence.
 */
int runners_start(struct runners *runners, struct runners *before, char why[SINK_WHY_MAX]);

unsigned runners_count(const struct runners *runners);
const struct config_exporter *runners_exporter(const struct runners *runners, unsigned index);

/* At any time until runners_free; any thread. */
void runners_counters(const struct runners *runners, unsigned index, struct sink_counters *out);

/* NULL has ended. Tell them to end; what they have in hand is finished first, at most until wait_s
 * seconds have gone. False: one of them still runs, and nothing of it may be freed. */
bool runners_end(struct runners *runners, unsigned wait_s);

/*
 * Some of them did not end in time, and we are about to: those that did are closed, and those that
 * hold something out there (sink.h) are waited for, at most for so many seconds, and closed too.
 */
void runners_let_go(struct runners *runners, unsigned wait_s);

/* After they ended, or were never started; NULL is nothing. */
void runners_free(struct runners *runners);

#endif
