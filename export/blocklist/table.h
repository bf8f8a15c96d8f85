/*
 * What is to be blocked: sources and prefixes that attack, as alerts tell of them. Pure: no I/O,
 * no clock; the theory is in table.c.
 */
#ifndef SMTAP_EXPORT_BLOCKLIST_TABLE_H
#define SMTAP_EXPORT_BLOCKLIST_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/prefix.h"

#define TABLE_NEVER_MAX 600u
#define TABLE_DETECTORS_MAX 16u
#define TABLE_DETECTOR_MAX 32u

struct table_rules {
	unsigned confidence; /* least, in per cent */
	unsigned logins;     /* per cent of attempts that logged in from which on it is spared */
	uint64_t hold_ns;    /* after its finding closed */
	uint64_t forget_ns;  /* after the last alert about it, open or not */
	size_t entries;      /* at most */
	char detectors[TABLE_DETECTORS_MAX][TABLE_DETECTOR_MAX];
	unsigned detector_count;
	struct prefix never[TABLE_NEVER_MAX];
	unsigned never_count;
};

struct table_entry {
	struct prefix prefix;
	uint64_t finding;
	unsigned severity; /* 1 is the gravest */
	uint64_t told_ns;  /* wall time of the last alert */
	uint64_t until_ns; /* when it goes if nothing more is told */
};

struct table;

/* NULL: out of memory. rules are copied, and what nobody may block is added to them. */
struct table *table_new(const struct table_rules *rules);
void table_free(struct table *table);

/* An alert at that wall time. True: what is to be blocked may have changed. */
bool table_take(struct table *table, const json_t *alert, uint64_t now_ns);

/* What is open comes anew; what does not come with it closed meanwhile, and stays for hold_ns. */
void table_begin_again(struct table *table, uint64_t now_ns);

/* Time goes on: true: something went. */
bool table_expire(struct table *table, uint64_t now_ns);

/* What is to be blocked, each once, in the order of addresses; valid until the next call. */
size_t table_list(struct table *table, const struct table_entry **entries);

/* The order of addresses: IPv4 first, the shorter prefix first. <0, 0 or >0. */
int table_order(const struct prefix *a, const struct prefix *b);

/* Entries that others, graver ones, took the place of. */
uint64_t table_evicted(const struct table *table);

#endif
