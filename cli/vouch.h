/*
 * vouch: what the daemons of smtap run tell a service manager (sd_notify(3)), told on as one. Who
 * started us listens to us alone; so the daemons speak to a socket of ours. Where there is no
 * manager, or it has no watchdog, they tell us alone that they are alive. The theory is in vouch.c.
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
	uint64_t mark;     /* another number: it is alive, or need not be */
	uint64_t alive_ns; /* when it was last known to be, or need not be until then */
	char status[NOTIFY_STATUS_MAX];
};

struct vouch {
	struct notify notify; /* who started us */
	int fd;               /* where the daemons speak; -1: nobody wants to know */
	uint64_t watch_ns; /* who is not alive for so long hangs; 0: that is a manager's to say */
	uint64_t looked_ns;
	char name[32];  /* of that, as $NOTIFY_SOCKET has it */
	bool ready;     /* was told */
	bool reloading; /* was told */
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

/* After vouch_look: somebody who hangs; told once in watch_ns of each. VOUCHED_COUNT: nobody. */
enum vouched vouch_hung(struct vouch *v);

/* All are about to end. */
void vouch_stopping(struct vouch *v);

#endif
