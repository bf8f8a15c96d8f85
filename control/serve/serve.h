/*
 * serve: control's socket for operators, a Unix socket whose file permissions say who may speak to
 * it. A thread of its own answers: counting never waits for whoever asks.
 *
 * A request is a JSON object on a line, and so is its answer, which has "error" if it was refused,
 * and in "status" what whoever asked ends with:
 *
 *   {"verb": "status"}                              what is going on, not older than a few seconds
 *   {"verb": "reload"}                              read configuration and patterns again
 *   {"verb": "ack", "incident": 3, "note": "..."}   somebody has seen it; who, the kernel tells
 *   {"verb": "suppress", "incident": 3, "rule": {"reason": "a test of ours"}}
 *   {"verb": "suppress", "rule": {"source": "192.0.2.7", "until": "2026-12-31", "reason": ".."}}
 *   {"verb": "unsuppress", "id": 2}                 as {"id": 2} was the answer to the former
 */
#ifndef SMTAP_CONTROL_SERVE_SERVE_H
#define SMTAP_CONTROL_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#define SERVE_CLIENTS 16u /* at a time; one more takes the place of who is silent longest */

struct serve;
struct suppress_own;

struct serve_options {
	const char *path;  /* of the socket */
	const char *store; /* the store's file; empty: none */
	/*
	 * Somebody asks for a reload. In the thread of serve: files may be read there. 0: the
	 * answer comes with serve_put_reload; else with what whoever asks ends, with why.
	 */
	int (*reload)(void *arg, char *why, size_t why_len);
	/* What operators suppress is this from now on; owned by whoever is called, freed with free.
	   In the thread of serve. */
	void (*own)(void *arg, struct suppress_own *own, unsigned count);
	void *arg;
};

/*
 * Binds the socket, in the place of one that nobody listens to any more. 0; -EADDRINUSE: another
 * control listens there; else -errno. why is one sentence.
 */
int serve_open(struct serve **out, const struct serve_options *options, char *why, size_t why_len);

/* Did somebody ask for the status in the last seconds? Then it is worth making. */
bool serve_wants_status(struct serve *serve);

/* The status from now on: JSON, no newline. Copied. */
void serve_put_status(struct serve *serve, const char *json, size_t len);

/* What became of the reload: the answer, JSON, no newline. Copied. */
void serve_put_reload(struct serve *serve, const char *json, size_t len);

/* Ends the thread, and takes the socket away. NULL is nothing. */
void serve_close(struct serve *serve);

#endif
