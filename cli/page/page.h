/*
 * page: an EVE file as one HTML file that needs nothing else: no network, no script.
 *
 * The same EVE file gives the same bytes.
 */
#ifndef SMTAP_CLI_PAGE_PAGE_H
#define SMTAP_CLI_PAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct page_options {
	const char *eve;   /* path of a regular file */
	const char *html;  /* path of what is made; replaced */
	uint64_t incident; /* only this one; 0: all */
	FILE *progress;    /* how far it is goes there; NULL: nowhere */
	/* Told of each line that cannot be read, in its order. May be NULL. */
	void (*damaged)(void *arg, uint64_t line, const char *why);
	void *arg;
};

struct page_result {
	uint64_t incidents;
	uint64_t told; /* in full */
	uint64_t damaged;
};

/*
 * 0; else why says what failed, of which file: -EINVAL when the EVE file is none or the incident
 * is not in it, -EIO when reading or writing failed. The page is then not touched.
 */
int page_make(
	const struct page_options *options, struct page_result *result, char *why, size_t why_len);

#endif
