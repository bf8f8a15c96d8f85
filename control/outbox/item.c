#include "control/outbox/item.h"

#include <stdlib.h>
#include <string.h>

/* The texts of an alert, to be copied one like the other. */
static const size_t texts[] = {offsetof(struct store_alert, state),
	offsetof(struct store_alert, stage), offsetof(struct store_alert, finding_state),
	offsetof(struct store_alert, detector), offsetof(struct store_alert, subject_type),
	offsetof(struct store_alert, subject)};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char **
text_of(const struct store_alert *alert, size_t i)
{
	return (const char **)((char *)alert + texts[i]);
}

struct outbox_item *
outbox_item_copy(const struct store_alert *alert)
{
	size_t bytes = sizeof(struct outbox_item) + alert->line_len + 1;

	for (size_t i = 0; i < TEXTS; i++)
		bytes += *text_of(alert, i) ? strlen(*text_of(alert, i)) + 1 : 0;
	struct outbox_item *item = malloc(bytes);
	if (!item)
		return NULL;
	*item = (struct outbox_item){.bytes = bytes, .alert = *alert};
	char *p = item->text;
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = *text_of(alert, i);

		if (!text)
			continue;
		*text_of(&item->alert, i) = p;
		p = stpcpy(p, text) + 1;
	}
	memcpy(p, alert->line, alert->line_len);
	p[alert->line_len] = '\0';
	item->alert.line = p;
	return item;
}

void
outbox_rows_free(struct outbox_rows *rows)
{
	if (!rows)
		return;
	free(rows->subjects);
	free(rows->names);
	free(rows);
}

struct outbox_rows *
outbox_rows_copy(const struct store_subject *subjects, size_t n)
{
	struct outbox_rows *rows = calloc(1, sizeof(*rows));
	size_t bytes = 1;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(subjects[i].name) + 1;
	if (rows) {
		rows->subjects = calloc(n + 1, sizeof(*subjects));
		rows->names = malloc(bytes);
	}
	if (!rows || !rows->subjects || !rows->names) {
		outbox_rows_free(rows);
		return NULL;
	}
	char *p = rows->names;
	for (size_t i = 0; i < n; i++) {
		rows->subjects[i] = subjects[i];
		rows->subjects[i].name = p;
		p = stpcpy(p, subjects[i].name) + 1;
	}
	rows->count = n;
	return rows;
}

#define BYTES_MAX (16u << 20) /* of texts; none is near it */

/* Where a text stands in the item, from 1; 0: there is none. */
static uint32_t
place_of(const struct outbox_item *item, const char *text)
{
	return text ? (uint32_t)(text - item->text) + 1 : 0;
}

static const char *
text_at(const struct outbox_item *item, uint32_t place)
{
	return place ? item->text + place - 1 : NULL;
}

/* Each place of a text, out or in: one that is behind the texts is none. */
static void
image_places(struct image *image, struct outbox_item *item, uint32_t bytes)
{
	for (size_t i = 0; i <= TEXTS; i++) {
		const char **text = i < TEXTS ? text_of(&item->alert, i) : &item->alert.line;
		uint32_t place = image_count(image, place_of(item, *text), bytes);

		*text = text_at(item, place);
	}
}

void
outbox_item_save(const struct outbox_item *item, struct image *image)
{
	uint32_t bytes = (uint32_t)(item->bytes - sizeof(*item));
	struct outbox_item *it = (struct outbox_item *)item; /* which stays as it is */
	struct store_alert alert = item->alert;

	/* No address is told. */
	for (size_t i = 0; i < TEXTS; i++)
		*text_of(&alert, i) = NULL;
	alert.line = NULL;
	image_count(image, bytes, BYTES_MAX);
	IMAGE_VALUE(image, alert);
	image_bytes(image, it->text, bytes);
	image_places(image, it, bytes);
}

struct outbox_item *
outbox_item_load(struct image *image)
{
	uint32_t bytes = image_count(image, 0, BYTES_MAX);
	struct outbox_item *item = image->bad || bytes == 0 ? NULL : malloc(sizeof(*item) + bytes);

	if (!item) {
		image->bad = true;
		return NULL;
	}
	*item = (struct outbox_item){.bytes = sizeof(*item) + bytes};
	IMAGE_VALUE(image, item->alert);
	image_bytes(image, item->text, bytes);
	item->text[bytes - 1] = '\0';
	image_places(image, item, bytes);
	if (image->bad || !item->alert.line ||
		item->alert.line_len >= bytes - (size_t)(item->alert.line - item->text)) {
		image->bad = true;
		free(item);
		return NULL;
	}
	return item;
}
