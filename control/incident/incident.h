/*
 * An incident: one attack as a whole. Its stages are findings that belong
 * together, whichever addresses and accounts they are about: who looked, who
 * guessed, which guess worked, what was sent then, and what came back.
 */
#ifndef SMTAP_CONTROL_INCIDENT_H
#define SMTAP_CONTROL_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "control/incident/finding.h"

/* In the order of an attack. X(ID, name) */
#define STAGES(X)             \
	X(NONE, none)         \
	X(SCAN, scan)         \
	X(GUESSING, guessing) \
	X(SUCCESS, success)   \
	X(RELAY, relay)       \
	X(BOUNCES, bounces)   \
	X(BLOCKLISTED, blocklisted)

enum stage {
#define X(id, name) STAGE_##id,
	STAGES(X)
#undef X
		STAGE_COUNT
};

enum incident_state { INCIDENT_OPEN, INCIDENT_UPDATE, INCIDENT_CLOSED, INCIDENT_STATE_COUNT };

#define INCIDENT_NAMES 8  /* sources, accounts and servers that are named */
#define INCIDENT_MERGED 4 /* other incidents that turned out to be this one and are named */

/* All its findings of one stage. None of them: findings is 0. */
struct incident_stage {
	uint32_t findings;
	uint32_t detectors; /* bits 1 << enum detector */
	uint64_t first_seen_ns;
	uint64_t last_seen_ns;
	uint64_t attempts; /* of its findings, added up: what two of them saw counts twice */
	enum subject_type subject_type; /* of the first finding */
	char subject[SUBJECT_NAME_MAX + 1];
};

/* A source, account or server that took part. */
struct incident_name {
	char name[SUBJECT_NAME_MAX + 1];
	uint64_t count;  /* the highest of any finding */
	uint32_t stages; /* bits 1 << enum stage */
	bool succeeded;  /* a login worked */
};

struct incident {
	uint64_t id;            /* from 1; the same in each run over the same capture */
	enum stage stage;       /* the furthest */
	unsigned severity;      /* of its worst finding: 1 critical .. 3 minor */
	uint64_t first_seen_ns; /* packet time */
	uint64_t last_seen_ns;
	uint64_t last_clock_ns;
	uint32_t findings; /* since it began */
	uint32_t open_findings;
	uint32_t reopened;    /* how often it went on after it had closed */
	uint64_t merged_into; /* the id of the incident that this one belongs to; 0: its own */
	uint32_t merged_count;
	uint64_t merged[INCIDENT_MERGED]; /* ids, the first ones */
	struct incident_stage stages[STAGE_COUNT];
	struct incident_name sources[INCIDENT_NAMES];
	struct incident_name accounts[INCIDENT_NAMES];
	struct incident_name servers[INCIDENT_NAMES];
};

/* "scan"; "none" for STAGE_NONE. */
const char *stage_name(enum stage stage);

#endif
