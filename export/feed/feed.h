/*
 * feed: a connection to control's export.sock (doc/export.md), made when it is needed and made
 * again after it broke. For one thread.
 *
 * Calls wait for control, 20 s for the next piece of its answer, but not past stop_fd's becoming
 * readable: they return -ECANCELED then. Else 0, or -errno with a sentence in why; the next call
 * begins anew.
 */
#ifndef SMTAP_EXPORT_FEED_FEED_H
#define SMTAP_EXPORT_FEED_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "export/sink/sink.h"

#define FEED_WAIT_MAX_MS 5000 /* that long control waits for an alert, at most */

struct feed;

struct feed_options {
	const char *path;     /* of the socket */
	const char *exporter; /* whose; "": of none, for what is of no exporter */
	int stop_fd;
	uint64_t (*now_ns)(void); /* monotonic; NULL: of the machine */
};

/* Alerts in order; feed_batch_free. */
struct feed_batch {
	struct sink_alert *alerts;
	size_t n;
	uint64_t backlog; /* alerts after the cursor, these included */
	/* of feed_open_alerts */
	uint64_t up_to;    /* what is open was so after that number */
	uint64_t left_out; /* there were so many more, older than these, for which there is no room
			    */
};

/* NULL: out of memory. Connects to nothing yet. */
struct feed *feed_new(const struct feed_options *options);
void feed_free(struct feed *feed);

/* What follows the cursor, at most max, or none after wait_ms. With max 0 only the backlog. */
int feed_alerts(struct feed *feed, unsigned max, unsigned wait_ms, struct feed_batch *out,
	char why[SINK_WHY_MAX]);

/* The last alert of each open incident. */
int feed_open_alerts(struct feed *feed, struct feed_batch *out, char why[SINK_WHY_MAX]);

/*
 * All up to that number, which came over this connection, are done with. When it broke since, that
 * cannot be said, and they come again.
 */
int feed_delivered(struct feed *feed, uint64_t seq, char why[SINK_WHY_MAX]);

/* Counters of dataplane and control: a JSON object, to be decref'd. */
int feed_counters(struct feed *feed, json_t **out, char why[SINK_WHY_MAX]);

#define FEED_NO_RELOAD UINT64_MAX

/* A step of a reload (doc/export.md). */
enum feed_step { FEED_CHECK, FEED_TAKE, FEED_DROP };

struct feed_reload {
	uint64_t number;
	enum feed_step step;
	uint64_t at_ns; /* monotonic: when it began; 0: there was none */
};

/*
 * Control's last step, once its number is another than seen, or after a while; FEED_NO_RELOAD: at
 * once. And what came of it here: "", it was done too; else a sentence.
 */
int feed_reload(struct feed *feed, uint64_t seen, struct feed_reload *out, char why[SINK_WHY_MAX]);
int feed_reloaded(struct feed *feed, uint64_t number, const char *result, char why[SINK_WHY_MAX]);

void feed_batch_free(struct feed_batch *batch);

#endif
