/*
 * All that is known of attacks as an image: what a control that died knew is what the next begins
 * with. What the configuration says is not in it: thresholds may be others by then.
 */
#include "base/image.h"

#include "control/engine/internal.h"

/* Rules have other numbers by now. */
static void
renumber(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->book.used; i++) {
		struct finding *finding = &engine->book.entries[i].finding;

		finding->suppressed_by = suppress_renumbered(engine->rules, finding->suppressed_by);
	}
}

void
engine_image(struct engine *engine, struct image *image)
{
	IMAGE_VALUE(image, engine->clock_ns);
	IMAGE_VALUE(image, engine->loss);
	IMAGE_VALUE(image, engine->adopted);
	IMAGE_VALUE(image, engine->refused);
	IMAGE_VALUE(image, engine->cut);
	IMAGE_VALUE(image, engine->unpinned);
	IMAGE_VALUE(image, engine->events);
	IMAGE_VALUE(image, engine->outcomes);
	aggr_image(&engine->aggr, image);
	track_image(&engine->track, image);
	book_image(&engine->book, image);
	chain_image(&engine->chain, image);
	suppress_image(engine->rules, image);
	if (!image->loads)
		return;
	renumber(engine);
	adopt_look(engine);
}
