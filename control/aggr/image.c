/*
 * The tables as an image. Places in the lines are not saved: they are found again from the
 * hashes. A window's wide block is known by a pointer, which is saved as it is, with where the pool
 * stood.
 */
#include "base/image.h"

#include "control/aggr/aggr.h"

static void
fill_lines(struct table *t)
{
	for (uint32_t i = 0; i < t->fresh; i++)
		if (t->links[i].list != TABLE_LISTS)
			table_place(t, i);
}

void
table_image(struct table *t, struct image *image)
{
	image_same(image, t->capacity);
	IMAGE_VALUE(image, t->in_use);
	IMAGE_VALUE(image, t->free);
	IMAGE_VALUE(image, t->inserted);
	IMAGE_VALUE(image, t->evicted);
	IMAGE_VALUE(image, t->oldest);
	IMAGE_VALUE(image, t->newest);
	IMAGE_VALUE(image, t->count);
	t->fresh = image_count(image, t->fresh, t->capacity);
	image_bytes(image, t->links, (size_t)t->fresh * sizeof(*t->links));
	if (image->loads)
		fill_lines(t);
}

void
window_image(struct window_head *head, const struct blocks *pool, const uint8_t *memory,
	struct image *image)
{
	size_t at = (size_t)((const uint8_t *)head->wide - memory);

	if (head->wide == NULL)
		return;
	if (at % pool->block_len != 0 || at / pool->block_len >= pool->fresh) {
		image->bad = true;
		head->wide = NULL;
		return;
	}
	head->wide = blocks_at(pool, (uint32_t)(at / pool->block_len));
}

static void
class_image(struct aggr *a, enum subject_type type, const uint8_t *wide, struct image *image)
{
	struct aggr_class *class = &a->class[type];
	uint32_t n;

	table_image(&class->table, image);
	n = class->table.fresh;
	image_bytes(image, class->subjects, n * sizeof(*class->subjects));
	if (type == SUBJECT_ACCOUNT)
		image_bytes(image, a->account_names, n * sizeof(*a->account_names));
	if (type == SUBJECT_SERVER)
		image_bytes(image, a->server_sources, n * sizeof(*a->server_sources));
	for (uint32_t i = 0; image->loads && i < n; i++)
		window_image(&class->subjects[i].window.head, &a->wide, wide, image);
}

void
aggr_image(struct aggr *a, struct image *image)
{
	const uint8_t *wide = a->wide.memory;

	IMAGE_VALUE(image, a->key);
	IMAGE_VALUE(image, a->clock_ns);
	IMAGE_VALUE(image, a->untracked);
	IMAGE_VALUE(image, wide);
	blocks_image(&a->passwords, image);
	blocks_image(&a->wide, image);
	blocks_image(&a->many, image);
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++)
		class_image(a, type, wide, image);
	table_image(&a->pair_table, image);
	image_bytes(image, a->pairs, a->pair_table.fresh * sizeof(*a->pairs));
}
