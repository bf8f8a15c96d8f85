/*
 * captures: what the dataplane says befell each capture file, in JSON lines over
 * a pipe:
 *
 *   {"event": "capture", "file", "link", "packets", "bytes", "first_ns", "last_ns"}
 *   {"event": "damaged", "file", "packets", "why"}
 *   {"event": "progress", "file", "packets", "position", "size"}
 *   {"event": "stopped", "packets"}
 */
#ifndef SMTAP_CONTROL_REPORT_CAPTURES_H
#define SMTAP_CONTROL_REPORT_CAPTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURES_MAX 4096u       /* files that are named; the rest is counted */
#define CAPTURES_LINE_MAX 65536u /* longer lines are dropped */

struct capture_row {
	char *file;
	char *link;   /* NULL until it was read */
	char *damage; /* why reading stopped; NULL: read to the end */
	uint64_t packets;
	uint64_t bytes;
	uint64_t first_ns; /* 0: no packet */
	uint64_t last_ns;
};

struct captures {
	struct capture_row *rows;
	size_t count;
	uint64_t omitted;   /* files past CAPTURES_MAX */
	uint64_t bad_lines; /* not of the form above */
	uint64_t damaged;
	bool stopped; /* a signal ended the reading */
	char *line;   /* of CAPTURES_LINE_MAX bytes */
	size_t line_len;
	bool line_too_long;
	/* the last progress line */
	char *progress_file; /* NULL: none yet */
	uint64_t progress_packets;
	uint64_t progress_position;
	uint64_t progress_size;
};

/* 0, or -ENOMEM. */
int captures_init(struct captures *c);
void captures_free(struct captures *c);

/* Bytes as they come from the pipe. */
void captures_feed(struct captures *c, const char *bytes, size_t len);

#endif
