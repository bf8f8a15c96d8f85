/* diag: what the checks of the doctor have to say, kept until it is printed. */
#ifndef SMTAP_CLI_DOCTOR_DIAG_H
#define SMTAP_CLI_DOCTOR_DIAG_H

#include <stddef.h>
#include <stdio.h>

/* Worst last. */
enum diag_status {
	DIAG_OK,
	DIAG_UNSEEN, /* only root can see it */
	DIAG_WARNING,
	DIAG_FAULT,
};
#define DIAG_STATUSES 4

#define DIAG_TEXT_MAX 640
#define DIAG_ITEMS_MAX 256 /* past these, the report says how many are missing */

struct diag_item {
	const char *check; /* a literal */
	enum diag_status status;
	char found[DIAG_TEXT_MAX];
	char consequence[DIAG_TEXT_MAX]; /* empty when all is well */
	char remedy[DIAG_TEXT_MAX];      /* commands, one a line; empty: none is needed */
};

struct diag {
	const char *check; /* that runs now */
	struct diag_item *items;
	unsigned count;
	unsigned missing; /* no room, or no memory */
	unsigned by_status[DIAG_STATUSES];
	struct diag_item nowhere; /* where what has no room goes: a check need not ask */
};

#define DIAG_FORMAT(n) __attribute__((format(printf, n, n + 1)))

/*
 * One more item of the check that runs. It stands until diag_free; what says more of it:
 *   struct diag_item *item = diag_add(r, DIAG_FAULT, "...");
 *   diag_so(item, "..."); diag_mend(item, "...");
 */
struct diag_item *diag_add(struct diag *r, enum diag_status status, const char *format, ...)
	DIAG_FORMAT(3);
void diag_so(struct diag_item *item, const char *format, ...) DIAG_FORMAT(2);
void diag_mend(struct diag_item *item, const char *format, ...) DIAG_FORMAT(2);

const char *diag_status_name(enum diag_status status);

/* 0, or -ENOMEM or -EIO. */
int diag_print_text(const struct diag *r, FILE *out);
int diag_print_json(const struct diag *r, FILE *out);

void diag_free(struct diag *r);

#endif
