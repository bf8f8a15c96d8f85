/* The first reading: which incidents there are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/model.h"

#define ROOM_FIRST 64
#define MERGES_MAX 64 /* followed from an incident to what it is a part of */

const json_t *
list_finding(const json_t *line)
{
	const json_t *smtap = json_object_get(line, "smtap");
	const char *detector = reader_text(smtap, "detector");

	if (*detector == '\0' || strcmp(detector, "signature") == 0)
		return NULL;
	return reader_number(smtap, "incident_id") > 0 ? smtap : NULL;
}

const char *
list_wrong(const json_t *line)
{
	const json_t *smtap = json_object_get(line, "smtap");

	if (!json_is_object(smtap) || strcmp(reader_text(smtap, "detector"), "signature") == 0)
		return NULL;
	if (*reader_text(smtap, "detector") == '\0')
		return "an alert without detector";
	if (reader_number(smtap, "incident_id") == 0)
		return "an alert without incident_id";
	return NULL;
}

static void
slot_put(struct list *list, size_t index)
{
	size_t at = list->briefs[index].id % list->slot_count;

	while (list->slots[at] != 0)
		at = (at + 1) % list->slot_count;
	list->slots[at] = (uint32_t)index + 1;
}

static int
make_slots(struct list *list)
{
	free(list->slots);
	list->slot_count = list->room * 2;
	list->slots = calloc(list->slot_count, sizeof(*list->slots));
	if (!list->slots)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		slot_put(list, i);
	return 0;
}

struct brief *
list_find(const struct list *list, uint64_t id)
{
	if (list->slot_count == 0)
		return NULL;
	for (size_t at = id % list->slot_count; list->slots[at] != 0;
		at = (at + 1) % list->slot_count)
		if (list->briefs[list->slots[at] - 1].id == id)
			return &list->briefs[list->slots[at] - 1];
	return NULL;
}

uint64_t
list_root(const struct list *list, uint64_t id)
{
	for (unsigned i = 0; i < MERGES_MAX; i++) {
		const struct brief *b = list_find(list, id);

		if (!b || b->into == 0)
			break;
		id = b->into;
	}
	return id;
}

/* The brief of an incident, which may be new. NULL: no memory, or (list full) no place. */
static struct brief *
take(struct list *list, uint64_t id)
{
	struct brief *b = list_find(list, id);

	if (b)
		return b;
	if (list->count == LIST_MAX)
		return NULL;
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : ROOM_FIRST;
		struct brief *briefs = realloc(list->briefs, room * sizeof(*briefs));

		if (!briefs)
			return NULL;
		list->briefs = briefs;
		list->room = room;
		if (make_slots(list) != 0)
			return NULL;
	}
	b = &list->briefs[list->count++];
	*b = (struct brief){.id = id, .first_us = WHEN_NONE, .last_us = WHEN_NONE};
	slot_put(list, list->count - 1);
	return b;
}

static void
spread(struct brief *b, int64_t first_us, int64_t last_us)
{
	if (first_us != WHEN_NONE && (b->first_us == WHEN_NONE || first_us < b->first_us))
		b->first_us = first_us;
	if (last_us != WHEN_NONE && last_us > b->last_us)
		b->last_us = last_us;
}

static unsigned
severity_of(const char *word)
{
	for (unsigned s = SEVERITY_CRITICAL; s <= SEVERITY_INFORMATIONAL; s++)
		if (strcmp(word, severity_name(s)) == 0)
			return s;
	return 0;
}

static void
cut_copy(char *out, size_t room, const char *text)
{
	size_t len = strnlen(text, room - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

/* What the line says of the incident as a whole. */
static void
learn_whole(struct brief *b, const json_t *smtap)
{
	const json_t *whole = json_object_get(smtap, "incident"), *stage;
	uint64_t into = reader_number(smtap, "merged_into");
	unsigned severity = severity_of(reader_text(whole, "severity"));
	size_t i;

	if (severity > 0)
		b->severity = (uint8_t)severity;
	spread(b, reader_time(whole, "first_seen"), reader_time(whole, "last_seen"));
	json_array_foreach(json_object_get(whole, "stages"), i, stage)
	{
		enum stage which = stage_of(reader_text(stage, "stage"));
		if (which != STAGE_COUNT)
			b->stages |= (uint8_t)(1u << which);
	}
	if (into == 0)
		into = reader_number(whole, "merged_into");
	if (into > 0 && into != b->id)
		b->into = into;
	b->state = strcmp(reader_text(smtap, "state"), "closed") == 0 ? STATE_CLOSED : STATE_OPEN;
}

/* What it says of one finding. */
static void
learn_finding(struct brief *b, const json_t *line, const json_t *smtap)
{
	const char *detector = reader_text(smtap, "detector");
	bool old = !json_object_get(smtap, "incident");
	enum stage stage = stage_of(reader_text(smtap, "stage"));
	uint64_t severity = reader_number(json_object_get(line, "alert"), "severity");

	if (severity < SEVERITY_CRITICAL || severity > SEVERITY_INFORMATIONAL)
		severity = SEVERITY_INFORMATIONAL;
	if (old && stage == STAGE_COUNT)
		stage = stage_of_detector(detector);
	if (stage != STAGE_COUNT)
		b->stages |= (uint8_t)(1u << stage);
	if (b->severity == 0 || (old && severity < b->severity))
		b->severity = (uint8_t)severity;
	/* Stages are in the order in which they are worse; no stage is before the first. */
	if (*b->detector == '\0' || (stage + 1) % (STAGE_COUNT + 1) > b->subject_stage) {
		b->subject_stage = (uint8_t)((stage + 1) % (STAGE_COUNT + 1));
		cut_copy(b->detector, sizeof(b->detector), detector);
		cut_copy(b->subject, sizeof(b->subject), reader_text(smtap, "subject"));
	}
	spread(b, reader_time(smtap, "first_seen"), reader_time(smtap, "last_seen"));
	if (b->first_us == WHEN_NONE)
		spread(b, reader_time(line, "timestamp"), reader_time(line, "timestamp"));
}

int
list_add(struct list *list, const json_t *line)
{
	const json_t *smtap = list_finding(line);
	struct brief *b;

	if (!smtap)
		return 0;
	b = take(list, reader_number(smtap, "incident_id"));
	if (!b) {
		list->further_lines++;
		return list->count == LIST_MAX ? 0 : -ENOMEM;
	}
	b->alerts++;
	learn_finding(b, line, smtap);
	learn_whole(b, smtap);
	return 0;
}

static int
compare(const void *va, const void *vb)
{
	const struct brief *a = va, *b = vb;

	if ((a->into == 0) != (b->into == 0))
		return a->into == 0 ? -1 : 1;
	if (a->severity != b->severity)
		return a->severity < b->severity ? -1 : 1;
	if (a->stages != b->stages)
		return a->stages > b->stages ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* An incident whose elder is not in the file, or that goes round in a circle, stands by itself. */
static void
check_merges(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct brief *b = &list->briefs[i];
		struct brief *root = b->into ? list_find(list, list_root(list, b->id)) : b;

		if (!root || root->into != 0)
			b->into = 0;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct brief *b = &list->briefs[i];
		struct brief *root = list_find(list, list_root(list, b->id));

		if (root == b)
			continue;
		spread(root, b->first_us, b->last_us);
		root->stages |= b->stages;
		root->alerts += b->alerts;
	}
}

/* Put the one that is asked for first. */
static bool
put_first(struct list *list, uint64_t id)
{
	const struct brief *b = list_find(list, list_root(list, id));

	if (!b)
		return false;
	struct brief one = *b;
	memmove(list->briefs + 1, list->briefs, (size_t)(b - list->briefs) * sizeof(*list->briefs));
	list->briefs[0] = one;
	return true;
}

int
list_choose(struct list *list, uint64_t only)
{
	size_t alone = 0;
	bool found = true;

	check_merges(list);
	if (list->count > 1)
		qsort(list->briefs, list->count, sizeof(*list->briefs), compare);
	for (; alone < list->count && list->briefs[alone].into == 0; alone++)
		list->by_severity[list->briefs[alone].severity]++;
	list->alone = alone;
	list->shown = alone < LIST_SHOWN ? alone : LIST_SHOWN;
	list->told = alone < INCIDENTS_MAX ? alone : INCIDENTS_MAX;
	if (list->count > 0 && make_slots(list) != 0)
		return -ENOMEM;
	if (only > 0) {
		found = put_first(list, only);
		list->shown = list->told = found;
		if (list->count > 0 && make_slots(list) != 0)
			return -ENOMEM;
	}
	return found ? 0 : -ENOENT;
}

void
list_free(struct list *list)
{
	free(list->briefs);
	free(list->slots);
	*list = (struct list){0};
}
