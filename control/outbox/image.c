/*
 * What waits for the store, in a snapshot: who is killed while the store fails, or before it had
 * what was told last, has told those alerts to exporters or not, but nobody else knows of them.
 */
#include <stdlib.h>

#include "control/outbox/internal.h"

#define ITEMS_MAX (1u << 24)

uint64_t
outbox_freeze(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	return o->stored;
}

void
outbox_thaw(struct outbox *o)
{
	pthread_mutex_unlock(&o->lock);
}

static void
save(const struct outbox *o, struct image *image)
{
	uint32_t n = 0;

	for (const struct outbox_item *i = o->first; i; i = i->next)
		n++;
	image_count(image, n, ITEMS_MAX);
	for (const struct outbox_item *i = o->first; i; i = i->next)
		outbox_item_save(i, image);
}

static void
load(struct outbox *o, struct image *image)
{
	struct outbox_item **end = &o->left;
	uint32_t n = image_count(image, 0, ITEMS_MAX);

	for (uint32_t i = 0; i < n && !image->bad; i++) {
		*end = outbox_item_load(image);
		if (*end)
			end = &(*end)->next;
	}
}

void
outbox_image(struct outbox *o, struct image *image)
{
	if (image->loads)
		load(o, image);
	else
		save(o, image);
}

size_t
outbox_put_left(struct outbox *o, outbox_skip_fn *skip, void *arg)
{
	size_t n = 0;

	while (o->left) {
		struct outbox_item *item = o->left;

		o->left = item->next;
		if (skip && !skip(arg, &item->alert)) {
			outbox_put(o, &item->alert);
			n++;
		}
		free(item);
	}
	return n;
}
