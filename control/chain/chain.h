/*
 * chain: which findings are one attack. Each finding is put into an incident:
 * one that something ties it to (an address, an account, the server that was
 * relayed through), or a new one. The theory is at the head of chain.c.
 */
#ifndef SMTAP_CONTROL_CHAIN_CHAIN_H
#define SMTAP_CONTROL_CHAIN_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "config/config.h"
#include "control/aggr/table.h"
#include "control/incident/book.h"
#include "control/incident/incident.h"
#include "control/incident/lookup.h"

#define CHAIN_NONE UINT32_MAX

/* What a finding in the book is to its incident. By the entry's number. */
struct chain_link {
	uint32_t slot;  /* CHAIN_NONE: none */
	uint32_t older; /* findings of the same incident */
	uint32_t newer;
	uint64_t attempts; /* that the incident has counted */
	bool told;         /* an alert has been told of it */
};

struct chain_slot {
	struct incident incident;
	uint32_t first; /* its findings, first joined first; CHAIN_NONE: the slot is free */
	uint32_t last;
	bool told; /* of, since it opened or opened again */
	enum stage told_stage;
	uint64_t interval_clock_ns; /* when the present update interval began */
	uint64_t told_in_interval;
};

/* Who a tie leads to, as long as the slot still holds that incident. */
struct chain_tie {
	uint32_t slot;
	uint64_t id;
};

struct chain_sink {
	/* gone belongs to another incident (merged_into); entry: one of its findings that go on. */
	void (*merged)(void *arg, const struct incident *gone, const struct book_entry *entry,
		enum finding_state state);
	void *arg;
};

struct chain {
	const struct config *config; /* borrowed */
	const struct book *book;     /* borrowed */
	struct chain_sink sink;
	struct siphash_key key;
	struct chain_link *links; /* owned; incident_table */
	struct chain_slot *slots; /* owned; incident_table */
	uint32_t *free;           /* owned; slots, a stack */
	uint32_t free_len;
	struct lookup ids; /* slots that are not free, by their incident's id */
	struct table tie_table;
	struct chain_tie *ties; /* owned */
	uint64_t opened;
	uint64_t before; /* the highest id of earlier runs */
	uint64_t merged;
	uint64_t reopened;
	uint64_t held; /* alerts that were held back for the next interval */
};

/* 0, -ENOMEM, or what getrandom said. */
int chain_open(struct chain *c, const struct config *config, const struct book *book,
	const struct chain_sink *sink);
void chain_close(struct chain *c);

struct image;

/* All incidents; with the book's image. */
void chain_image(struct chain *c, struct image *image);

/*
 * The finding in entry is new or has changed: it joins an incident if it is in
 * none, counts there, and may show that two incidents are one. Returns its
 * incident.
 */
struct incident *chain_update(struct chain *c, const struct book_entry *entry, uint64_t clock_ns);

/*
 * A finding that an earlier run told of, as part of *known (its id, stage, severity and times): it
 * joins that incident, which is made when it is not there.
 */
void chain_adopt(struct chain *c, const struct book_entry *entry, const struct incident *known,
	uint64_t clock_ns);

/* The finding in entry is over. Returns its incident, which is over when open_findings is 0. */
struct incident *chain_end(struct chain *c, const struct book_entry *entry);

/* The id of the incident that the finding in entry is in; 0: none so far. */
uint64_t chain_incident_id(const struct chain *c, const struct book_entry *entry);

/* Was anybody told of the incident that the finding in entry is in? */
bool chain_incident_told(const struct chain *c, const struct book_entry *entry);

/*
 * The entry is to be used anew: what it held leaves its incident, which is
 * forgotten with its last finding.
 */
void chain_forget(struct chain *c, const struct book_entry *entry);

/*
 * May an alert of entry's finding be told now? What brings its incident a stage
 * further always may, the beginning of a success or of what comes of it, and
 * the end; else incident.alerts of an incident in an update interval.
 */
bool chain_may_tell(struct chain *c, const struct book_entry *entry, uint64_t clock_ns);

/* It is told: how it stands for its finding and for its incident. */
struct chain_told {
	enum finding_state finding;
	enum incident_state incident;
};

struct chain_told chain_tell(
	struct chain *c, const struct book_entry *entry, enum finding_state state);

/* By id; returns how many were put into out. */
size_t chain_list(const struct chain *c, const struct incident **out, size_t max);

/* The findings of an incident that are still in the book, in the order in which they joined. */
size_t chain_findings(const struct chain *c, const struct incident *incident,
	const struct finding **out, size_t max);

/* trait.c: what a detector's findings are in an attack. */
struct chain_trait {
	enum stage stage;
	bool alone;  /* always an incident of its own */
	bool inward; /* its client is ours and its servers are not */
	bool echo;   /* its clients only answer what somebody else sent */
};

const struct chain_trait *chain_trait_of(unsigned detector);

#endif
