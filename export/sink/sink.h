/*
 * sink: what every exporter is: it takes alerts, in order, and says how far they were delivered.
 * runner.c calls it from a thread of its own; it may block, but no call longer than
 * SINK_CALL_MAX_S.
 */
#ifndef SMTAP_EXPORT_SINK_SINK_H
#define SMTAP_EXPORT_SINK_SINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/exporters.h"

#define SINK_CALL_MAX_S 30u
#define SINK_WHY_MAX 512

struct config;
struct pages;

/* Borrowed for the call. */
struct sink_alert {
	uint64_t seq;     /* its number in the outbox */
	const char *line; /* EVE as in eve.json, no newline */
	size_t line_len;
	const json_t *json; /* the same, parsed */
};

/* What a sink may use besides its own keys. */
struct sink_context {
	struct pages *pages;         /* served over HTTP; NULL when no HTTP server is configured */
	const char *sensor;          /* the name of this sensor: the host's, unless configured */
	const struct config *config; /* all settings; borrowed for the sink's life */
};

enum sink_result {
	SINK_DONE,    /* all of them were delivered, and the other side said so where it can */
	SINK_RETRY,   /* *sent were; the rest later: the destination fails */
	SINK_REFUSED, /* *sent were; the next one is refused for what it is; it alone is tried a few
			 times more, then counted and left out */
};

/* Of a sink, besides what its runner sees; as in SINK_COUNTERS. */
struct sink_counts {
	uint64_t removed;
	uint64_t unended;
};

struct sink_kind {
	enum config_exporter_type type;

	/*
	 * Read files, check values, take memory; no network yet: that the destination is away is no
	 * failure. 0, or -errno with one sentence that says what would be right.
	 */
	int (*open)(void **sink, const struct config_exporter *e,
		const struct sink_context *context, char why[SINK_WHY_MAX]);

	/*
	 * It is to run now. before: what another sink of the same exporter, or one that it
	 * succeeds, held until now, which has ended and is closed next; NULL: none. NULL: nothing
	 * is to be taken over.
	 */
	void (*begin)(void *sink, void *before);

	/*
	 * Does it hold something out there, until it is closed, that is the same as what another
	 * one of any name held? Then it goes on from that one. NULL: it goes on from its own name.
	 */
	bool (*succeeds)(const void *sink, const void *before);

	/* From any thread, once it has begun: is there something out there that close takes back?
	 * Then it is waited for at the end. NULL: there is not. */
	bool (*holds)(const void *sink);

	/*
	 * For what shows a state, as a blocklist does: each time that it begins, it is given the
	 * last alerts of all open incidents, all at once, maybe none; send goes on from there.
	 * SINK_DONE or SINK_RETRY. NULL: it goes on where its cursor is.
	 */
	enum sink_result (*state)(
		void *sink, const struct sink_alert *alerts, size_t n, char why[SINK_WHY_MAX]);

	/* n >= 1 alerts. *sent is 0 before. why: a sentence without secrets, when not SINK_DONE. */
	enum sink_result (*send)(void *sink, const struct sink_alert *alerts, size_t n,
		size_t *sent, char why[SINK_WHY_MAX]);

	/* About once a second while there is nothing to send; NULL: not needed. now_ns: wall time.
	 * SINK_DONE or SINK_RETRY. */
	enum sink_result (*tick)(void *sink, uint64_t now_ns, char why[SINK_WHY_MAX]);

	/*
	 * Nothing more is sent, in the thread that sent: what takes time to end ends here, and may
	 * be counted still. What another sink may take over stays. NULL: not needed.
	 */
	void (*end)(void *sink);

	/* What happened since it was last asked; NULL: nothing of this can. */
	struct sink_counts (*count)(void *sink);

	void (*close)(void *sink); /* NULL is nothing */
};

#endif
