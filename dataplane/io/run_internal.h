/* What runs over captures and live ports have in common; the theory is in run_captures.c and
   run_live.c. */
#ifndef SMTAP_DATAPLANE_IO_RUN_INTERNAL_H
#define SMTAP_DATAPLANE_IO_RUN_INTERNAL_H

#include "dataplane/io/edge.h"

#include "base/notify.h"
#include "dataplane/io/live.h"
#include "dataplane/io/load.h"
#include "dataplane/io/meet.h"
#include "dataplane/io/nic.h"
#include "dataplane/io/notice.h"
#include "dataplane/io/peer.h"
#include "dataplane/io/reader.h"
#include "dataplane/io/renew.h"
#include "dataplane/io/run.h"
#include "dataplane/io/worker.h"

/* Lcore 0 is the main one: it watches. */
#define RUN_LCORE_READER 1u
#define RUN_LCORE_WORKER 2u
#define RUN_WHY_BYTES CAPTURE_WHY_BYTES

enum {
	EXIT_FAILED = 1,
	EXIT_BAD_INPUT = 2,
};

struct run {
	const struct options *options;
	struct run_control control;
	struct decode_config decode;
	struct match_set *patterns;
	struct queue queues[HELLO_WORKERS_MAX];
	struct worker workers[HELLO_WORKERS_MAX];
	unsigned worker_count;
	int node;        /* of the ports; -1: any */
	int memory_node; /* the same, if we may have memory there */
	uint8_t boot_id[16];
	struct dispatch dispatch;
	int done_fd;
	int wake_fd;
	int signal_fd;
	bool eal_started;
	bool interrupted;
	/* captures */
	struct capture *captures;
	struct reader reader;
	struct status status;
	bool control_gone;
	/* live ports */
	struct nic_set nics;
	struct live live[HELLO_WORKERS_MAX]; /* one per worker, or the first for the reader */
	struct load load[HELLO_WORKERS_MAX]; /* of each worker */
	struct meet meet;                    /* when nobody hands control's sockets over */
	int control_fd;                      /* -1: no control now */
	bool control_asked;                  /* it has our offer, and has not answered */
	bool launched;
	struct renew renew;
	struct notice notice; /* while it starts */
	struct notify notify; /* of the service manager */
	unsigned waited_s;    /* for control to accept the rings */
};

/* One line on stderr; returns status. */
int run_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Zeroed pages that cost nothing until they are touched. NULL: there are none. */
void *run_memory(size_t bytes);
/* The same, on the node of the ports. */
void *run_node_memory(const struct run *run, size_t bytes);

/* A run that has not done anything yet; NULL: out of memory, which is told. */
struct run *run_begin(const struct options *options);

/* One after the other, to the first that fails: 0, or its exit status. */
int run_steps(struct run *run, int (*const steps[])(struct run *), size_t count);

/* The steps: 0, or an exit status after one line on stderr. */
int run_load_patterns(struct run *run);
int run_open_fds(struct run *run);
int run_open_rings(struct run *run);
int run_set_up_workers(struct run *run, bool deterministic);

/* Fragments are put together for one lcore; counters: its own. */
int run_set_up_defrag(struct run *run, struct defrag *defrag, struct counters *counters);
int run_set_up_dispatch(struct run *run);

/* Once EAL has started: the dynamic field, the pools, and the rings, if they have slots. */
int run_set_up_mbufs(struct run *run, const struct dispatch_size *size);

/* run_confine.c: another user when it is live, and no other system calls than it needs. */
int run_confine(struct run *run);

/* What control is offered: the rings, and where its forerunner stood. */
void run_peer_offer(const struct run *run, struct peer_offer *offer);

/* What the service manager is told: that the ports are up; each second, whether all lcores turn. */
void run_notify_ready(struct run *run);
void run_notify_reloading(struct run *run);
void run_notify_look(struct run *run);

void run_tear_down(struct run *run);

#endif
