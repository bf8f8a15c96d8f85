/*
 * served: a Unix socket whose clients ask in lines of JSON, {"verb":".."}, and are answered in
 * lines, by a thread of its own. What verbs there are is a table; the theory is in served.c.
 */
#ifndef SMTAP_CONTROL_SERVE_SERVED_H
#define SMTAP_CONTROL_SERVE_SERVED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVED_LINE_MAX 4096 /* of a request */
#define SERVED_STATE_BYTES 64

struct served;
struct served_client;

/* Called in the thread; arg is that of the options. */
struct served_verb {
	const char *name;
	/* Gives an answer, or says that it waits. */
	void (*take)(void *arg, struct served_client *client, const json_t *request);
	/* Of one that waits, after served_wake, and when its time is over: gives an answer, or,
	   unless it is late, nothing yet. NULL: it never waits. */
	void (*look)(void *arg, struct served_client *client, bool late);
};

struct served_options {
	const char *path;
	const char *user; /* whose group may connect; NULL or empty: ours */
	const struct served_verb *verbs;
	size_t verb_count;
	unsigned clients; /* at a time */
	void *arg;
};

/*
 * Serves until served_close. 0, or -errno with a sentence: -EADDRINUSE, somebody serves that path;
 * -EEXIST, there is a file that is no socket. A socket that nobody serves any more is replaced.
 */
int served_open(
	struct served **out, const struct served_options *options, char *why, size_t why_len);
void served_close(struct served *served);

/* Look at those that wait. From any thread. */
void served_wake(struct served *served);

/* The answer: whole lines, owned by the client from now on; NULL: out of memory. */
void served_give(struct served_client *client, char *lines, size_t len);

/* {"error":why} */
void served_give_error(struct served_client *client, const char *why);

/* An object as a line; the reference is taken. */
void served_give_object(struct served_client *client, json_t *object);

/* There is no answer yet; but at the latest after that time. */
void served_wait(struct served_client *client, uint64_t ns);

/* What a request that waits has to remember: SERVED_STATE_BYTES, zero when it was taken. */
void *served_state(struct served_client *client);

/* Who asks: the name of the user, as the kernel knows it. */
void served_peer(const struct served_client *client, char name[64]);

/* Monotonic. */
uint64_t served_now_ns(void);

#endif
