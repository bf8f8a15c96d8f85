/*
 * track: counters for the detectors that look at connections, recipients,
 * messages and server's words, not at password attempts alone (those are
 * aggr's). One tracker for each detector and subject; what an event adds to it
 * is a note. The theory is at the head of track/track.c.
 */
#ifndef SMTAP_CONTROL_TRACK_TRACK_H
#define SMTAP_CONTROL_TRACK_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/seldom.h"
#include "base/siphash.h"
#include "config/config.h"
#include "contract/event.h"
#include "control/aggr/aggr.h"
#include "control/aggr/table.h"
#include "control/aggr/window.h"
#include "control/incident/finding.h"
#include "control/track/habit.h"
#include "control/track/seen.h"
#include "control/track/site.h"
#include "control/track/taken.h"
#include "control/track/usual.h"

/* What a tracker's windows count; what each means is said by the detector. */
enum track_field {
	TRACK_BAD,   /* what it looks for */
	TRACK_GOOD,  /* what speaks against it */
	TRACK_SOFT,  /* weak evidence */
	TRACK_NEW,   /* distinct things of the first kind */
	TRACK_OTHER, /* distinct things of the second kind */
	TRACK_FIELDS
};

_Static_assert((int)TRACK_FIELDS <= (int)WINDOW_FIELDS, "windows have the room");

#define TRACK_THINGS 2
/* A run of bad things; over when none came for aggregate.episode_gap. */
struct track_run {
	uint32_t bad;
	uint32_t good;
	uint64_t first_ns;
	uint64_t first_clock_ns;
	uint64_t last_clock_ns;
	uint32_t things[TRACK_THINGS]; /* distinct in it */
	struct event_flow first_flow;
};

struct track_window {
	struct window_head head;
	window_row row[TRACK_FIELDS];
};

struct track_subject {
	struct addr addr; /* not of an account */
	uint8_t type;     /* enum subject_type */
	uint8_t detector;
	uint8_t kind;           /* as of the note; apart from others of its subject */
	bool early;             /* was at it when smtap began to look */
	uint32_t finding;       /* its open finding (book_ref), or 0 */
	uint32_t fired_clock_s; /* when its last one opened; 0: never */
	uint32_t level_clock_s;
	float level; /* bad things, less what leaks away; or a CUSUM over bins of attempts */
	struct track_usual usual;
	struct track_window window;
	struct track_run run;
	struct seen seen[TRACK_THINGS];
};

_Static_assert(sizeof(struct track_subject) <= 304, "as doc/architecture.md says");

/*
 * DESIGN.md 6: a tracked source costs at most 1 KiB: itself, a pair and a
 * tracker with their places in the tables. Accounts have a name besides, and
 * who shows more than a few passwords, servers or things takes shared blocks.
 */
_Static_assert(sizeof(struct aggr_subject) + sizeof(struct aggr_pair) +
			       sizeof(struct track_subject) + 3 * TABLE_ENTRY_BYTES <=
		       1024,
	"a tracked source fits its budget");

/* Trackers that serve no detector: past every one. */
enum role { ROLE_SERVER_SEEN = 200, ROLE_HOME, ROLE_DOMAIN };

#define TRACK_KNOWN_ADDRS 3 /* client, its prefix, server */

/* What a tracker is found by, and where it probably stands, or TABLE_NONE. */
struct track_place {
	uint64_t hash;
	uint32_t guess;
	uint8_t type; /* enum subject_type */
};

/* Hashes of the event in hand that need not be computed again. */
struct track_known {
	struct addr addr[TRACK_KNOWN_ADDRS];
	uint64_t hash[TRACK_KNOWN_ADDRS];
	const char *name; /* the account's, in the event; or NULL */
	uint64_t name_hash;
	uint8_t name_len;
	const struct track_place *place; /* borrowed: a tracker that it will ask for; or NULL */
};

#define TRACK_SERVER_BITS 8

/* What an event adds to one tracker. */
struct track_note {
	enum subject_type type;
	struct addr addr; /* of a prefix: any address in it */
	const char *name; /* of an account; name_len bytes */
	uint8_t name_len;
	uint8_t kind; /* enum finding_kind: a tracker for each; mostly 0 */
	bool bad;
	bool good;
	bool soft;
	bool more;                     /* only says more of what the last note counted */
	bool wary;                     /* that it was early is no excuse */
	uint8_t times;                 /* 0 counts as 1 */
	uint8_t undo;                  /* bad things of just before that were none after all */
	uint8_t unsummed;              /* bits 1 << thing: nobody asks for the windows' sum */
	uint64_t thing[TRACK_THINGS];  /* track_hash; 0: none */
	float leak;                    /* of the level, per hour */
	uint32_t level_max;            /* the level is no more than that; 0: no bound */
	uint32_t per;                  /* its bins are so many attempts, not ten minutes; 0: not */
	const struct event_flow *flow; /* the session that is to blame; NULL: the event's own */
};

/* Sessions with a message whose recipient is known and whose kind is not yet. */
#define TRACK_PENDING 4096u

struct track_pending {
	uint32_t transaction_no;
	uint8_t len;
	char name[UINT8_MAX];
};

/* The last refusal by a blocklist that was counted. */
struct track_refusal {
	uint64_t flow_id;
	uint64_t time_ns;
};

struct track {
	const struct config *config; /* borrowed */
	struct site site;
	struct siphash_key key;
	const struct track_known *known;     /* borrowed; of the event in hand, or NULL */
	struct table table;                  /* aggregate.trackers */
	struct table account_table;          /* a share of as many; these have names */
	struct track_subject *subjects;      /* owned; of accounts after all others */
	char (*names)[SUBJECT_NAME_MAX + 1]; /* owned; of accounts */
	struct blocks seen;                  /* pools; each owns its memory */
	struct blocks wide;
	struct table pending_table;    /* by session; full: the oldest goes */
	struct track_pending *pending; /* owned */
	struct taken taken;
	struct track_refusal refusal;
	struct habits habits;
	/* Where servers' trackers stood last: each event asks for several. Only saves a search. */
	uint32_t server_at[1u << TRACK_SERVER_BITS];
	uint64_t clock_ns; /* never runs back */
	uint64_t time_ns;  /* the clock that these two are of: */
	struct window_time time;
	uint32_t now_s;
	uint32_t bin;
	uint64_t start_ns;  /* the clock of the first event; 0: none yet */
	uint64_t untracked; /* notes that found no room */
};

/* key: as aggr's, whose hashes of addresses and names are known here too. 0, or -ENOMEM. */
int track_open(struct track *t, const struct config *config, const struct siphash_key *key);

/* What the configuration says is ours has changed, in its place. 0 or -ENOMEM: nothing is. */
int track_reload(struct track *t);
void track_close(struct track *t);

struct image;

/* As aggr_image. */
void track_image(struct track *t, struct image *image);

/* Have all memory now (memory_touch). */
void track_touch_memory(struct track *t);

/*
 * Bins of attempts (note.per): a level of TRACK_CUSUM_HIGH standard deviations
 * is an attack. doc/detectors.md gives the mean time between false alarms.
 */
#define TRACK_CUSUM_SLACK 1.0f /* standard deviations of a bin */
#define TRACK_CUSUM_HIGH 12.0f
#define TRACK_CUSUM_WARM 30u /* bins; and a day */

/* Has it learned enough to be judged? */
bool track_cusum_warm(const struct track_subject *s);

/* A thing for distinct counts; never 0. */
uint64_t track_hash(const struct track *t, const void *data, size_t len);
uint64_t track_hash_addr(const struct track *t, const struct addr *addr);
/* Case folded: domains and accounts. */
uint64_t track_hash_name(const struct track *t, const char *name, size_t len);

/* The /24 or /64 of an address, as an address with the rest zero. */
struct addr track_prefix(const struct addr *addr);

/* Of the detector's or role's tracker of who has this hash. */
struct track_place track_place(unsigned detector, enum subject_type type, uint64_t hash);

/* It will soon be looked for: ask memory for it. Changes nothing but the guess. */
void track_ahead(const struct track *t, struct track_place *place, enum table_step step);

/* The same, when it is there already: ask memory for what it has seen. */
void track_soon(const struct track *t, const struct track_place *place);

/* The tracker of who the note is about, or NULL: no room, or none and !make. */
ONE_COPY struct track_subject *track_get(
	struct track *t, unsigned detector, const struct track_note *note, bool make);

/* Add the note; the tracker stays at least until track_settle. NULL: no room. */
ONE_COPY struct track_subject *track_add(struct track *t, unsigned detector,
	const struct track_note *note, const struct event *event);

/* evidence: per cent of what the detector takes. What has most is evicted last. */
void track_settle(struct track *t, struct track_subject *s, unsigned evidence);

/* Its finding is over: only new evidence opens another. */
void track_release(struct track *t, uint32_t index);

/* May one more tracker be kept for its finding? Half of them may. */
bool track_can_pin(const struct track *t, const struct track_subject *s);

uint64_t track_evicted(const struct track *t);

/* Remember a session's recipient until its message ends; the one before is forgotten. */
void track_pending_put(struct track *t, uint64_t flow_id, const struct track_pending *pending);
/* Or NULL. */
const struct track_pending *track_pending_get(const struct track *t, uint64_t flow_id);

void track_name(
	const struct track *t, const struct track_subject *s, char out[SUBJECT_NAME_MAX + 1]);

static inline uint32_t
track_sum(const struct track_subject *s, enum window_span span, enum track_field field)
{
	return window_row_sum(&s->window.head, s->window.row[field], span, field);
}

static inline uint32_t
track_index(const struct track *t, const struct track_subject *s)
{
	return (uint32_t)(s - t->subjects);
}

/*
 * Bad things of the last ten minutes, without the last two: who mistyped in
 * those may still get in.
 */
uint32_t track_settled_bad(const struct track_subject *s);

/* role.c: whose side an address is on: configured, or learned from what servers do. */

/* What there is to know of the site, as bits. */
#define TRACK_ROLE_NETS 1u
#define TRACK_ROLE_DOMAINS 2u

/* Does the configuration say all of what? Else what it leaves open is learned. */
bool track_role_says(const struct track *t, unsigned what);

/* Learn from an event; every event comes by here once. */
void track_role_learn(struct track *t, const struct event *event);

/*
 * Is the address one of ours? Private ones are; so are those of the networks
 * that are configured. Where none is: the prefix of a server to which somebody
 * outside it logged in; and a server that strangers of three prefixes speak to.
 */
bool track_role_ours(struct track *t, const struct addr *addr);

/* Is one of them ours and the other not? Where no network is configured: no neighbours. */
bool track_role_apart(struct track *t, const struct addr *a, const struct addr *b);

/* Has it ever answered as a mail server? */
bool track_role_server(struct track *t, const struct addr *addr);

/* Are the two in one prefix, or both private? */
bool track_role_neighbours(const struct addr *a, const struct addr *b);

/*
 * Is the domain one of those configured? Where none is: one whose mail this
 * server takes without AUTH from anywhere.
 */
bool track_role_local_domain(
	struct track *t, const struct addr *server, const char *domain, size_t len);

#endif
