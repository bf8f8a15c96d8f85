/* A set in the place of another, while what was found with the other is still on its way. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "patterns/pattern.h"

/* The texts of a pattern, to be copied one like the other. */
static const size_t texts[] = {offsetof(struct pattern, name), offsetof(struct pattern, expression),
	offsetof(struct pattern, flags), offsetof(struct pattern, why),
	offsetof(struct pattern, match), offsetof(struct pattern, no_match),
	offsetof(struct pattern, category), offsetof(struct pattern, mitre),
	offsetof(struct pattern, list), offsetof(struct pattern, delist),
	offsetof(struct pattern, file)};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static char **
text_of(struct pattern *pattern, size_t i)
{
	return (char **)((char *)pattern + texts[i]);
}

static int
copy(struct pattern *to, const struct pattern *from)
{
	bool whole = true;

	*to = *from;
	for (size_t i = 0; i < TEXTS; i++) {
		char **text = text_of(to, i);

		*text = *text ? strdup(*text) : NULL;
		whole &= *text != NULL || *text_of((struct pattern *)from, i) == NULL;
	}
	to->retired = true;
	return whole ? 0 : -ENOMEM;
}

static bool
is_the_same(const struct pattern *a, const struct pattern *b)
{
	return a->context == b->context && a->role == b->role &&
	       (strcmp(a->name, b->name) == 0 || strcmp(a->expression, b->expression) == 0);
}

static int
check(const struct pattern_set *set, const struct pattern_set *before, char *why, size_t why_len)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct pattern *now = &set->patterns[i];
		const struct pattern *was = pattern_set_find(before, now->id);

		if (!was || is_the_same(now, was))
			continue;
		snprintf(why, why_len,
			"%s:%u: id %u is '%.100s' in the patterns that run; an id is never used "
			"for something else: take another, or restart",
			now->file, now->line, now->id, was->name);
		return -EINVAL;
	}
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int
pattern_set_follow(
	struct pattern_set *set, const struct pattern_set *before, char *why, size_t why_len)
{
	struct pattern *all;
	size_t count = set->count;
	int r = check(set, before, why, why_len);

	if (r != 0)
		return r;
	if (set->count + before->count > PATTERN_SET_MAX) {
		snprintf(why, why_len, "too many patterns came and went since the start: restart");
		return -EINVAL;
	}
	all = realloc(set->patterns, (set->count + before->count + 1) * sizeof(*all));
	if (all)
		set->patterns = all;
	else
		r = -ENOMEM;
	/* They are found by id among those that were there, which are in order. */
	const struct pattern_set own = {set->patterns, count};
	for (size_t i = 0; r == 0 && i < before->count; i++)
		if (!pattern_set_find(&own, before->patterns[i].id))
			r = copy(&set->patterns[set->count++], &before->patterns[i]);
	if (r != 0)
		snprintf(why, why_len, "out of memory for the patterns");
	else if (set->count > 0)
		qsort(set->patterns, set->count, sizeof(*set->patterns), by_id);
	return r;
}

static uint64_t
add_text(const struct siphash_key *key, const char *text)
{
	return siphash(key, text, strlen(text) + 1);
}

uint64_t
pattern_set_source(const struct pattern_set *set, enum event_context context)
{
	struct siphash_key key = {{0x736d746170, context}};

	for (size_t i = 0; i < set->count; i++) {
		const struct pattern *p = &set->patterns[i];

		if (p->context != context || p->retired)
			continue;
		key.k[1] = siphash(&key, &p->id, sizeof(p->id));
		key.k[1] = add_text(&key, p->expression);
		key.k[1] = add_text(&key, p->flags);
	}
	return key.k[1];
}
