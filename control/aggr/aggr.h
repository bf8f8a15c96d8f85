/*
 * aggr: bounded counters per source, prefix, account and server, and per pair
 * of source (or prefix) and account. One AUTH event updates what it touches
 * and leaves a view of it, which is all that the detectors see. Packet time
 * only. The theory is at the head of aggr/aggr.c.
 */
#ifndef SMTAP_CONTROL_AGGR_AGGR_H
#define SMTAP_CONTROL_AGGR_AGGR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/blocks.h"
#include "base/siphash.h"
#include "config/config.h"
#include "contract/event.h"
#include "control/aggr/hll.h"
#include "control/aggr/passwords.h"
#include "control/aggr/table.h"
#include "control/aggr/window.h"
#include "control/incident/finding.h"

#define AGGR_TOP 8             /* pairs with the most attempts that a subject remembers */
#define AGGR_TARGETS 4         /* servers that a subject knows by name */
#define AGGR_REFS 6            /* findings that can be open on one subject, by detector */
#define AGGR_HARMLESS 5        /* the one of them that is no attack (a stale credential) */
#define AGGR_NO_REF 0          /* no finding is open */
#define AGGR_PAIR_FPS 5        /* different passwords that a pair remembers */
#define AGGR_GAP_SHARE 5       /* gaps that differ by less than 1/5 are alike */
#define AGGR_STEADY_SHARE 16   /* ... by less than that, and a second: a timer */
#define AGGR_STEADY_PERCENT 80 /* of the gaps */
#define AGGR_TIMER_GAP_S 60    /* on average: a machine's, though not as even */
#define AGGR_STEADY_GAP_S 14   /* and none is shorter: tools do not wait as long */

/* What an attempt that did not succeed tells. The first four are window fields. */
enum aggr_guess {
	GUESS_KNOWN = WINDOW_KNOWN,
	GUESS_SOFT = WINDOW_SOFT,
	GUESS_BLIND = WINDOW_BLIND,
	GUESS_OTHER = WINDOW_OTHER,
	GUESS_REPEAT = WINDOW_REPEAT,
	GUESS_NONE /* it succeeded */
};

#define AGGR_GUESS_KINDS 4

/* Since the subject is in the table. */
struct aggr_total {
	uint64_t attempts;
	uint64_t failures;
	uint64_t successes;
	uint64_t first_ns;
	uint64_t last_ns;
	uint32_t peers; /* distinct accounts; of an account, sources */
	uint32_t passwords;
};

/*
 * A run of attempts that do not succeed, and what succeeds between them. It
 * ends when none came for aggregate.episode_gap, or with its finding.
 */
struct aggr_episode {
	uint32_t attempts;
	uint32_t failures;
	uint32_t successes;
	uint32_t top_least; /* at most the attempts of each in top, when that is full */
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t first_clock_ns;
	uint64_t last_clock_ns;
	uint64_t last_guess_clock_ns; /* 0: no episode */
	uint64_t success_ns;          /* the first login in it */
	uint32_t success_pair;        /* TABLE_NONE: no login */
	uint32_t success_attempt;
	uint32_t number;
	uint32_t peers;
	uint32_t sources;
};

struct aggr_target {
	uint32_t server; /* index; TABLE_NONE: free */
	uint32_t count : 31;
	uint32_t succeeded : 1; /* a login worked there */
};

/* Eight cache lines, of which a guess writes nearly all. */
struct aggr_subject {
	_Alignas(64) struct addr addr; /* not of an account */
	uint8_t type;                  /* enum subject_type */
	uint8_t top_len;
	uint16_t timer_h;              /* of a source, an IPv6 /64: when it last had a timer */
	uint32_t prefix_mark;          /* of a source: the prefix's episode that counted it */
	uint32_t prefix_guess_clock_s; /* of a source: when the prefix last counted it; or 0 */
	uint32_t findings[AGGR_REFS];  /* by detector; AGGR_NO_REF */
	uint32_t many;                 /* a block: struct hll of targets past those named */
	struct aggr_total total;
	struct aggr_episode episode;
	struct window window;
	struct passwords passwords;
	union {
		struct {
			uint32_t top[AGGR_TOP]; /* pairs, most attempts, unsorted */
			struct aggr_target targets[AGGR_TARGETS];
		};
		struct hll accounts; /* of a server */
	};
	struct event_flow first_flow; /* of the episode */
};

_Static_assert(sizeof(struct aggr_subject) == 512, "as doc/architecture.md says");

#define PAIR_STALE 0x01u   /* a forgotten credential: its repetitions are no guesses */
#define PAIR_TIMER 0x02u   /* it was excused as a machine on a timer */
#define PAIR_EXCUSED 0x04u /* ... for so long that its guesses would speak against a login */

struct aggr_pair {
	_Alignas(64) uint64_t fp[AGGR_PAIR_FPS]; /* wrong ones, a ring; fp[newest] was tried last */
	uint64_t first_ns;                       /* of this run of attempts */
	uint32_t guess_clock_s;   /* when the source or prefix last counted it; or 0 */
	uint32_t account_clock_s; /* the same, of the account */
	uint32_t subject;         /* source or prefix, an index */
	uint32_t account;         /* TABLE_NONE: unknown */
	uint32_t attempts;
	uint32_t failures;
	uint32_t successes;
	uint32_t repeats;         /* attempts in a row that were alike */
	uint32_t repeats_start_s; /* since when */
	uint32_t last_s;
	uint32_t first_success_s; /* 0: none */
	uint32_t subject_mark;    /* the episode that counted it as a peer */
	uint32_t account_mark;
	uint32_t gap_s;                     /* between the last two */
	uint16_t guesses[AGGR_GUESS_KINDS]; /* since the last login or long silence; saturate */
	uint16_t regular;                   /* gaps in a row that were alike */
	uint8_t distinct;                   /* passwords; saturates */
	uint8_t newest;
	uint8_t flags;        /* PAIR_* */
	uint8_t mistakes;     /* wrong passwords since a login that were no guesses */
	uint16_t steady;      /* of the gaps in a row: those of a timer */
	uint32_t server;      /* the last to whose estimates source and account were added, ... */
	uint32_t server_mark; /* ... and in which episode; 0: to none */
};

_Static_assert(sizeof(struct aggr_pair) <= 128, "as doc/architecture.md says");

static inline uint32_t
aggr_pair_guesses(const struct aggr_pair *pair)
{
	return (uint32_t)pair->guesses[0] + pair->guesses[1] + pair->guesses[2] + pair->guesses[3];
}

/* Do the attempts in a row come a minute apart, and more? */
static inline bool
aggr_slow_machine(const struct aggr_pair *pair, uint32_t now_s)
{
	return pair->repeats > 1 &&
	       (now_s - pair->repeats_start_s) / (pair->repeats - 1) >= AGGR_TIMER_GAP_S;
}

/* Both are asked several times per event: two findings at a time, without a branch for each. */
static inline bool
aggr_under_attack(const struct aggr_subject *subject)
{
	uint64_t two[AGGR_REFS / 2];

	_Static_assert(
		AGGR_NO_REF == 0 && AGGR_REFS == 6 && AGGR_HARMLESS == 5, "all but the last");
	if (subject == NULL)
		return false;
	memcpy(two, subject->findings, sizeof(two));
	return (two[0] | two[1] | subject->findings[4]) != 0;
}

static inline bool
aggr_has_finding(const struct aggr_subject *subject)
{
	uint64_t two[AGGR_REFS / 2];

	if (subject == NULL)
		return false;
	memcpy(two, subject->findings, sizeof(two));
	return (two[0] | two[1] | two[2]) != 0;
}

/* Subjects of one type: a table and its values. */
struct aggr_class {
	struct table table;
	struct aggr_subject *subjects; /* owned */
};

/* What an event is found by. */
struct aggr_keys {
	uint64_t of[SUBJECT_TYPE_COUNT]; /* in the tables */
	uint64_t pair[2];                /* of source and of prefix, with the account */
	bool name_as_sent;               /* the account's name, in lower case, is as it was sent */
	/* Where they probably stand, as they did lately or as aggr_ahead saw it, or TABLE_NONE. */
	uint32_t guess_of[SUBJECT_TYPE_COUNT];
	uint32_t guess_pair[2];
	struct aggr_recent *client; /* or of another address by now */
	struct aggr_recent *server;
};

#define AGGR_RECENT_BITS 11

#define AGGR_RECENT_NAME 54

/*
 * An address that came lately, its keys, and whom it tried last. Only saves computing and looking:
 * all zero says nothing.
 */
struct aggr_recent {
	struct addr addr;
	uint64_t of;
	uint64_t prefix;
	uint64_t thing; /* hll_hash; 0: not asked for yet */
	/* Where it, its prefix and that account stood last, and their pairs, or TABLE_NONE. */
	uint32_t at[SUBJECT_TYPE_COUNT];
	uint32_t pair_at[2];
	uint64_t account; /* the key of name */
	char name[AGGR_RECENT_NAME];
	uint8_t name_len; /* 0: none */
	bool name_folded; /* by aggr_name_key */
};

_Static_assert(sizeof(struct aggr_recent) == 128, "two lines of the cache");

/* What an event touched. Valid until the next. */
struct aggr_view {
	const struct event *event;
	uint64_t clock_ns;
	uint32_t now_min;
	uint32_t now_s;
	struct window_time time;
	struct aggr_subject *subject[SUBJECT_TYPE_COUNT]; /* account: NULL when unknown */
	uint32_t index[SUBJECT_TYPE_COUNT];
	const struct aggr_keys *keys;
	struct aggr_pair *pair; /* source and account (also the unknown account) */
	struct aggr_pair *prefix_pair;
	uint32_t pair_index;
	uint32_t prefix_pair_index;
	enum aggr_guess guess;
	bool success;
	bool known_good;  /* a login as there were before any guess */
	bool after_timer; /* the first of its pair, after guesses that were excused */
	bool low;         /* the source is below every threshold of its own: its guess also counts
			     for prefix, account and server */
	/* Did the guess count there, and as what. */
	enum aggr_guess prefix_guess;
	enum aggr_guess account_guess;
	uint32_t hour_guesses; /* of the source, this guess among them */
	uint32_t forgiven;     /* guesses of the pair that this event took back */
	bool on_timer;         /* password unknown: a machine's next try, by its timer */
	bool wide;             /* the source is in a wider prefix that is under a finding */
	bool wide_told;        /* ... which no rule hides, and so tells of its sources */
};

struct aggr {
	const struct config *config; /* borrowed */
	struct siphash_key key;
	struct aggr_class class[SUBJECT_TYPE_COUNT];
	char (*account_names)[SUBJECT_NAME_MAX + 1]; /* owned; as first sent */
	struct hll *server_sources;                  /* owned */
	struct table pair_table;
	struct aggr_pair *pairs; /* owned */
	struct blocks passwords; /* pools; each owns its memory */
	struct blocks wide;
	struct blocks many;
	struct aggr_recent recent[1u << AGGR_RECENT_BITS];
	uint64_t clock_ns;
	uint64_t untracked; /* events that found no room */
};

/* 0, -ENOMEM, or what getrandom said. */
int aggr_open(struct aggr *a, const struct config *config);
void aggr_close(struct aggr *a);

struct image;

/* All of it, of a process of before with tables as large; to be loaded before the first event. */
void aggr_image(struct aggr *a, struct image *image);

/* Have all memory now (memory_touch). */
void aggr_touch_memory(struct aggr *a);

/* Of any event; of one that is no AUTH, the account's is not set. */
void aggr_keys(struct aggr *a, const struct event *event, struct aggr_keys *keys);

/* Names are compared without regard to the case of ASCII letters. *folded (may be NULL): is it
   not in lower case as it is? */
uint64_t aggr_name_key(const struct aggr *a, const char *name, uint8_t len, bool *folded);

/* An AUTH event comes soon: ask memory for what it will touch. Changes nothing but the guesses. */
void aggr_ahead(const struct aggr *a, struct aggr_keys *keys, enum table_step step);

/*
 * Count one AUTH event; keys as aggr_keys says, until the view is no longer used. False: no room
 * was left for it; nothing changed but `untracked`.
 */
bool aggr_auth(struct aggr *a, const struct event *event, const struct aggr_keys *keys,
	struct aggr_view *view);

/* The event is dealt with: everything that it touched goes to the list where it belongs. */
void aggr_settle(struct aggr *a, const struct aggr_view *view);

/* May one more subject of this type be kept for its finding? Half of them may. */
bool aggr_can_pin(const struct aggr *a, enum subject_type type);

/*
 * A finding on this subject is over. With the last of them goes what led to
 * it, so that only new evidence opens another.
 */
void aggr_release(struct aggr *a, enum subject_type type, uint32_t index);

/* The view's pair is a forgotten credential: its repetitions no longer count as guesses. */
void aggr_mark_stale(struct aggr *a, struct aggr_view *view);

/* The pair's guesses led to a login that was told of: they do not speak against the next one. */
void aggr_spend_guesses(struct aggr_view *view);

/* As exported: 192.0.2.1, 192.0.2.0/24, 2001:db8::/64, the account as first sent. */
void aggr_subject_name(
	const struct aggr *a, const struct aggr_subject *subject, char out[SUBJECT_NAME_MAX + 1]);
void aggr_addr_name(const struct addr *addr, char out[SUBJECT_NAME_MAX + 1]);

/* The pair's account, or source, or NULL when it is no longer in the table. */
const struct aggr_subject *aggr_pair_account(const struct aggr *a, const struct aggr_pair *pair);
const struct aggr_subject *aggr_pair_source(const struct aggr *a, const struct aggr_pair *pair);

/* Distinct accounts of a server. */
uint64_t aggr_many(const struct aggr_subject *subject);

/* Distinct servers of a source, prefix or account. */
uint64_t aggr_targets(const struct aggr *a, const struct aggr_subject *subject);

/* Distinct passwords in the episode. */
unsigned aggr_passwords(const struct aggr *a, const struct aggr_subject *subject);

static inline bool
aggr_is_v4(const struct aggr_subject *subject)
{
	return addr_is_v4(&subject->addr);
}

#endif
