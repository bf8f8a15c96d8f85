/*
 * match: which patterns of patterns/ occur in a line. One Hyperscan database
 * per context, so a line is scanned only by what can match there. Databases
 * are compiled by smtap-patterns and loaded serialized; nothing compiles here.
 */
#ifndef SMTAP_DATAPLANE_MATCH_H
#define SMTAP_DATAPLANE_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "contract/event.h"

#define MATCH_HITS_MAX 8

struct match_hits {
	unsigned count;              /* at most MATCH_HITS_MAX */
	uint32_t id[MATCH_HITS_MAX]; /* pattern ids, ascending, each once */
};

struct match_set;  /* the databases; read-only, shared by all workers */
struct match;      /* one worker's way to them */
struct match_view; /* one worker's scratch for a set, and what it found lately */

/*
 * Load DIR/{banner,reply,command,header}.hsdb. NULL on failure, with one line
 * in why that names the file and the remedy.
 */
struct match_set *match_set_load(const char *dir, char *why, size_t why_len);
void match_set_free(struct match_set *set);

/* What a context's database was made of (contract/hsdb.h). */
uint64_t match_set_source(const struct match_set *set, enum event_context context);

/* Scratch for one worker. NULL when out of memory. */
struct match *match_open(const struct match_set *set);
void match_close(struct match *match);

/*
 * Another set takes the place of the worker's, between two lines, from any thread. Gives back the
 * view of before, which the worker may still be using: free it, and then the set that it was of,
 * when the worker has been through its loop once more.
 */
struct match_view *match_view_open(const struct match_set *set); /* NULL: out of memory */
struct match_view *match_swap(struct match *match, struct match_view *view);
void match_view_close(struct match_view *view);

/*
 * Which patterns match one line (without CRLF). hits->count = 0 when nothing matched, match is
 * NULL, or the context has no patterns. No allocation.
 */
void match_line(struct match *match, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits);

/* The same, always by Hyperscan: match_line knows the answers for lines that came lately. */
void match_scan(struct match *match, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits);

#endif
