/* A world, the engine and the other tools' rules, and what came of it. */
#ifndef SMTAP_BENCH_DAY_TRIAL_H
#define SMTAP_BENCH_DAY_TRIAL_H

#include "bench/day/attack.h"
#include "bench/day/rules.h"
#include "bench/day/score.h"
#include "bench/day/world.h"
#include "control/engine/engine.h"

struct trial {
	struct config config;
	struct world world;
	struct score score;
	struct rules rules;
	struct engine *engine;
	uint64_t events[EVENT_TYPE_COUNT];
	uint64_t findings;
	uint64_t trace;     /* hash of all that smtap said: the same seed, the same value */
	uint64_t only;      /* bits of detectors that are listened to; 0: all */
	bool attackers_off; /* their events are not made known to anybody: recall must be 0 */
};

/* What is told of one trial: numbers only, so that it can cross a pipe. */
struct trial_result {
	uint32_t attackers;
	uint32_t found[TOOL_COUNT];
	double covered[TOOL_COUNT];  /* share of the attackers' sources that were named */
	double minutes[TOOL_COUNT];  /* median from the first try, of those found */
	double tries[TOOL_COUNT];    /* median */
	uint32_t by[DETECTOR_COUNT]; /* attackers found by this detector */
	double incidents;            /* of smtap, for each attacker found: 1 is best */
	uint64_t fp[TOOL_COUNT];
	uint64_t fp_by[DETECTOR_COUNT];
	uint64_t wrong_by[DETECTOR_COUNT];
	uint64_t stale_right;
	uint64_t events;
	uint64_t faults; /* of the generator and the tables: must be 0 */
	uint64_t trace;
};

/* 0 or -ENOMEM. Honest people and hosts are in it; nothing has happened yet. */
int trial_open(struct trial *t, const struct world_options *options);
void trial_close(struct trial *t);

/* So many more days. */
void trial_days(struct trial *t, unsigned days);

/* What was said so far is forgotten, and who was found. */
void trial_forget(struct trial *t);

/* One more attacker, from now on; the first is instance 1. */
void trial_attack(struct trial *t, const struct attack_kind *kind, double x, uint32_t instance);

void trial_result(const struct trial *t, unsigned attackers, struct trial_result *out);

#endif
