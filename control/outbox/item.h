/* An alert that waits for the store: a copy of its own, in one block. */
#ifndef SMTAP_CONTROL_OUTBOX_ITEM_H
#define SMTAP_CONTROL_OUTBOX_ITEM_H

#include "store/store.h"

struct outbox_item {
	struct outbox_item *next;
	size_t bytes; /* of the block */
	struct store_alert alert;
	char text[];
};

/* NULL: out of memory. */
struct outbox_item *outbox_item_copy(const struct store_alert *alert);

/* Sources or accounts that wait: copies as well. */
struct outbox_rows {
	size_t count;
	struct store_subject *subjects;
	char *names;
};

/* NULL: out of memory. */
struct outbox_rows *outbox_rows_copy(const struct store_subject *subjects, size_t n);
void outbox_rows_free(struct outbox_rows *rows);

#endif
