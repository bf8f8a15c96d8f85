/*
 * Theory of operation.
 *
 * Each finding that is told of is in one incident; each incident has at least
 * one finding in the book, so there are never more of them than entries there,
 * and a slot is always free for a new one. What ties findings is in tie.c. A
 * tie leads to an incident that is open, or that closed less than
 * incident.remember ago: then it opens again, under its old id.
 *
 * When ties lead to several incidents they were one all along: the eldest goes
 * on, the others end with merged_into, and their findings move. An incident
 * takes at most FINDINGS_MAX findings in, also by merging; who guesses at half of
 * the world's accounts with half of its addresses is told of in several, each
 * begun when the one before is full: a full one leaves its ties to the next.
 *
 * Stages, counts and names only grow. A finding's attempts are added as it
 * grows; when its entry is used anew it leaves the list, and what it added
 * stays.
 *
 * Alerts: the first of an incident, each that takes it a stage further, and the
 * first of each finding of who got in (STAGE_SUCCESS and beyond) are told at
 * once, of the rest incident.alerts in an update interval: noise from many
 * addresses must not hide the second account that falls. What is held back is
 * told with the finding's next update, at the latest when it closes.
 *
 * Ties are kept in a table that forgets the longest unused; an open finding
 * leaves its own anew whenever it is told. What an attacker would try: to tie
 * himself to everything, so that his incident drowns in others'. He can guess
 * at the one account that others guess at, and is then part of that; he cannot
 * make others share his address.
 */
#include "control/chain/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/chain/gather.h"
#include "control/chain/tie.h"
#include "control/detect/detect.h"

#define FINDINGS_MAX 4096u
#define TIES_PER_INCIDENT 16u
#define CANDIDATES 8u

int
chain_open(struct chain *c, const struct config *config, const struct book *book,
	const struct chain_sink *sink)
{
	uint32_t n = (uint32_t)config->incident_table;
	int rc = 0;

	*c = (struct chain){.config = config, .book = book, .sink = *sink};
	c->links = calloc(n, sizeof(*c->links));
	c->slots = calloc(n, sizeof(*c->slots));
	c->free = calloc(n, sizeof(*c->free));
	c->ties = calloc((size_t)n * TIES_PER_INCIDENT, sizeof(*c->ties));
	if (c->links == NULL || c->slots == NULL || c->free == NULL || c->ties == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = siphash_key_draw(&c->key);
	if (rc == 0)
		rc = table_open(&c->tie_table, n * TIES_PER_INCIDENT);
	if (rc == 0)
		rc = lookup_open(&c->ids, n);
	if (rc != 0) {
		chain_close(c);
		return rc;
	}
	for (uint32_t i = 0; i < n; i++) {
		c->links[i].slot = CHAIN_NONE;
		c->slots[i].first = CHAIN_NONE;
		c->free[i] = n - 1 - i;
	}
	c->free_len = n;
	return 0;
}

void
chain_close(struct chain *c)
{
	if (c->config == NULL)
		return;
	table_close(&c->tie_table);
	lookup_close(&c->ids);
	free(c->links);
	free(c->slots);
	free(c->free);
	free(c->ties);
	*c = (struct chain){0};
}

static uint32_t
number_of(const struct chain *c, const struct book_entry *entry)
{
	return (uint32_t)(entry - c->book->entries);
}

/* Lists of findings. */

static void
list_append(struct chain *c, uint32_t slot, uint32_t number)
{
	struct chain_slot *s = &c->slots[slot];
	struct chain_link *link = &c->links[number];

	link->slot = slot;
	link->older = s->first == CHAIN_NONE ? CHAIN_NONE : s->last;
	link->newer = CHAIN_NONE;
	if (s->first == CHAIN_NONE)
		s->first = number;
	else
		c->links[s->last].newer = number;
	s->last = number;
}

static void
list_remove(struct chain *c, uint32_t number)
{
	struct chain_link *link = &c->links[number];
	struct chain_slot *s = &c->slots[link->slot];

	if (link->older == CHAIN_NONE)
		s->first = link->newer;
	else
		c->links[link->older].newer = link->newer;
	if (link->newer == CHAIN_NONE)
		s->last = link->older;
	else
		c->links[link->newer].older = link->older;
	if (s->first == CHAIN_NONE) {
		lookup_drop(&c->ids, s->incident.id, link->slot);
		c->free[c->free_len++] = link->slot;
	}
	link->slot = CHAIN_NONE;
}

/* Who a finding may belong to. */

static bool
remembered(const struct chain *c, const struct chain_slot *s, uint64_t clock_ns)
{
	return s->incident.open_findings > 0 ||
	       clock_ns - s->incident.last_clock_ns <= c->config->incident_remember;
}

static bool
blameless(const struct incident *i)
{
	return i->sources[0].name[0] == '\0';
}

/* The slot that a tie leads to, or CHAIN_NONE. */
static uint32_t
follow(const struct chain *c, const struct tie *tie, uint64_t clock_ns)
{
	uint32_t index = table_find(&c->tie_table, tie->hash);
	const struct chain_tie *to;
	const struct chain_slot *s;

	if (index == TABLE_NONE)
		return CHAIN_NONE;
	to = &c->ties[index];
	s = &c->slots[to->slot];
	if (s->first == CHAIN_NONE || s->incident.id != to->id || !remembered(c, s, clock_ns))
		return CHAIN_NONE;
	if (s->incident.stage < tie->least || (tie->blameless && !blameless(&s->incident)))
		return CHAIN_NONE;
	return to->slot;
}

struct candidates {
	uint32_t slots[CANDIDATES]; /* distinct */
	unsigned count;
	uint32_t findings; /* that they would have as one */
};

static void
candidate_add(const struct chain *c, struct candidates *all, uint32_t slot)
{
	uint32_t findings = all->findings + c->slots[slot].incident.findings;

	for (unsigned i = 0; i < all->count; i++)
		if (all->slots[i] == slot)
			return;
	if (all->count == CANDIDATES || findings > FINDINGS_MAX)
		return;
	all->findings = findings;
	all->slots[all->count++] = slot;
}

static struct candidates
candidates_of(
	const struct chain *c, const struct tie_set *ties, uint32_t present, uint64_t clock_ns)
{
	struct candidates all = {.findings = present == CHAIN_NONE};
	uint32_t weak = CHAIN_NONE;

	if (present != CHAIN_NONE)
		candidate_add(c, &all, present);
	for (unsigned i = 0; i < ties->ask_count; i++) {
		uint32_t slot = follow(c, &ties->ask[i], clock_ns);

		if (slot == CHAIN_NONE)
			continue;
		if (!ties->ask[i].weak)
			candidate_add(c, &all, slot);
		else if (weak == CHAIN_NONE)
			weak = slot;
	}
	if (all.count == 0 && weak != CHAIN_NONE)
		candidate_add(c, &all, weak);
	return all;
}

/* Does a tie lead to another that goes on where a full incident ended? */
static bool
goes_on_elsewhere(const struct chain *c, const struct chain_tie *tie, const struct incident *full)
{
	const struct chain_slot *s = &c->slots[tie->slot];

	return full->findings >= FINDINGS_MAX && s->first != CHAIN_NONE &&
	       s->incident.id == tie->id && tie->id > full->id;
}

static void
leave_ties(struct chain *c, const struct tie_set *ties, uint32_t slot)
{
	const struct incident *i = &c->slots[slot].incident;
	/* Who got in is not forgotten for who is only guessing. */
	enum table_list list = i->stage >= STAGE_SUCCESS ? TABLE_HIGH : TABLE_LOW;
	bool evicted;

	for (unsigned n = 0; n < ties->put_count; n++) {
		uint32_t index = table_find(&c->tie_table, ties->put[n]);

		if (index == TABLE_NONE)
			index = table_insert(&c->tie_table, ties->put[n], list, &evicted);
		else if (goes_on_elsewhere(c, &c->ties[index], i))
			continue;
		else
			table_touch(&c->tie_table, index, list);
		if (index != TABLE_NONE)
			c->ties[index] = (struct chain_tie){slot, i->id};
	}
}

/* Two that are one. */

static void
reopen(struct chain *c, struct chain_slot *s)
{
	s->incident.reopened++;
	s->told = false;
	c->reopened++;
}

/* The last line of who belongs to another: about one of its findings that go on, rather one that
   has been told of. */
static void
tell_merged(struct chain *c, const struct chain_slot *gone)
{
	enum finding_state state = FINDING_OPEN;
	uint32_t speaks = CHAIN_NONE;

	for (uint32_t n = gone->first; n != CHAIN_NONE; n = c->links[n].newer) {
		if (c->book->entries[n].finding.closed)
			continue;
		if (speaks == CHAIN_NONE)
			speaks = n;
		if (c->links[n].told) {
			speaks = n;
			state = FINDING_UPDATE;
			break;
		}
	}
	c->links[speaks].told = true;
	c->sink.merged(c->sink.arg, &gone->incident, &c->book->entries[speaks], state);
}

static void
merge(struct chain *c, uint32_t into, uint32_t from)
{
	struct chain_slot *to = &c->slots[into];
	struct chain_slot *gone = &c->slots[from];
	uint32_t first = gone->first;

	if (to->incident.open_findings == 0 && gone->incident.open_findings > 0)
		reopen(c, to);
	gather_incident(&to->incident, &gone->incident);
	c->merged++;
	gone->incident.merged_into = to->incident.id;
	if (gone->told && gone->incident.open_findings > 0)
		tell_merged(c, gone);
	for (uint32_t number = first, newer; number != CHAIN_NONE; number = newer) {
		newer = c->links[number].newer;
		list_remove(c, number);
		list_append(c, into, number);
	}
}

static uint32_t
start(struct chain *c, uint64_t id)
{
	uint32_t slot = c->free[--c->free_len];

	memset(&c->slots[slot], 0, sizeof(c->slots[slot]));
	c->slots[slot].incident.id = id;
	lookup_put(&c->ids, id, slot);
	c->slots[slot].incident.severity = UINT8_MAX;
	c->slots[slot].first = CHAIN_NONE;
	return slot;
}

/* The incident that the candidates are, the finding's own among them; a new one if there is none.
 */
static uint32_t
unite(struct chain *c, const struct candidates *all)
{
	uint32_t eldest = all->count > 0 ? all->slots[0] : start(c, c->before + ++c->opened);

	for (unsigned i = 1; i < all->count; i++)
		if (c->slots[all->slots[i]].incident.id < c->slots[eldest].incident.id)
			eldest = all->slots[i];
	for (unsigned i = 0; i < all->count; i++)
		if (all->slots[i] != eldest)
			merge(c, eldest, all->slots[i]);
	return eldest;
}

static void
join(struct chain *c, uint32_t slot, uint32_t number)
{
	struct chain_slot *s = &c->slots[slot];
	struct incident *i = &s->incident;

	if (i->findings > 0 && i->open_findings == 0)
		reopen(c, s);
	c->links[number] = (struct chain_link){.slot = CHAIN_NONE};
	list_append(c, slot, number);
	i->findings++;
	i->open_findings++;
	i->stages[chain_trait_of(c->book->entries[number].finding.detector)->stage].findings++;
}

struct incident *
chain_update(struct chain *c, const struct book_entry *entry, uint64_t clock_ns)
{
	uint32_t number = number_of(c, entry);
	struct chain_link *link = &c->links[number];
	struct candidates all;
	struct tie_set ties;
	uint32_t slot;

	tie_set_make(c, &entry->finding, &ties);
	all = candidates_of(c, &ties, link->slot, clock_ns);
	slot = unite(c, &all);
	if (link->slot == CHAIN_NONE)
		join(c, slot, number);
	gather_finding(&c->slots[slot].incident, &entry->finding, &link->attempts);
	leave_ties(c, &ties, slot);
	return &c->slots[slot].incident;
}

/* The incident of that id; it was told of. */
static uint32_t
slot_of_known(struct chain *c, const struct incident *known)
{
	struct chain_slot *s;
	uint32_t slot;

	for (slot = lookup_first(&c->ids, known->id); slot != LOOKUP_NONE;
		slot = lookup_next(&c->ids, slot))
		if (c->slots[slot].incident.id == known->id)
			return slot;
	slot = start(c, known->id);
	s = &c->slots[slot];
	s->incident.first_seen_ns = known->first_seen_ns;
	s->incident.last_seen_ns = known->last_seen_ns;
	s->incident.stage = known->stage;
	s->incident.severity = known->severity;
	s->told = true;
	s->told_stage = known->stage;
	return slot;
}

void
chain_adopt(struct chain *c, const struct book_entry *entry, const struct incident *known,
	uint64_t clock_ns)
{
	uint32_t number = number_of(c, entry), slot = slot_of_known(c, known);
	struct chain_link *link = &c->links[number];
	struct tie_set ties;

	join(c, slot, number);
	link->told = true;
	gather_finding(&c->slots[slot].incident, &entry->finding, &link->attempts);
	c->slots[slot].interval_clock_ns = clock_ns;
	tie_set_make(c, &entry->finding, &ties);
	leave_ties(c, &ties, slot);
}

struct incident *
chain_end(struct chain *c, const struct book_entry *entry)
{
	struct chain_link *link = &c->links[number_of(c, entry)];
	struct incident *i = &c->slots[link->slot].incident;

	gather_finding(i, &entry->finding, &link->attempts);
	i->open_findings--;
	return i;
}

uint64_t
chain_incident_id(const struct chain *c, const struct book_entry *entry)
{
	uint32_t slot = c->links[number_of(c, entry)].slot;

	return slot == CHAIN_NONE ? 0 : c->slots[slot].incident.id;
}

bool
chain_incident_told(const struct chain *c, const struct book_entry *entry)
{
	return c->slots[c->links[number_of(c, entry)].slot].told;
}

void
chain_forget(struct chain *c, const struct book_entry *entry)
{
	uint32_t number = number_of(c, entry);

	if (c->links[number].slot != CHAIN_NONE)
		list_remove(c, number);
}

bool
chain_may_tell(struct chain *c, const struct book_entry *entry, uint64_t clock_ns)
{
	const struct chain_link *link = &c->links[number_of(c, entry)];
	struct chain_slot *s = &c->slots[link->slot];
	bool first_of_success =
		!link->told && chain_trait_of(entry->finding.detector)->stage >= STAGE_SUCCESS;

	if (clock_ns - s->interval_clock_ns >= c->config->incident_update) {
		s->interval_clock_ns = clock_ns;
		s->told_in_interval = 0;
	}
	if (s->told && s->incident.stage <= s->told_stage && !first_of_success &&
		s->told_in_interval >= c->config->incident_alerts) {
		c->held++;
		return false;
	}
	s->told_in_interval++;
	return true;
}

struct chain_told
chain_tell(struct chain *c, const struct book_entry *entry, enum finding_state state)
{
	struct chain_link *link = &c->links[number_of(c, entry)];
	struct chain_slot *s = &c->slots[link->slot];
	struct chain_told told = {state, s->told ? INCIDENT_UPDATE : INCIDENT_OPEN};

	if (state == FINDING_UPDATE && !link->told)
		told.finding = FINDING_OPEN;
	if (s->incident.open_findings == 0)
		told.incident = INCIDENT_CLOSED;
	link->told = true;
	s->told = true;
	s->told_stage = s->incident.stage;
	return told;
}

static int
by_id(const void *a, const void *b)
{
	const struct incident *const *x = a;
	const struct incident *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

size_t
chain_list(const struct chain *c, const struct incident **out, size_t max)
{
	size_t n = 0;

	for (uint32_t slot = 0; slot < c->config->incident_table && n < max; slot++)
		if (c->slots[slot].first != CHAIN_NONE)
			out[n++] = &c->slots[slot].incident;
	qsort(out, n, sizeof(*out), by_id);
	return n;
}

size_t
chain_findings(const struct chain *c, const struct incident *incident, const struct finding **out,
	size_t max)
{
	const struct chain_slot *s =
		(const void *)((const char *)incident - offsetof(struct chain_slot, incident));
	size_t n = 0;

	for (uint32_t number = s->first; number != CHAIN_NONE && n < max;
		number = c->links[number].newer)
		out[n++] = &c->book->entries[number].finding;
	return n;
}
