/* A finding's evidence: names, sample flows, tools. */
#include <string.h>

#include "control/incident/book.h"

static struct finding_top *
tops(struct book_entry *entry, enum book_top top)
{
	switch (top) {
	case BOOK_ACCOUNTS:
		return entry->finding.top_accounts;
	case BOOK_SOURCES:
		return entry->finding.top_sources;
	case BOOK_TARGETS:
		return entry->finding.top_targets;
	case BOOK_TOPS:
		break;
	}
	return NULL;
}

typedef uint32_t key_halves __attribute__((vector_size(16)));

/* Is it perhaps among them, by the lower half of each? Mostly not. */
static bool
may_have(const uint64_t keys[FINDING_TOP], uint64_t key)
{
	const uint32_t low = (uint32_t)key;
	const key_halves sought = {low, low, low, low};
	key_halves two, found = {0};
	uint64_t any[2];

	for (unsigned i = 0; i < FINDING_TOP; i += 2) {
		memcpy(&two, &keys[i], sizeof(two));
		found |= (key_halves)(two == sought);
	}
	memcpy(any, &found, sizeof(any));
	return (any[0] | any[1]) != 0;
}

/* Where key stands among the tops, or len. */
static unsigned
find(const uint64_t keys[FINDING_TOP], unsigned len, uint64_t key)
{
	unsigned at = 0;

	if (!may_have(keys, key))
		return len;
	while (at < len && keys[at] != key)
		at++;
	return at;
}

/* The first of those with the lowest count, of full tops. */
static unsigned
least_of(const struct finding_top all[FINDING_TOP])
{
	unsigned least = 0;

	for (unsigned at = 1; at < FINDING_TOP; at++)
		if (all[at].count < all[least].count)
			least = at;
	return least;
}

/* Counts are exact and only grow, so whoever belongs among the top gets there in time. */
void
book_offer(struct book_entry *entry, enum book_top top, const struct book_offer *offer)
{
	struct finding_top *all = tops(entry, top);
	uint64_t *keys = entry->top_key[top];
	uint8_t *len = &entry->top_len[top];
	uint64_t *bound = &entry->top_least[top];
	unsigned at = find(keys, *len, offer->key);

	if (at == *len && *len == FINDING_TOP) {
		/* Nearly always; the names are lines of their own, and are not looked at. */
		if (offer->count <= *bound)
			return;
		at = least_of(all);
		*bound = all[at].count;
		if (offer->count <= *bound)
			return;
	} else if (at == *len) {
		(*len)++;
	}
	if (keys[at] != offer->key || all[at].name[0] == '\0') {
		memset(&all[at], 0, sizeof(all[at]));
		keys[at] = offer->key;
		offer->name(offer->arg, all[at].name);
	}
	all[at].count = offer->count;
	all[at].succeeded |= offer->succeeded;
	/* An attack that began anew counts anew. */
	if (offer->count < *bound)
		*bound = offer->count;
}

static bool
goes_before(const struct finding_top *a, const struct finding_top *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	return strcmp(a->name, b->name) < 0;
}

static void
sort_one(struct book_entry *entry, enum book_top top)
{
	struct finding_top *all = tops(entry, top);
	uint64_t *keys = entry->top_key[top];

	for (unsigned i = 1; i < entry->top_len[top]; i++) {
		for (unsigned j = i; j > 0 && goes_before(&all[j], &all[j - 1]); j--) {
			struct finding_top t = all[j];
			uint64_t key = keys[j];

			all[j] = all[j - 1];
			keys[j] = keys[j - 1];
			all[j - 1] = t;
			keys[j - 1] = key;
		}
	}
}

void
book_sort(struct book_entry *entry)
{
	for (unsigned top = 0; top < BOOK_TOPS; top++)
		sort_one(entry, top);
}

void
book_add_sample(struct finding *finding, const struct event_flow *flow)
{
	for (unsigned i = 0; i < finding->sample_count; i++)
		if (finding->samples[i].flow_id == flow->flow_id)
			return;
	if (finding->sample_count < FINDING_SAMPLES)
		finding->samples[finding->sample_count++] = *flow;
}

void
book_add_signatures(struct finding *finding, const uint32_t signatures[4])
{
	for (unsigned i = 0; i < 4 && signatures[i] != 0; i++) {
		for (unsigned at = 0; at < 4; at++) {
			if (finding->signatures[at] == signatures[i])
				break;
			if (finding->signatures[at] != 0)
				continue;
			finding->signatures[at] = signatures[i];
			break;
		}
	}
}
