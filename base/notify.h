/*
 * notify: what the service manager is told of us (sd_notify(3)): that we are ready, what we do,
 * and that we are alive. Nothing is said, and nothing costs, when it did not ask ($NOTIFY_SOCKET).
 *
 * Alive means that each loop that has to turn did turn since the last time that we said so. So it
 * is told by a loop itself, of numbers that other loops move as they work, and never by a thread
 * that has nothing else to do.
 */
#ifndef SMTAP_BASE_NOTIFY_H
#define SMTAP_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_LOOPS_MAX 128u
#define NOTIFY_STATUS_MAX 400u

struct notify {
	bool wanted;
	uint64_t alive_every_ns; /* half of what the watchdog allows; 0: there is none */
	uint64_t next_ns;        /* monotonic: when to say again that we are alive */
	uint64_t marks[NOTIFY_LOOPS_MAX];
	bool moved[NOTIFY_LOOPS_MAX]; /* since we last said so */
	char status[NOTIFY_STATUS_MAX];
};

/* Whether anybody wants to know. */
void notify_begin(struct notify *n);

/* All that others wait for works. */
void notify_ready(const struct notify *n);

/* A sentence on what we do; told when it is another than the last one. */
__attribute__((format(printf, 2, 3))) void notify_status(struct notify *n, const char *format, ...);

/*
 * To be called again and again, by one of the loops: marks are numbers that change whenever the
 * other loops turn, always the same count of them, up to NOTIFY_LOOPS_MAX.
 */
void notify_alive(struct notify *n, const uint64_t *marks, unsigned count, uint64_t now_ns);

/* The configuration is read anew; notify_ready follows. now_ns: monotonic. */
void notify_reloading(const struct notify *n, uint64_t now_ns);

void notify_stopping(const struct notify *n);

#endif
