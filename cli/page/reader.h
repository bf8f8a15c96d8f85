/*
 * Private to page/: the lines of an EVE file, as often as they are wanted.
 *
 * The file may be larger than memory and still be growing: what was there when it was opened is
 * read, in a buffer of fixed size. A line that is no JSON object, is cut, or is longer than the
 * buffer is skipped; the caller says so.
 */
#ifndef SMTAP_CLI_PAGE_READER_H
#define SMTAP_CLI_PAGE_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/page/when.h"

#define READER_LINE_MAX (1024u * 1024u) /* bytes; what smtap writes is far shorter */

struct reader {
	FILE *file;
	char *buffer; /* READER_LINE_MAX bytes and a NUL */
	uint64_t size;
	uint64_t left;    /* bytes of the file not yet in the buffer */
	size_t have;      /* bytes in the buffer */
	size_t at;        /* where the next line starts in it */
	uint64_t number;  /* of the line last given, from 1 */
	const char *text; /* that line: len bytes and a NUL; NULL when it was too long */
	size_t len;
};

/* 0, or -errno: -EINVAL when path is no regular file. */
int reader_open(struct reader *r, const char *path);
void reader_close(struct reader *r);

/* Back to the first line. 0 or -errno. */
int reader_rewind(struct reader *r);

/* The next line. 1, 0 at the end, or -errno. */
int reader_next(struct reader *r);

/* Does the line hold these bytes? A line that does not need not be parsed for them. */
bool reader_line_has(const struct reader *r, const char *text);

/* How much of the file was read, in per cent. */
unsigned reader_percent(const struct reader *r);

/* The line as an object, to be freed; NULL, and why it is none, when it is damaged. */
json_t *reader_parse(const struct reader *r, char *why, size_t why_len);

/* What a key holds; 0, "" and WHEN_NONE when it is missing or of another type. */
uint64_t reader_number(const json_t *object, const char *key);
const char *reader_text(const json_t *object, const char *key);
int64_t reader_time(const json_t *object, const char *key);
bool reader_true(const json_t *object, const char *key);

#endif
