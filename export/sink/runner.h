/*
 * runner: what happens for one exporter, in a thread of its own: alerts are asked for, left out by
 * severity, given to the sink, and said to be delivered; what fails is tried again. The theory is
 * in runner.c.
 */
#ifndef SMTAP_EXPORT_SINK_RUNNER_H
#define SMTAP_EXPORT_SINK_RUNNER_H

#include <stdbool.h>

#include "export/feed/feed.h"
#include "export/sink/counters.h"
#include "export/sink/sink.h"

/* Where alerts come from, and time: control's feed and the clock, or a test. As in feed.h; any call
 * may return -ECANCELED: it is over. */
struct runner_source {
	int (*alerts)(void *arg, unsigned max, unsigned wait_ms, struct feed_batch *out);
	int (*open_alerts)(void *arg, struct feed_batch *out);
	int (*delivered)(void *arg, uint64_t seq);
	bool (*pause)(void *arg, uint64_t ns); /* true: it is over */
	uint64_t (*now_ns)(void *arg);         /* wall time */
	void (*tell)(void *arg, const char *line);
	void *arg;
};

struct runner;

struct runner_options {
	const struct config_exporter *exporter; /* borrowed, until runner_free */
	const struct sink_kind *kind;
	const struct sink_context *context;
	struct runner_source source;
};

/* Opens the sink. 0, or -errno with a sentence, "exporters.NAME (line N): ..". */
int runner_new(struct runner **out, const struct runner_options *options, char why[SINK_WHY_MAX]);

/* Until the source says that it is over. */
void runner_run(struct runner *runner);

/* At any time, from any thread. */
void runner_counters(const struct runner *runner, struct sink_counters *out);

/* It goes on from those of an earlier runner of the same name; before it runs. */
void runner_inherit(struct runner *runner, const struct sink_counters *counters);

/* Before it runs. before: an earlier one of the same name, or that it succeeds, ended; NULL: none.
 */
void runner_begin(struct runner *runner, struct runner *before);

/* Does its sink go on from that of another name, which has ended? */
bool runner_succeeds(const struct runner *runner, const struct runner *before);

/* Any thread: does its sink hold something that only its close takes back? */
bool runner_holds(const struct runner *runner);

const struct config_exporter *runner_exporter(const struct runner *runner);

/* After it has ended: its sink lets go of all; what it counted can be had until runner_free. */
void runner_close(struct runner *runner);

/* Closes what is not closed. */
void runner_free(struct runner *runner);

#endif
