/*
 * vouch: what the daemons of smtap run tell a service manager (sd_notify(3)), told on as one. Who
 * started us listens to us alone; so the daemons speak to a socket of ours. Nothing is opened when
 * nobody asked ($NOTIFY_SOCKET). The theory is in vouch.c.
 */
#ifndef SMTAP_CLI_VOUCH_H
#define SMTAP_CLI_VOUCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/notify.h"

enum vouched { VOUCHED_DATAPLANE, VOUCHED_CONTROL, VOUCHED_EXPORT, VOUCHED_COUNT };

struct vouch_daemon {
	pid_t pid; /* 0: it does not run */
	uint64_t started_ns;
	bool ready;
	bool reloading;
	uint64_t mark; /* another number: it is alive, or need not be */
	char status[NOTIFY_STATUS_MAX];
};

struct vouch {
	struct notify notify; /* who started us */
	int fd;               /* where the daemons speak; -1: nobody wants to know */
	char name[32];        /* of that, as $NOTIFY_SOCKET has it */
	bool ready;           /* was told */
	bool reloading;       /* was told */
	struct vouch_daemon daemons[VOUCHED_COUNT];
};

/* 0 or -errno. */
int vouch_open(struct vouch *v);
void vouch_close(struct vouch *v);

/* In a daemon that is about to be: it speaks to us. */
void vouch_enter(const struct vouch *v);

/* How long poll may wait before vouch_look, in ms; -1: for ever. */
int vouch_patience_ms(const struct vouch *v);

/*
 * Each time that something was heard, somebody died or started, or the patience is over. pids: who
 * runs; 0: nobody. now_ns: monotonic.
 */
void vouch_look(struct vouch *v, const pid_t pids[VOUCHED_COUNT], uint64_t now_ns);

/* All are about to end. */
void vouch_stopping(struct vouch *v);

#endif
