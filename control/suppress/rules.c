/*
 * Theory of operation.
 *
 * Keeps: every rule that there was, in the place (slot) that it got when it came; its number is
 * what findings and reports name it by. A rule that is taken back stays there with what it did,
 * unless it did nothing: then its place is free. `held` lists those that hold, the configuration's
 * in its order, then the operators' in theirs.
 *
 * Always holds: setting rules is all or nothing; a rule that was there and is given again, by the
 * same, stays in its place with its counts, wherever its line is now.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "control/suppress/internal.h"

/* Rules as they are to be from now on, of one origin. */
struct wanted {
	const struct config_rule *rules; /* the configuration's; or NULL */
	const struct suppress_own *own;  /* the operators' */
	unsigned count;
	bool by_operators;
};

static const struct config_rule *
wanted_rule(const struct wanted *w, unsigned i)
{
	return w->rules ? &w->rules[i] : &w->own[i].rule;
}

static bool
is_of(const struct suppress_slot *slot, const struct wanted *w)
{
	return slot->held && (slot->id != 0) == w->by_operators;
}

static bool
is_same(const struct suppress_slot *slot, const struct wanted *w, unsigned i)
{
	struct config_rule rule = *wanted_rule(w, i);

	if (w->by_operators && (slot->id != w->own[i].id || slot->incident != w->own[i].incident))
		return false;
	rule.line = slot->rule.line;
	return memcmp(&rule, &slot->rule, sizeof(rule)) == 0;
}

static bool
did_something(const struct suppress_count *count)
{
	return count->findings > 0 || count->sightings > 0 || count->events > 0;
}

/* The place of a rule that is there, or was; or a free one; or one more. */
static struct suppress_slot *
find_slot(struct suppress_list *list, const struct wanted *w, unsigned i)
{
	struct suppress_slot *spare = NULL;

	for (unsigned k = 0; k < list->count; k++) {
		struct suppress_slot *slot = &list->slots[k];

		if (!slot->claimed && (slot->id != 0) == w->by_operators && is_same(slot, w, i))
			return slot;
		if (!slot->held && !slot->claimed && !did_something(&slot->count))
			spare = slot;
	}
	return spare ? spare : &list->slots[list->count++];
}

int
suppress_make_room(struct suppress_list *list, unsigned more)
{
	unsigned room = list->count + more;

	if (room > SUPPRESS_SLOTS_MAX)
		return -ENOSPC;
	if (room <= list->room)
		return 0;
	struct suppress_slot *slots = realloc(list->slots, room * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	memset(&slots[list->room], 0, (room - list->room) * sizeof(*slots));
	list->slots = slots;
	list->room = room;
	return 0;
}

static unsigned
put_slot(struct suppress *s, struct suppress_list *list, const struct wanted *w, unsigned i)
{
	struct suppress_slot *slot = find_slot(list, w, i);
	uint64_t id = w->by_operators ? w->own[i].id : 0;

	if (slot->id != id || !is_same(slot, w, i))
		*slot = (struct suppress_slot){.rule = *wanted_rule(w, i),
			.id = id,
			.incident = w->by_operators ? w->own[i].incident : 0};
	if (!slot->held && !slot->restored)
		slot->since = s->epoch + 1;
	slot->held = true;
	slot->restored = false;
	slot->rule.line = wanted_rule(w, i)->line;
	slot->claimed = true;
	return (unsigned)(slot - list->slots);
}

/* Those of the other origin, as they are. */
static unsigned
keep_others(const struct suppress_list *list, uint16_t *held, bool files)
{
	unsigned first = files ? 0 : list->file_count;
	unsigned end = files ? list->file_count : list->held_count;

	for (unsigned i = first; i < end; i++)
		held[i - first] = list->held[i];
	return end - first;
}

static int
replace(struct suppress *s, enum config_rule_list which, const struct wanted *w)
{
	struct suppress_list *list = &s->lists[which];
	uint16_t *held;
	unsigned n = 0;
	int r = suppress_make_room(list, w->count);

	if (r != 0)
		return r;
	held = calloc(list->held_count + w->count + 1, sizeof(*held));
	if (!held)
		return -ENOMEM;
	if (w->by_operators)
		n = keep_others(list, held, true);
	for (unsigned i = 0; i < w->count; i++)
		held[n++] = (uint16_t)put_slot(s, list, w, i);
	if (!w->by_operators) {
		unsigned others = keep_others(list, held + n, false);

		list->file_count = n;
		n += others;
	}
	for (unsigned i = 0; i < list->count; i++) {
		struct suppress_slot *slot = &list->slots[i];

		if (is_of(slot, w))
			slot->held = slot->claimed;
		slot->claimed = false;
	}
	free(list->held);
	list->held = held;
	list->held_count = n;
	return 0;
}

static int
compare_accounts(const void *a, const void *b, void *arg)
{
	const struct suppress_slot *slots = arg;
	uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
	int c = strcmp(slots[x].rule.account, slots[y].rule.account);

	return c ? c : (x > y) - (x < y);
}

static void
index_close(struct suppress_index *index)
{
	ranges_close(&index->clients);
	ranges_close(&index->servers);
	free(index->accounts);
	free(index->others);
}

static int
index_open(struct suppress_index *index, unsigned n)
{
	*index = (struct suppress_index){0};
	index->accounts = calloc(n + 1, sizeof(*index->accounts));
	index->others = calloc(n + 1, sizeof(*index->others));
	if (ranges_open(&index->clients, n) == 0 && ranges_open(&index->servers, n) == 0 &&
		index->accounts && index->others)
		return 0;
	index_close(index);
	return -ENOMEM;
}

static void
index_fill(struct suppress_index *index, const struct suppress_list *allow)
{
	for (unsigned i = 0; i < allow->held_count; i++) {
		uint16_t number = allow->held[i];
		const struct config_rule *rule = &allow->slots[number].rule;

		index->any_account |= rule->account[0] != '\0';
		if (rule->by_client)
			ranges_add(&index->clients, &rule->client, number);
		else if (rule->account[0])
			index->accounts[index->account_count++] = number;
		else if (rule->by_server)
			ranges_add(&index->servers, &rule->server, number);
		else
			index->others[index->other_count++] = number;
	}
	ranges_sort(&index->clients);
	ranges_sort(&index->servers);
	qsort_r(index->accounts, index->account_count, sizeof(*index->accounts), compare_accounts,
		allow->slots);
}

int
suppress_set_rules(struct suppress *s, const struct config *config)
{
	const struct config_rules *suppress = &config->rules[CONFIG_SUPPRESS];
	const struct config_rules *allow = &config->rules[CONFIG_ALLOW];
	const struct wanted hidden = {.rules = suppress->rule, .count = suppress->count};
	const struct wanted allowed = {.rules = allow->rule, .count = allow->count};
	struct suppress_index index;
	int r = index_open(&index, allow->count);

	if (r != 0)
		return r;
	/* What may fail comes first. */
	r = suppress_make_room(&s->lists[CONFIG_ALLOW], allow->count);
	if (r == 0)
		r = replace(s, CONFIG_SUPPRESS, &hidden);
	if (r == 0)
		r = replace(s, CONFIG_ALLOW, &allowed);
	if (r != 0) {
		index_close(&index);
		return r;
	}
	index_fill(&index, &s->lists[CONFIG_ALLOW]);
	index_close(&s->index);
	s->index = index;
	s->epoch++;
	return 0;
}

int
suppress_set_own(struct suppress *s, const struct suppress_own *own, unsigned count)
{
	const struct wanted wanted = {.own = own, .count = count, .by_operators = true};
	int r = replace(s, CONFIG_SUPPRESS, &wanted);

	s->epoch += r == 0;
	return r;
}

struct suppress *
suppress_open(const struct config *config)
{
	struct suppress *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (suppress_set_rules(s, config) == 0)
		return s;
	suppress_close(s);
	return NULL;
}

void
suppress_close(struct suppress *s)
{
	if (!s)
		return;
	index_close(&s->index);
	free(s->renumbered);
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++) {
		free(s->lists[list].slots);
		free(s->lists[list].held);
	}
	free(s);
}

bool
suppress_has(const struct suppress *s, enum config_rule_list list)
{
	return s->lists[list].held_count > 0;
}

unsigned
suppress_epoch(const struct suppress *s)
{
	return s->epoch;
}

bool
suppress_came_after(const struct suppress *s, unsigned rule, unsigned epoch)
{
	return s->lists[CONFIG_SUPPRESS].slots[rule - 1].since > epoch;
}

const struct config_rule *
suppress_rule(const struct suppress *s, enum config_rule_list list, unsigned rule)
{
	return &s->lists[list].slots[rule].rule;
}

uint64_t
suppress_rule_id(const struct suppress *s, enum config_rule_list list, unsigned rule)
{
	return s->lists[list].slots[rule].id;
}

unsigned
suppress_rules(const struct suppress *s, enum config_rule_list list)
{
	return s->lists[list].count;
}

struct suppress_count
suppress_count(const struct suppress *s, enum config_rule_list list, unsigned rule)
{
	return s->lists[list].slots[rule].count;
}

uint64_t
suppress_sum(const struct suppress *s)
{
	struct siphash_key key = {{0}};

	for (unsigned which = 0; which < CONFIG_RULE_LISTS; which++) {
		const struct suppress_list *list = &s->lists[which];

		key.k[1] = siphash(&key, &list->held_count, sizeof(list->held_count));
		for (unsigned i = 0; i < list->held_count; i++) {
			const struct suppress_slot *slot = &list->slots[list->held[i]];
			struct config_rule rule = slot->rule;
			const uint64_t ids[] = {slot->id, slot->incident};

			rule.line = 0;
			key.k[1] = siphash(&key, &rule, sizeof(rule));
			key.k[1] = siphash(&key, ids, sizeof(ids));
		}
	}
	return key.k[1];
}
