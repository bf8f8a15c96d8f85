/*
 * Recipients of the mail transactions that are not over yet, by session and
 * transaction number: RCPT events come one by one, the `smtp` line lists all.
 */
#ifndef SMTAP_CONTROL_EXPORT_RCPT_H
#define SMTAP_CONTROL_EXPORT_RCPT_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/event.h"

#define RCPT_TRANSACTIONS 8192u /* open at a time; the longest untouched makes room */
#define RCPT_LISTED_MAX 100u    /* recipients kept of one transaction */
#define RCPT_BLOCKS 32768u      /* of RCPT_BLOCK_BYTES: 16 MiB, touched as used */
#define RCPT_BLOCK_BYTES 512u

struct rcpt_table;

struct rcpt_list {
	const char *text[RCPT_LISTED_MAX]; /* in the table, until the next call */
	uint8_t len[RCPT_LISTED_MAX];
	unsigned count;
	bool complete; /* false: some were not kept */
};

/* NULL when out of memory. */
struct rcpt_table *rcpt_open(void);
void rcpt_close(struct rcpt_table *table);

/* Note a recipient (an EVENT_RCPT). */
void rcpt_add(struct rcpt_table *table, const struct event *event);

/* The recipients of the transaction of an EVENT_MAIL, which is over: forget it. */
void rcpt_take(struct rcpt_table *table, const struct event *event, struct rcpt_list *out);

/* Transactions pushed out before their end. */
uint64_t rcpt_evicted(const struct rcpt_table *table);

#endif
