/*
 * The book of findings: open ones and those that were. It counts, keeps the
 * names with the most attempts, and knows when each falls silent. What a
 * subject is, and who is told, is the engine's business.
 */
#ifndef SMTAP_CONTROL_FINDING_BOOK_H
#define SMTAP_CONTROL_FINDING_BOOK_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "control/incident/finding.h"
#include "control/incident/lookup.h"

enum book_top { BOOK_ACCOUNTS, BOOK_SOURCES, BOOK_TARGETS, BOOK_TOPS };

#define BOOK_NOT_IN_HEAP UINT32_MAX
#define BOOK_SEVERITIES 3u

struct book_entry {
	uint64_t top_key[BOOK_TOPS][FINDING_TOP]; /* tells names apart; order of the tops */
	uint64_t top_least[BOOK_TOPS];            /* no count of full tops is lower */
	uint8_t top_len[BOOK_TOPS];
	uint32_t subject;  /* the engine's index of it */
	uint32_t severity; /* 1 critical .. BOOK_SEVERITIES */
	uint32_t at;       /* in the heap of its severity */
	uint64_t deadline_ns;
	uint64_t told_clock_ns; /* when it was last told of */
	uint64_t told_attempts;
	uint64_t told_successes;
	struct finding finding;
};

/* What an event that a finding grows by looks at; the rest when it is told of. */
#define BOOK_ENTRY_HOT_BYTES \
	(offsetof(struct book_entry, finding) + offsetof(struct finding, subject))

/* Open findings of one severity, earliest deadline first. */
struct book_heap {
	uint32_t *at; /* owned */
	uint32_t len;
};

struct book {
	const struct config *config; /* borrowed */
	struct book_entry *entries;  /* owned; ring of closed[] says which is used anew */
	struct book_heap heap[BOOK_SEVERITIES];
	struct lookup ids; /* entries in use, by their finding's id */
	uint32_t *closed;  /* owned; a ring, first closed first */
	uint32_t capacity;
	uint32_t used;
	uint32_t closed_first;
	uint32_t closed_len;
	uint64_t opened;
	uint64_t expires_ns; /* no deadline is earlier */
	uint64_t before;     /* the highest id of earlier runs */
};

int book_open(struct book *book, const struct config *config);
void book_close(struct book *book);

struct image;

/* All findings, of a process of before with a book as large. */
void book_image(struct book *book, struct image *image);

/*
 * A new finding with its id, all else zero; put it under watch with
 * book_watch once its clocks are set. NULL when no entry is free or closed.
 */
struct book_entry *book_add(struct book *book, unsigned severity);

/* The same with an id that an earlier run gave. */
struct book_entry *book_adopt(struct book *book, unsigned severity, uint64_t id);

/* Is there one of that id, open or closed? */
bool book_has(const struct book *book, uint64_t id);

/* Of those that are less severe, the least severe, and of these the one that is silent for
   longest; NULL when there is none. */
struct book_entry *book_least(struct book *book, unsigned severity);

/* The one that was opened first and still is; or NULL. */
struct book_entry *book_first_open(const struct book *book);
void book_watch(struct book *book, struct book_entry *entry);

/* A number that is never 0, and back. */
uint32_t book_ref(const struct book *book, const struct book_entry *entry);
struct book_entry *book_at(const struct book *book, uint32_t ref);

/* The finding that was silent for longest, if its time had come by now_ns; or NULL. */
struct book_entry *book_expired(struct book *book, uint64_t now_ns);

/* It is over. It stays readable until its entry is used anew. */
void book_end(struct book *book, struct book_entry *entry);

/* Is it time to tell of what has changed since it was last told? */
bool book_due(const struct book *book, const struct book_entry *entry, uint64_t now_ns);
void book_told(struct book_entry *entry, uint64_t now_ns);

/* A name to be put among the tops if its count is large enough. */
struct book_offer {
	uint64_t key;
	uint64_t count;
	bool succeeded;
	void (*name)(const void *arg, char out[SUBJECT_NAME_MAX + 1]); /* when needed */
	const void *arg;
};

void book_offer(struct book_entry *entry, enum book_top top, const struct book_offer *offer);

/* Most first, ties by name. */
void book_sort(struct book_entry *entry);

void book_add_sample(struct finding *finding, const struct event_flow *flow);
void book_add_signatures(struct finding *finding, const uint32_t signatures[4]);

/* By id; returns how many were put into out. */
size_t book_list(const struct book *book, const struct finding **out, size_t max);

#endif
