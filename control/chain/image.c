/* Incidents and what ties them as an image. */
#include "base/image.h"

#include "control/chain/chain.h"

/* Those that are there; they are large, and mostly few. */
static void
slots_image(struct chain *c, struct image *image)
{
	uint32_t capacity = (uint32_t)c->config->incident_table;
	uint32_t n = image_count(image, capacity - c->free_len, capacity);

	for (uint32_t i = 0, slot = 0; i < n && !image->bad; i++, slot++) {
		while (!image->loads && c->slots[slot].first == CHAIN_NONE)
			slot++;
		slot = image_count(image, slot, capacity - 1);
		IMAGE_VALUE(image, c->slots[slot]);
	}
}

static void
look_up(struct chain *c)
{
	lookup_clear(&c->ids);
	for (uint32_t slot = 0; slot < c->config->incident_table; slot++)
		if (c->slots[slot].first != CHAIN_NONE)
			lookup_put(&c->ids, c->slots[slot].incident.id, slot);
}

void
chain_image(struct chain *c, struct image *image)
{
	uint32_t capacity = (uint32_t)c->config->incident_table;

	image_same(image, capacity);
	IMAGE_VALUE(image, c->key);
	slots_image(c, image);
	c->free_len = image_count(image, c->free_len, capacity);
	image_bytes(image, c->free, capacity * sizeof(*c->free));
	image_bytes(image, c->links, capacity * sizeof(*c->links));
	table_image(&c->tie_table, image);
	image_bytes(image, c->ties, c->tie_table.fresh * sizeof(*c->ties));
	IMAGE_VALUE(image, c->opened);
	IMAGE_VALUE(image, c->before);
	IMAGE_VALUE(image, c->merged);
	IMAGE_VALUE(image, c->reopened);
	IMAGE_VALUE(image, c->held);
	if (image->loads)
		look_up(c);
}
