/* The trackers as an image (control/aggr/image.c has how). */
#include "base/image.h"

#include "control/track/track.h"

static void
subjects_image(struct track *t, const struct table *table, uint32_t first, const uint8_t *wide,
	struct image *image)
{
	struct track_subject *s = t->subjects + first;

	image_bytes(image, s, table->fresh * sizeof(*s));
	for (uint32_t i = 0; image->loads && i < table->fresh; i++)
		window_image(&s[i].window.head, &t->wide, wide, image);
}

void
track_image(struct track *t, struct image *image)
{
	const uint8_t *wide = t->wide.memory;

	IMAGE_VALUE(image, t->key);
	IMAGE_VALUE(image, t->refusal);
	IMAGE_VALUE(image, t->clock_ns);
	IMAGE_VALUE(image, t->start_ns);
	IMAGE_VALUE(image, t->untracked);
	IMAGE_VALUE(image, wide);
	blocks_image(&t->seen, image);
	blocks_image(&t->wide, image);
	table_image(&t->table, image);
	table_image(&t->account_table, image);
	subjects_image(t, &t->table, 0, wide, image);
	subjects_image(t, &t->account_table, (uint32_t)t->config->aggr_trackers, wide, image);
	image_bytes(image, t->names, t->account_table.fresh * sizeof(*t->names));
	table_image(&t->pending_table, image);
	image_bytes(image, t->pending, t->pending_table.fresh * sizeof(*t->pending));
	table_image(&t->taken.table, image);
	image_bytes(image, t->taken.flows, t->taken.table.fresh * sizeof(*t->taken.flows));
	table_image(&t->habits.table, image);
	image_bytes(image, t->habits.habits, t->habits.table.fresh * sizeof(*t->habits.habits));
}
