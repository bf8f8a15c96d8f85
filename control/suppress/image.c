/*
 * What rules did as an image, with the rules: those of the next run may be others, or in another
 * order.
 */
#include "base/image.h"

#include <stdlib.h>
#include <string.h>

#include "control/suppress/internal.h"

/* As it is saved. */
struct saved {
	struct config_rule rule;
	uint64_t id;
	uint64_t incident;
	struct suppress_count count;
	uint32_t since;
	uint32_t held;
};

static bool
is_same(const struct suppress_slot *slot, const struct saved *saved)
{
	struct config_rule rule = saved->rule;

	rule.line = slot->rule.line;
	return slot->id == saved->id && slot->incident == saved->incident &&
	       memcmp(&rule, &slot->rule, sizeof(rule)) == 0;
}

/* Its place by now, from 1. */
static unsigned
take(struct suppress_list *list, const struct saved *saved)
{
	struct suppress_slot *slot = list->slots, *end = slot + list->count;

	while (slot < end && !is_same(slot, saved))
		slot++;
	if (slot == end) {
		*slot = (struct suppress_slot){
			.rule = saved->rule, .id = saved->id, .incident = saved->incident};
		list->count++;
		slot->restored = saved->held;
	}
	slot->count = saved->count;
	/* One that was taken back, and is there again, came after the image as a new one does. */
	if (saved->held)
		slot->since = saved->since;
	return (unsigned)(slot - list->slots) + 1;
}

static void
save_list(struct suppress_list *list, struct image *image)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct suppress_slot *slot = &list->slots[i];
		struct saved saved;

		memset(&saved, 0, sizeof(saved));
		saved.rule = slot->rule;
		saved.id = slot->id;
		saved.incident = slot->incident;
		saved.count = slot->count;
		saved.since = slot->since;
		saved.held = slot->held;
		IMAGE_VALUE(image, saved);
	}
}

static void
load_list(struct suppress_list *list, uint32_t n, uint16_t *numbers, struct image *image)
{
	bool room = suppress_make_room(list, n) == 0;

	for (uint32_t i = 0; i < n; i++) {
		struct saved saved;
		unsigned number = 0;

		IMAGE_VALUE(image, saved);
		if (room && !image->bad)
			number = take(list, &saved);
		if (numbers)
			numbers[i] = (uint16_t)number;
	}
}

/* Rules that the image does not have came after it. */
static void
load_epoch(struct suppress *s, uint32_t epoch)
{
	for (unsigned which = 0; which < CONFIG_RULE_LISTS; which++)
		for (unsigned i = 0; i < s->lists[which].count; i++)
			s->lists[which].slots[i].since = epoch + 1;
	s->epoch = epoch + 1;
}

void
suppress_image(struct suppress *s, struct image *image)
{
	uint32_t epoch = s->epoch;

	IMAGE_VALUE(image, epoch);
	if (image->loads)
		load_epoch(s, epoch);
	for (unsigned which = 0; which < CONFIG_RULE_LISTS; which++) {
		struct suppress_list *list = &s->lists[which];
		uint32_t n = image_count(image, list->count, SUPPRESS_SLOTS_MAX);
		uint16_t *numbers = NULL;

		if (!image->loads) {
			save_list(list, image);
			continue;
		}
		if (which == CONFIG_SUPPRESS) {
			numbers = calloc(n + 1, sizeof(*numbers));
			free(s->renumbered);
			s->renumbered = numbers;
			s->renumbered_count = numbers ? n : 0;
		}
		load_list(list, n, numbers, image);
	}
	IMAGE_VALUE(image, s->total);
}

unsigned
suppress_renumbered(const struct suppress *s, unsigned rule)
{
	return rule > 0 && rule <= s->renumbered_count ? s->renumbered[rule - 1] : 0;
}
