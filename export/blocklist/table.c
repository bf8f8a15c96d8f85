/*
 * Theory of operation.
 *
 * Keeps: an entry for each finding that is about a source or a prefix and that the rules let
 * through; up to so many, the gravest and then the latest ones.
 *
 * Always holds: nothing is here that must never be blocked: no private, loopback, multicast or
 * other address that is nobody's, no network of ours, none that the configuration names, no server
 * that was attacked, no source through which honest people log in as well, and no prefix so short
 * that it is half the world. Each of these overlaps counts, not only what lies within.
 *
 * An entry goes when its finding has been closed for the hold time, and in any case when nothing
 * was told of it for forget_ns: control that lost its memory would never close it.
 *
 * What an attacker would try: to have others blocked. Who speaks SMTP has completed a handshake, so
 * a source is no forged one; but one who is behind the same address as honest people can have it
 * blocked, which is what confidence, logins and never are for.
 */
#include "export/blocklist/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/reserved.h"

#define BITS_V4_MIN (96u + 16u)
#define BITS_V6_MIN 32u

struct table {
	struct table_rules rules;
	struct table_entry *entries; /* owned */
	uint32_t *places;            /* owned; where the entry of a finding is, and 1; 0: free */
	size_t mask;                 /* of places: a power of two, less 1 */
	struct table_entry *listed;  /* owned; room for as many */
	size_t count;
	uint64_t evicted;
};

struct table *
table_new(const struct table_rules *rules)
{
	struct table *t = calloc(1, sizeof(*t));
	enum reserved what;
	struct prefix net;

	if (!t)
		return NULL;
	t->rules = *rules;
	t->entries = calloc(rules->entries, sizeof(*t->entries));
	t->listed = calloc(rules->entries, sizeof(*t->listed));
	/* Never more than half of them taken, so that what is looked for is near. */
	for (t->mask = 1; t->mask < 2 * rules->entries;)
		t->mask *= 2;
	t->places = calloc(t->mask, sizeof(*t->places));
	t->mask--;
	if (!t->entries || !t->listed || !t->places) {
		table_free(t);
		return NULL;
	}
	for (unsigned i = 0; reserved_at(i, &net, &what); i++)
		if (what == RESERVED_INTERNAL && t->rules.never_count < TABLE_NEVER_MAX)
			t->rules.never[t->rules.never_count++] = net;
	return t;
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	free(t->entries);
	free(t->listed);
	free(t->places);
	free(t);
}

static bool
overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

static bool
may_never(const struct table *t, const struct prefix *p)
{
	if (p->bits < (addr_is_v4(&p->addr) ? BITS_V4_MIN : BITS_V6_MIN))
		return true;
	for (unsigned i = 0; i < t->rules.never_count; i++)
		if (overlaps(&t->rules.never[i], p))
			return true;
	return false;
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint64_t
number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static bool
is_server(const json_t *smtap, const struct prefix *p)
{
	const json_t *servers = json_object_get(json_object_get(smtap, "incident"), "servers");
	const json_t *targets = json_object_get(smtap, "top_targets");
	struct prefix server;
	char why[200];
	json_t *one;
	size_t i;

	json_array_foreach(servers, i,
		one) if (json_is_string(one) &&
			 prefix_parse(&server, json_string_value(one), why, sizeof(why)) == 0 &&
			 overlaps(&server, p)) return true;
	json_array_foreach(targets, i,
		one) if (prefix_parse(&server, text_of(one, "name"), why, sizeof(why)) == 0 &&
			 overlaps(&server, p)) return true;
	return false;
}

static bool
is_wanted(const struct table *t, const char *detector)
{
	for (unsigned i = 0; i < t->rules.detector_count; i++)
		if (strcmp(t->rules.detectors[i], detector) == 0)
			return true;
	return false;
}

/* Is this finding a reason to block, and whom? */
static bool
is_reason(const struct table *t, const json_t *smtap, struct prefix *p)
{
	const char *type = text_of(smtap, "subject_type");
	uint64_t attempts = number_of(smtap, "attempts");
	uint64_t successes = number_of(smtap, "successes");
	char why[200];

	if (strcmp(type, "source") != 0 && strcmp(type, "prefix") != 0)
		return false;
	if (!is_wanted(t, text_of(smtap, "detector")) ||
		number_of(smtap, "confidence") < t->rules.confidence)
		return false;
	if (successes > 0 && successes * 100 >= attempts * t->rules.logins)
		return false;
	if (prefix_parse(p, text_of(smtap, "subject"), why, sizeof(why)) != 0)
		return false;
	return !may_never(t, p) && !is_server(smtap, p);
}

/* Findings are numbered one after another: multiplied, they lie apart (Knuth). */
static size_t
home_of(const struct table *t, uint64_t finding)
{
	return (size_t)(finding * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->mask;
}

/* Where this finding is noted, or would be. */
static size_t
place_of(const struct table *t, uint64_t finding)
{
	size_t i = home_of(t, finding);

	while (t->places[i] != 0 && t->entries[t->places[i] - 1].finding != finding)
		i = (i + 1) & t->mask;
	return i;
}

static struct table_entry *
find(struct table *t, uint64_t finding)
{
	uint32_t place = t->places[place_of(t, finding)];

	return place != 0 ? &t->entries[place - 1] : NULL;
}

/* Its place is free; those behind it that were past their home for it come nearer. */
static void
forget_place(struct table *t, uint64_t finding)
{
	size_t gap = place_of(t, finding);

	for (size_t i = (gap + 1) & t->mask; t->places[i] != 0; i = (i + 1) & t->mask) {
		size_t home = home_of(t, t->entries[t->places[i] - 1].finding);

		if (((i - home) & t->mask) < ((i - gap) & t->mask))
			continue;
		t->places[gap] = t->places[i];
		gap = i;
	}
	t->places[gap] = 0;
}

/* The last one takes its room. */
static void
drop(struct table *t, struct table_entry *e)
{
	const struct table_entry *last = &t->entries[t->count - 1];

	forget_place(t, e->finding);
	if (e != last) {
		t->places[place_of(t, last->finding)] = (uint32_t)(e - t->entries) + 1;
		*e = *last;
	}
	t->count--;
}

/* Is a less worth blocking than b? */
static bool
is_lesser(const struct table_entry *a, const struct table_entry *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity;
	return a->told_ns < b->told_ns;
}

/* Room for one more, in the place of a lesser one if need be; NULL: all are more. */
static struct table_entry *
room_for(struct table *t, const struct table_entry *want)
{
	struct table_entry *least = &t->entries[0];

	if (t->count < t->rules.entries)
		return &t->entries[t->count++];
	for (size_t i = 1; i < t->count; i++)
		if (is_lesser(&t->entries[i], least))
			least = &t->entries[i];
	t->evicted++;
	if (!is_lesser(least, want))
		return NULL;
	forget_place(t, least->finding);
	return least;
}

/* One more, if there is room. */
static bool
add(struct table *t, const struct table_entry *new)
{
	struct table_entry *e = room_for(t, new);

	if (!e)
		return false;
	*e = *new;
	t->places[place_of(t, new->finding)] = (uint32_t)(e - t->entries) + 1;
	return true;
}

bool
table_take(struct table *t, const json_t *alert, uint64_t now_ns)
{
	const json_t *smtap = json_object_get(alert, "smtap");
	uint64_t finding = number_of(smtap, "finding_id");
	bool closed = strcmp(text_of(smtap, "finding_state"), "closed") == 0;
	struct table_entry *e = find(t, finding), new = {.finding = finding, .told_ns = now_ns};
	uint64_t keep_ns = t->rules.forget_ns;

	if (finding == 0)
		return false;
	if (!is_reason(t, smtap, &new.prefix)) {
		/* It may have been one: honest people logged in meanwhile. */
		if (e)
			drop(t, e);
		return e != NULL;
	}
	/* One that is over when it is first heard of blocks nobody. */
	if (closed && !e)
		return false;
	if (closed && t->rules.hold_ns < keep_ns)
		keep_ns = t->rules.hold_ns;
	new.severity = (unsigned)number_of(json_object_get(alert, "alert"), "severity");
	new.until_ns = now_ns + keep_ns;
	if (!e)
		return add(t, &new);
	*e = new;
	return true;
}

void
table_begin_again(struct table *t, uint64_t now_ns)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].until_ns > now_ns + t->rules.hold_ns)
			t->entries[i].until_ns = now_ns + t->rules.hold_ns;
}

bool
table_expire(struct table *t, uint64_t now_ns)
{
	size_t before = t->count;

	for (size_t i = t->count; i > 0; i--)
		if (t->entries[i - 1].until_ns <= now_ns)
			drop(t, &t->entries[i - 1]);
	return t->count != before;
}

int
table_order(const struct prefix *a, const struct prefix *b)
{
	int v4 = (int)addr_is_v4(&b->addr) - (int)addr_is_v4(&a->addr);
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	if (v4 != 0)
		return v4;
	return order != 0 ? order : (int)a->bits - (int)b->bits;
}

/* Of one prefix the one first that stays longest. */
static int
by_address(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;
	int order = table_order(&x->prefix, &y->prefix);

	if (order != 0)
		return order;
	return x->until_ns > y->until_ns ? -1 : x->until_ns < y->until_ns;
}

size_t
table_list(struct table *t, const struct table_entry **entries)
{
	size_t n = 0;

	memcpy(t->listed, t->entries, t->count * sizeof(*t->listed));
	qsort(t->listed, t->count, sizeof(*t->listed), by_address);
	for (size_t i = 0; i < t->count; i++) {
		/* Within one before: sorted, that one is the last that was kept. */
		if (n > 0 && prefix_covers(&t->listed[n - 1].prefix, &t->listed[i].prefix)) {
			if (t->listed[i].until_ns > t->listed[n - 1].until_ns &&
				t->listed[i].prefix.bits == t->listed[n - 1].prefix.bits)
				t->listed[n - 1].until_ns = t->listed[i].until_ns;
			continue;
		}
		t->listed[n++] = t->listed[i];
	}
	*entries = t->listed;
	return n;
}

uint64_t
table_evicted(const struct table *t)
{
	return t->evicted;
}
