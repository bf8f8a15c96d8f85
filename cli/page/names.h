/*
 * Private to page/: what was counted for each name of a kind (accounts, sources, servers) of one
 * incident.
 *
 * An EVE file may name millions of accounts, all of them chosen by an attacker. So a table has a
 * capacity. When it is full, a name that comes for the second time, or logs in, takes the place of
 * one that has been seen once only and did not; if none is near, it is counted in `further`
 * alone, as is who comes for the first time. Whoever is busy or got in stays, and who comes once
 * costs one look-up. The policy looks at nothing but the order of the lines, so one file gives
 * one table. An entry that came late was there before: its numbers are then "at least".
 */
#ifndef SMTAP_CLI_PAGE_NAMES_H
#define SMTAP_CLI_PAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"

#define NAMES_MAX 4096     /* entries of one table */
#define NAMES_TEXT_MAX 512 /* bytes of a name that are kept */
#define NAMES_NEAR 64      /* entries looked at for one to replace */

/* Distinct names over all incidents, exact until the set is full. */
struct seen {
	uint64_t *slots;
	size_t count;
	bool full;
};

#define SEEN_SLOTS (1u << 23) /* half of them are used: 4 M names; 64 MB when full */

int seen_open(struct seen *seen);
void seen_close(struct seen *seen);

/* Was it new? False, too, when there is no room to tell. */
bool seen_add(struct seen *seen, uint64_t hash);

enum outcome {
	OUTCOME_FAILURE,
	OUTCOME_SUCCESS,
	OUTCOME_THROTTLED,
	OUTCOME_REFUSED,
	OUTCOME_OTHER, /* aborted, unknown */
	OUTCOME_COUNT
};

/* What was seen of somebody. */
struct tally {
	uint64_t auth[OUTCOME_COUNT];
	uint64_t mails;          /* transactions */
	uint64_t bounces;        /* of these: null sender, or a delivery report */
	uint64_t mails_accepted; /* of the others */
	uint64_t recipients;     /* accepted, of these */
	uint64_t sessions;
	int64_t first_us; /* WHEN_NONE: nothing */
	int64_t last_us;
};

struct name {
	char *text;
	char *note; /* what it called itself first; may be NULL */
	uint64_t hash;
	struct tally tally;
};

struct names {
	struct name *entries;
	size_t count;
	size_t room;
	uint32_t *slots; /* index + 1 of an entry, open addressing */
	size_t slot_count;
	size_t hand;          /* where the search for one to replace goes on */
	struct tally further; /* all that is in no entry any more, or never was */
	bool full;            /* names were left out, or forgotten */
	uint64_t number;      /* of this table, no other has it */
	uint64_t distinct;    /* names ever added */
};

uint64_t tally_attempts(const struct tally *t);
void tally_add(struct tally *to, const struct tally *what);

/* What all tables share. */
struct names_shared {
	struct siphash_key key;
	struct seen seen;
};

/* Add what to name's entry; note (may be NULL) is kept from the first that has one. 0, -ENOMEM. */
int names_add(struct names *names, struct names_shared *shared, const char *name, const char *note,
	const struct tally *what);

/* Most telling first: who logged in, then by attempts, mails, sessions; then by name. After
 * this nothing may be added. */
void names_sort(struct names *names);

void names_free(struct names *names);

#endif
