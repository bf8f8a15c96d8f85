/* An alert that waits for the store: a copy of its own, in one block. */
#ifndef SMTAP_CONTROL_OUTBOX_ITEM_H
#define SMTAP_CONTROL_OUTBOX_ITEM_H

#include "base/image.h"
#include "store/store.h"

struct outbox_item {
	struct outbox_item *next;
	size_t bytes; /* of the block */
	struct store_alert alert;
	char text[];
};

/* NULL: out of memory. */
struct outbox_item *outbox_item_copy(const struct store_alert *alert);

/* As bytes of a snapshot; from them, NULL when they make no sense (then image->bad) or there is no
 * memory. */
void outbox_item_save(const struct outbox_item *item, struct image *image);
struct outbox_item *outbox_item_load(struct image *image);

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
