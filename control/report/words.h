/* Private to report/: words, numbers and lines as a terminal takes them. */
#ifndef SMTAP_CONTROL_REPORT_WORDS_H
#define SMTAP_CONTROL_REPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WORDS_COLUMNS 96
#define WORDS_NUMBER_MAX 32
#define WORDS_TIME_MAX 48
#define WORDS_NAME_MAX 512 /* room for a shortened name */

/* 1234567 as 1,234,567. */
const char *words_number(uint64_t n, char out[WORDS_NUMBER_MAX]);

/* 2026-11-22 02:07:24 */
const char *words_time(uint64_t ns, char out[WORDS_TIME_MAX]);

/* 02:07:24 */
const char *words_clock(uint64_t ns, char out[WORDS_TIME_MAX]);

/*
 * Text made safe for a terminal: control bytes, what is no UTF-8, and marks that turn the
 * direction of writing are replaced. What does not fit is cut between characters.
 */
const char *words_clean(const char *text, char *out, size_t out_len);

/*
 * A name from the wire, clean, at most columns characters.
 */
const char *words_name(const char *name, unsigned columns, char out[WORDS_NAME_MAX]);

/* Characters, as a terminal counts them (each as one column). */
unsigned words_columns(const char *text);

/* text, wrapped at spaces, each line after indent spaces. */
void words_paragraph(FILE *out, unsigned indent, const char *text);

/* name in a column of that width, left-aligned; what is too long is cut. */
void words_cell(FILE *out, const char *name, unsigned width);

#endif
