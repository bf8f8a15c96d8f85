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

struct match_set; /* the databases; read-only, shared by all workers */
struct match;     /* one worker's view: set and scratch */

/*
 * Load DIR/{banner,reply,command,header}.hsdb. NULL on failure, with one line
 * in why that names the file and the remedy.
 */
struct match_set *match_set_load(const char *dir, char *why, size_t why_len);
void match_set_free(struct match_set *set);

/* Scratch for one worker. NULL when out of memory. */
struct match *match_open(const struct match_set *set);
void match_close(struct match *match);

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
