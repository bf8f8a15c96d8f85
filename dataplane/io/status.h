/*
 * status: what befalls the captures, as JSON lines for whoever started us. Lines
 * are kept until the other side takes them: the threads that add one never wait.
 *
 *   {"event": "capture", "file", "link", "packets", "bytes", "first_ns", "last_ns"}
 *   {"event": "damaged", "file", "packets", "why"}
 *   {"event": "progress", "file", "packets", "position", "size"}
 *   {"event": "stopped", "packets"}
 */
#ifndef SMTAP_DATAPLANE_IO_STATUS_H
#define SMTAP_DATAPLANE_IO_STATUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "dataplane/io/capture.h"

struct status {
	pthread_mutex_t lock;
	char *text; /* lines not yet taken */
	size_t len;
	bool gone;   /* the listener closed its end */
	int fd;      /* -1: nobody listens */
	int wake_fd; /* eventfd, written when there is a line */
};

/* fd becomes non-blocking and stays the caller's. */
void status_init(struct status *status, int fd, int wake_fd);
void status_free(struct status *status);

/* A capture was read to its end (or its damage). */
void status_capture(struct status *status, const struct capture *c);
void status_damaged(struct status *status, const struct capture *c, const char *why);
void status_progress(struct status *status, const struct capture *c);

/* A signal ended the reading after that many packets of all captures. */
void status_stopped(struct status *status, uint64_t packets);

/* Write what the other side takes now; with wait, everything, unless it goes away. */
void status_flush(struct status *status, bool wait);

#endif
