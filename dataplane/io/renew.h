/*
 * renew: other patterns for workers that go on. Main lcore only; the theory is at the head of
 * renew.c.
 */
#ifndef SMTAP_DATAPLANE_IO_RENEW_H
#define SMTAP_DATAPLANE_IO_RENEW_H

#include "dataplane/io/edge.h"

#include <stdbool.h>
#include <stdint.h>

#include "contract/hello.h"
#include "contract/swap.h"
#include "dataplane/match/match.h"

struct run;

struct renew {
	struct rte_rcu_qsbr *passing; /* NULL: captures */
	/* What was swapped out, until every worker has passed. */
	bool waits;
	uint64_t token;
	struct match_set *old_set;
	struct match_view *old_views[HELLO_WORKERS_MAX];
};

/* Before the lcores start. 0, or an exit status. */
int renew_open(struct run *run);

/* Control asks for the patterns of the folder. Answers. */
void renew_ask(struct run *run, const struct swap *ask);

/* Has everybody passed? Then what was swapped out is freed. */
void renew_look(struct run *run);

/* When no lcore runs any more. */
void renew_close(struct run *run);

#endif
