/*
 * A finding: what one detector has against one subject, however long it lasts.
 * It opens, grows and closes; it carries its evidence. An incident ties the
 * findings of one attack together.
 */
#ifndef SMTAP_CONTROL_FINDING_H
#define SMTAP_CONTROL_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/event.h"
#include "control/incident/blocklist.h"

enum subject_type {
	SUBJECT_SOURCE, /* an address: IPv4 /32; IPv6 address as seen, counted by /64 too */
	SUBJECT_PREFIX, /* /24 or /64 */
	SUBJECT_ACCOUNT,
	SUBJECT_SERVER,
	SUBJECT_TYPE_COUNT
};

enum finding_state { FINDING_OPEN, FINDING_UPDATE, FINDING_CLOSED, FINDING_STATE_COUNT };

/* What is ours (addresses, domains), if it mattered: as learned, or as configured. */
enum finding_local { LOCAL_NOT_USED, LOCAL_LEARNED, LOCAL_CONFIGURED };

/* Of what kind it is, for detectors that know several; 0: no kind. */
enum finding_kind {
	KIND_NONE,
	KIND_BACKSCATTER, /* bounce_wave: many servers bounce what others sent in our name */
	KIND_LOOP,        /* bounce_wave: the same few servers, back and forth */
	KIND_CLEAR_AUTH,  /* exposure: AUTH offered in clear */
	KIND_OLD_VERSION, /* exposure: the banner names a version that nobody maintains */
	KIND_PREFIX_56,   /* distributed: how long the prefix is */
	KIND_PREFIX_48,
	KIND_MANGLED_TLS, /* exposure: something on the way takes STARTTLS out */
	KIND_COUNT
};

#define FINDING_TOP 8     /* accounts, targets and sources that are named */
#define FINDING_SAMPLES 4 /* flows that are shown as evidence */
#define SUBJECT_NAME_MAX 255

struct finding_top {
	char name[SUBJECT_NAME_MAX + 1];
	uint64_t count;
	bool succeeded; /* a login for it, or from it, worked */
};

struct finding {
	uint64_t id;       /* from 1; the same in each run over the same capture */
	unsigned detector; /* enum detector */
	enum subject_type subject_type;
	uint64_t first_seen_ns; /* packet time; never after last_seen_ns */
	uint64_t last_seen_ns;
	uint64_t first_clock_ns;
	uint64_t last_clock_ns;
	uint64_t attempts;
	uint64_t failures;
	uint64_t successes;
	uint64_t accounts; /* distinct; may be an estimate above 32 */
	uint64_t targets;
	uint64_t sources;
	uint64_t passwords;    /* distinct, where known */
	bool passwords_capped; /* "at least" */
	unsigned confidence;   /* 0..100 */
	enum finding_local local;
	bool closed;
	unsigned suppressed_by; /* the rule that hides it so far, from 1; 0: none does */
	unsigned rules_epoch;   /* suppress_epoch when it was told first */
	uint8_t kind;           /* enum finding_kind */
	unsigned sample_count;
	uint32_t signatures[4]; /* tools and servers named by patterns */
	struct event_flow samples[FINDING_SAMPLES];
	/* What came before is looked at with each event, what follows when it is told of. */
	char subject[SUBJECT_NAME_MAX + 1]; /* as exported */
	struct finding_top top_accounts[FINDING_TOP];
	struct finding_top top_sources[FINDING_TOP];
	struct finding_top top_targets[FINDING_TOP];
	struct event_flow last_flow; /* of the event that opened or last updated it */
	uint64_t sensor_loss;        /* losses known so far, as intake_lost counts; 0: none */
	char success_account[SUBJECT_NAME_MAX + 1]; /* which guess worked, first */
	uint64_t success_time_ns;
	struct blocklist blocklist; /* of `blocklisted` */
	uint64_t success_attempt;   /* the how manieth attempt on that account it was */
};

#endif
