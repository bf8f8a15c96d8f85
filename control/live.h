/*
 * live: what control does by the wall clock on live ports: when a stats line is due, and when so
 * many packets were lost in a minute that it is worth an alert.
 */
#ifndef SMTAP_CONTROL_LIVE_H
#define SMTAP_CONTROL_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "contract/counters.h"
#include "control/export/eve.h"

struct live {
	uint64_t stats_ns; /* between stats lines */
	uint64_t percent;  /* of a minute's packets; 0: no alert */
	/* monotonic times */
	uint64_t next_look_ns;
	uint64_t next_stats_ns;
	uint64_t next_minute_ns;
	bool begun;  /* the counters below are those of the last minute's end */
	bool losing; /* an alert is open */
	uint64_t pkts;
	uint64_t lost;
	struct eve_loss loss;        /* as told */
	bool shed_begun;             /* the same, of what was shed by the last look */
	bool shedding;               /* an alert is open */
	uint64_t shed_last_ns;       /* when something was shed last */
	struct eve_shed shed_before; /* counters when it began */
	struct eve_shed shed_seen;   /* counters at the last look */
	struct eve_shed shed;        /* as told */
	bool seen;                   /* seen_pkts is that of the last look */
	uint64_t seen_pkts;
	uint64_t last_packet_ns; /* wall time of the look that saw packets last; 0: none */
};

void live_init(struct live *live, const struct config *config);

/* The settings have changed. */
void live_reload(struct live *live, const struct config *config);

/* Nanoseconds of the monotonic and of the wall clock. */
uint64_t live_now_ns(void);
uint64_t live_wall_ns(void);

/* Is it time to look at the counters, once a second? And to write them? */
bool live_due_look(struct live *live, uint64_t now_ns);
bool live_due_stats(struct live *live, uint64_t now_ns);

/*
 * The counters as they are: an alert to tell, in live->loss, when a minute is over that began or
 * ended a loss.
 */
bool live_minute(struct live *live, const struct counters *sum, uint64_t now_ns);

/*
 * The counters as they are, once a second: an alert to tell, in live->shed, when something was
 * shed for the first time, or nothing for a minute any more.
 */
bool live_shed(struct live *live, const struct counters *sum, uint64_t now_ns);

/* The counters as they are, once a second, at that wall time: did packets come? */
void live_note_packets(struct live *live, const struct counters *sum, uint64_t wall_ns);

/* Packets that were seen nowhere: lost by ports, or between them and their workers. */
uint64_t live_lost(const struct counters *sum);

#endif
