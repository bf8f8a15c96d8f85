/*
 * Who is an attacker, and who was called one. Labels are made with the
 * traffic; what a tool says is compared with them. Memory is fixed.
 *
 *   found   a detector that fits the kind of attack named a subject of this
 *           attacker: one of his addresses, their prefix, his victim, his target
 *   wrong   it named an attacker's subject, but the verdict does not fit the kind
 *   false   it named somebody honest
 */
#ifndef SMTAP_BENCH_DAY_SCORE_H
#define SMTAP_BENCH_DAY_SCORE_H

#include "bench/day/world.h"
#include "control/detect/detect.h"
#include "control/engine/engine.h"

/* (enumerator, name) */
#define TOOLS(X)                \
	X(SMTAP, "smtap")       \
	X(FAIL2BAN, "fail2ban") \
	X(ZEEK, "zeek")         \
	X(CROWDSEC, "crowdsec") \
	X(CROWDSEC_SLOW, "crowdsec-slow")

enum tool {
#define X(id, name) TOOL_##id,
	TOOLS(X)
#undef X
		TOOL_COUNT
};

extern const char *const tool_names[TOOL_COUNT];

#define SCORE_INSTANCES 64u
#define SCORE_EXAMPLES 40u
#define SCORE_SET_BITS 19u

struct score_found {
	uint64_t at_ns;   /* 0: not found */
	uint64_t tries;   /* of the attacker until then */
	uint32_t sources; /* of his that were named */
	bool all;         /* by his victim, target or prefix: no matter which source */
};

struct score_instance {
	uint64_t first_ns;
	uint64_t tries;
	uint32_t sources;
	uint32_t detectors; /* bits: which found him */
	uint64_t accept;    /* bits: which fit the kind */
	uint64_t tolerate;  /* bits: which may fire besides */
	struct score_found found[TOOL_COUNT];
};

struct score_set {
	uint64_t *keys; /* 0: free */
	uint32_t *values;
	uint32_t len;
};

struct score {
	uint64_t now_ns;
	struct score_set labels;
	struct score_set said; /* false alerts of a day, so that each counts once */
	struct score_instance instances[SCORE_INSTANCES + 1];
	uint64_t fp[TOOL_COUNT];        /* false alerts */
	uint64_t fp_by[DETECTOR_COUNT]; /* of smtap */
	uint64_t wrong_by[DETECTOR_COUNT];
	uint64_t stale_right; /* stale_credential about a device that is */
	uint64_t lost;        /* a set was full: always 0 */
	unsigned example_count;
	char examples[SCORE_EXAMPLES][WORLD_TEXT + 64];
};

int score_open(struct score *s);
void score_close(struct score *s);
/* Forget what was said so far; labels stay. */
void score_clear(struct score *s);

/* The address is the attacker's; its prefixes are, too. */
void score_label_source(struct score *s, const struct addr *addr, uint32_t instance);
void score_label(struct score *s, enum subject_type type, const char *name, uint32_t instance);
/* Not his, but touched by what he does: a finding there is no false one if the kind tolerates it.
 */
void score_label_touched(
	struct score *s, enum subject_type type, const char *name, uint32_t instance);
void score_label_stale(struct score *s, const struct addr *addr);

void score_tried(struct score *s, uint32_t instance);
void score_smtap(struct score *s, const struct finding *finding);
/* Whose finding it is, if it fits his kind; else 0. */
uint32_t score_found_by(const struct score *s, const struct finding *finding);
/* Another tool's verdict; its only subject is a source. */
void score_tool(struct score *s, enum tool tool, const struct addr *source);

#endif
