/*
 * Private to page/: what stands in an EVE file as HTML.
 *
 * Account names, HELO arguments and mail addresses come from whoever speaks to a mail server, so
 * every one of them goes through here. Nothing of it becomes markup; what cannot be seen, or
 * moves its neighbours (controls, marks of direction, zero-width characters, piles of combining
 * marks), is shown as U+XXXX; what is too long is cut, and the cut is shown.
 */
#ifndef SMTAP_CLI_PAGE_TEXT_H
#define SMTAP_CLI_PAGE_TEXT_H

#include <stdint.h>
#include <stdio.h>

#define TEXT_NAME_CHARS 96   /* of a name in a table */
#define TEXT_SHORT_CHARS 40  /* of a name in a sentence or a chart */
#define TEXT_LONG_CHARS 4096 /* of advice */

/* Inside an element: <bdi>name</bdi>, at most max_chars characters of it. */
void text_name(FILE *out, const char *name, unsigned max_chars);

/* The same without any tag: inside an attribute, <title> or <text>. */
void text_plain(FILE *out, const char *name, unsigned max_chars);

/* 1,234,567 */
void text_number(FILE *out, uint64_t n);

/* "1 account", "1,200 accounts": many is the plural. */
void text_count(FILE *out, uint64_t n, const char *one, const char *many);

#endif
