#include "bench/day/score.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET_SLOTS (1u << SCORE_SET_BITS)
/* Past every subject type. */
#define KIND_STALE SUBJECT_TYPE_COUNT
#define KIND_TOUCHED (SUBJECT_TYPE_COUNT + 1)

const char *const tool_names[TOOL_COUNT] = {
#define X(id, name) [TOOL_##id] = (name),
	TOOLS(X)
#undef X
};

static uint64_t
hash(const char *text, uint64_t salt)
{
	uint64_t h = rng_mix(salt);

	for (const char *p = text; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3ULL;
	return rng_mix(h) | 1;
}

static int
set_open(struct score_set *set)
{
	set->keys = calloc(SET_SLOTS, sizeof(*set->keys));
	set->values = calloc(SET_SLOTS, sizeof(*set->values));
	return set->keys != NULL && set->values != NULL ? 0 : -ENOMEM;
}

static void
set_close(struct score_set *set)
{
	free(set->keys);
	free(set->values);
	*set = (struct score_set){0};
}

/* Its value; a new one gets `value`. *is_new says which. */
static uint32_t
set_see(struct score *s, struct score_set *set, uint64_t key, uint32_t value, bool *is_new)
{
	uint32_t at = key >> (64 - SCORE_SET_BITS);

	while (set->keys[at] != 0 && set->keys[at] != key)
		at = (at + 1) % SET_SLOTS;
	*is_new = set->keys[at] == 0;
	if (*is_new && set->len >= SET_SLOTS / 4 * 3) {
		s->lost++;
		return value;
	}
	if (*is_new) {
		set->len++;
		set->keys[at] = key;
		set->values[at] = value;
	}
	return set->values[at];
}

static uint32_t
set_get(const struct score_set *set, uint64_t key)
{
	uint32_t at = key >> (64 - SCORE_SET_BITS);

	while (set->keys[at] != 0 && set->keys[at] != key)
		at = (at + 1) % SET_SLOTS;
	return set->keys[at] == key ? set->values[at] : 0;
}

int
score_open(struct score *s)
{
	memset(s, 0, sizeof(*s));
	if (set_open(&s->labels) == 0 && set_open(&s->said) == 0)
		return 0;
	score_close(s);
	return -ENOMEM;
}

void
score_close(struct score *s)
{
	set_close(&s->labels);
	set_close(&s->said);
}

void
score_clear(struct score *s)
{
	memset(s->said.keys, 0, SET_SLOTS * sizeof(*s->said.keys));
	s->said.len = 0;
	memset(s->instances, 0, sizeof(s->instances));
	memset(s->fp, 0, sizeof(s->fp));
	memset(s->fp_by, 0, sizeof(s->fp_by));
	memset(s->wrong_by, 0, sizeof(s->wrong_by));
	s->stale_right = 0;
	s->example_count = 0;
}

void
score_label(struct score *s, enum subject_type type, const char *name, uint32_t instance)
{
	bool is_new;

	set_see(s, &s->labels, hash(name, type), instance, &is_new);
}

void
score_label_source(struct score *s, const struct addr *addr, uint32_t instance)
{
	static const unsigned v6_bits[] = {64, 56, 48};
	char text[WORLD_TEXT];
	char name[WORLD_TEXT + 8];

	place_text(addr, text);
	if (set_get(&s->labels, hash(text, SUBJECT_SOURCE)) != 0)
		return;
	score_label(s, SUBJECT_SOURCE, text, instance);
	s->instances[instance].sources++;
	for (unsigned i = 0; i < (addr_is_v4(addr) ? 1 : 3); i++) {
		struct addr net = *addr;
		unsigned keep = addr_is_v4(addr) ? 15 : v6_bits[i] / 8;

		memset(net.bytes + keep, 0, sizeof(net.bytes) - keep);
		place_text(&net, text);
		snprintf(name, sizeof(name), "%s/%u", text, addr_is_v4(addr) ? 24 : v6_bits[i]);
		score_label(s, SUBJECT_PREFIX, name, instance);
	}
}

void
score_label_touched(struct score *s, enum subject_type type, const char *name, uint32_t instance)
{
	bool is_new;

	set_see(s, &s->labels, hash(name, KIND_TOUCHED + type), instance, &is_new);
}

void
score_label_stale(struct score *s, const struct addr *addr)
{
	char text[WORLD_TEXT];
	bool is_new;

	place_text(addr, text);
	set_see(s, &s->labels, hash(text, KIND_STALE), 1, &is_new);
}

void
score_tried(struct score *s, uint32_t instance)
{
	struct score_instance *i = &s->instances[instance];

	if (i->tries++ == 0)
		i->first_ns = s->now_ns;
}

static void
set_found(struct score *s, enum tool tool, uint32_t instance, enum subject_type type,
	const char *name)
{
	struct score_found *f = &s->instances[instance].found[tool];
	bool is_new;

	if (f->at_ns == 0) {
		f->at_ns = s->now_ns;
		f->tries = s->instances[instance].tries;
	}
	if (type != SUBJECT_SOURCE) {
		f->all = true;
		return;
	}
	set_see(s, &s->said, hash(name, 0xf0 + tool), 1, &is_new);
	f->sources += is_new;
}

/* A false or wrong verdict counts once a day for each subject. */
static bool
first_today(struct score *s, enum tool tool, unsigned detector, const char *name)
{
	uint64_t day = (s->now_ns - WORLD_START_NS) / DAY_NS;
	bool is_new;

	set_see(s, &s->said, hash(name, 1000 + (day * TOOL_COUNT + tool) * 100 + detector), 1,
		&is_new);
	return is_new;
}

static void
keep_example(struct score *s, const char *what, const struct finding *f)
{
	if (s->example_count == SCORE_EXAMPLES)
		return;
	snprintf(s->examples[s->example_count++], sizeof(s->examples[0]),
		"%s %s %.60s day %llu %02llu:%02llu, %llu", what, detector_info(f->detector)->name,
		f->subject, (unsigned long long)((s->now_ns - WORLD_START_NS) / DAY_NS),
		(unsigned long long)(s->now_ns / NS_PER_H % 24),
		(unsigned long long)(s->now_ns / NS_PER_MIN % 60), (unsigned long long)f->attempts);
}

/* A verdict that is none of the attackers: of a forgotten device it is right. */
static void
take_false(struct score *s, const struct finding *f)
{
	bool stale = f->detector == DETECTOR_STALE_CREDENTIAL &&
		     set_get(&s->labels, hash(f->subject, KIND_STALE)) != 0;

	if (!first_today(s, TOOL_SMTAP, f->detector, f->subject))
		return;
	if (stale) {
		s->stale_right++;
		return;
	}
	s->fp[TOOL_SMTAP]++;
	s->fp_by[f->detector]++;
	keep_example(s, "false", f);
}

uint32_t
score_found_by(const struct score *s, const struct finding *f)
{
	uint32_t instance = set_get(&s->labels, hash(f->subject, f->subject_type));

	return s->instances[instance].accept >> f->detector & 1 ? instance : 0;
}

void
score_smtap(struct score *s, const struct finding *f)
{
	uint64_t bit = 1ULL << f->detector;
	uint32_t instance = set_get(&s->labels, hash(f->subject, f->subject_type));
	uint32_t found = score_found_by(s, f);
	uint32_t touched = set_get(&s->labels, hash(f->subject, KIND_TOUCHED + f->subject_type));

	if (found != 0) {
		s->instances[found].detectors |= (uint32_t)bit;
		set_found(s, TOOL_SMTAP, found, f->subject_type, f->subject);
		return;
	}
	if ((s->instances[instance].tolerate | s->instances[touched].tolerate) & bit)
		return;
	if (instance == 0) {
		take_false(s, f);
		return;
	}
	if (!first_today(s, TOOL_SMTAP, f->detector, f->subject))
		return;
	s->wrong_by[f->detector]++;
	keep_example(s, "wrong", f);
}

void
score_tool(struct score *s, enum tool tool, const struct addr *source)
{
	char text[WORLD_TEXT];
	uint32_t instance;

	place_text(source, text);
	instance = set_get(&s->labels, hash(text, SUBJECT_SOURCE));
	if (instance != 0)
		set_found(s, tool, instance, SUBJECT_SOURCE, text);
	else if (first_today(s, tool, 0, text))
		s->fp[tool]++;
}
