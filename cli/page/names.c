#include "cli/page/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/page/when.h"

#define ROOM_FIRST 8
#define SEEN_BYTES (SEEN_SLOTS * sizeof(uint64_t))
#define TABLE_MIX 0x9e3779b97f4a7c15ULL /* tells the tables apart in the set of all names */

uint64_t
tally_attempts(const struct tally *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		n += t->auth[i];
	return n;
}

void
tally_add(struct tally *to, const struct tally *what)
{
	bool empty = tally_attempts(to) + to->mails + to->sessions == 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		to->auth[i] += what->auth[i];
	to->mails += what->mails;
	to->bounces += what->bounces;
	to->mails_accepted += what->mails_accepted;
	to->recipients += what->recipients;
	to->sessions += what->sessions;
	if (empty || what->first_us < to->first_us)
		to->first_us = what->first_us;
	if (empty || what->last_us > to->last_us)
		to->last_us = what->last_us;
}

static void
slot_put(struct names *names, size_t index)
{
	size_t mask = names->slot_count - 1, at = names->entries[index].hash & mask;

	while (names->slots[at] != 0)
		at = (at + 1) & mask;
	names->slots[at] = (uint32_t)index + 1;
}

/* Take the slot of an entry out; those behind it move up, as open addressing wants it. */
static void
slot_take(struct names *names, size_t index)
{
	size_t mask = names->slot_count - 1, hole = names->entries[index].hash & mask;

	while (names->slots[hole] != index + 1)
		hole = (hole + 1) & mask;
	for (size_t at = (hole + 1) & mask; names->slots[at] != 0; at = (at + 1) & mask) {
		size_t home = names->entries[names->slots[at] - 1].hash & mask;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		names->slots[hole] = names->slots[at];
		hole = at;
	}
	names->slots[hole] = 0;
}

static struct name *
find(const struct names *names, uint64_t hash, const char *text)
{
	size_t mask = names->slot_count - 1;

	if (names->slot_count == 0)
		return NULL;
	for (size_t at = hash & mask; names->slots[at] != 0; at = (at + 1) & mask) {
		struct name *n = &names->entries[names->slots[at] - 1];

		if (n->hash == hash && strcmp(n->text, text) == 0)
			return n;
	}
	return NULL;
}

static int
grow(struct names *names)
{
	size_t room = names->room ? names->room * 2 : ROOM_FIRST;
	struct name *entries = realloc(names->entries, room * sizeof(*entries));
	uint32_t *slots;

	if (!entries)
		return -ENOMEM;
	names->entries = entries;
	slots = calloc(room * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(names->slots);
	names->slots = slots;
	names->slot_count = room * 2;
	names->room = room;
	for (size_t i = 0; i < names->count; i++)
		slot_put(names, i);
	return 0;
}

/* An entry that may go: seen once, and it did not get in. NULL when none is near. */
static struct name *
replaceable(struct names *names)
{
	for (unsigned i = 0; i < NAMES_NEAR; i++) {
		struct name *n = &names->entries[names->hand];
		const struct tally *t = &n->tally;

		names->hand = (names->hand + 1) % names->count;
		if (t->auth[OUTCOME_SUCCESS] == 0 &&
			tally_attempts(t) + t->mails + t->sessions <= 1)
			return n;
	}
	return NULL;
}

static struct name *
place(struct names *names)
{
	struct name *n;

	if (names->count < NAMES_MAX) {
		if (names->count == names->room && grow(names) != 0)
			return NULL;
		return &names->entries[names->count];
	}
	names->full = true;
	n = replaceable(names);
	if (!n)
		return NULL;
	tally_add(&names->further, &n->tally);
	slot_take(names, (size_t)(n - names->entries));
	free(n->text);
	free(n->note);
	return n;
}

static char *
copy(const char *text)
{
	return strndup(text, NAMES_TEXT_MAX);
}

/* An entry for a name that has none; NULL when there is no place for it. */
static struct name *
add_new(struct names *names, uint64_t hash, const char *text)
{
	char *own = copy(text);
	struct name *n = own ? place(names) : NULL;

	if (!n) {
		free(own);
		return NULL;
	}
	*n = (struct name){.text = own, .hash = hash};
	if (n == &names->entries[names->count])
		names->count++;
	slot_put(names, (size_t)(n - names->entries));
	return n;
}

int
names_add(struct names *names, struct names_shared *shared, const char *text, const char *note,
	const struct tally *what)
{
	size_t len = strnlen(text, NAMES_TEXT_MAX);
	char cut[NAMES_TEXT_MAX + 1];
	struct name *n;

	memcpy(cut, text, len);
	cut[len] = '\0';
	uint64_t hash = siphash(&shared->key, cut, len);
	n = find(names, hash, cut);
	if (!n) {
		bool first = seen_add(&shared->seen, hash ^ names->number * TABLE_MIX);
		names->distinct += first;
		names->full |= names->count == NAMES_MAX;
		if (!names->full || !first || what->auth[OUTCOME_SUCCESS] > 0)
			n = add_new(names, hash, cut);
	}
	if (!n) {
		tally_add(&names->further, what);
		return names->full ? 0 : -ENOMEM;
	}
	if (!n->note && note && *note)
		n->note = copy(note);
	tally_add(&n->tally, what);
	return 0;
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int
compare(const void *va, const void *vb)
{
	const struct name *a = va, *b = vb;
	const struct tally *ta = &a->tally, *tb = &b->tally;
	int order = compare_numbers(ta->auth[OUTCOME_SUCCESS] > 0, tb->auth[OUTCOME_SUCCESS] > 0);

	if (order == 0)
		order = compare_numbers(tally_attempts(ta), tally_attempts(tb));
	if (order == 0)
		order = compare_numbers(ta->mails, tb->mails);
	if (order == 0)
		order = compare_numbers(ta->sessions, tb->sessions);
	return order != 0 ? order : strcmp(a->text, b->text);
}

void
names_sort(struct names *names)
{
	if (names->count > 1)
		qsort(names->entries, names->count, sizeof(*names->entries), compare);
	free(names->slots);
	names->slots = NULL;
	names->slot_count = 0;
}

void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		free(names->entries[i].text);
		free(names->entries[i].note);
	}
	free(names->entries);
	free(names->slots);
	*names = (struct names){0};
}

int
seen_open(struct seen *seen)
{
	/* Not calloc: its bytes may be written to (MALLOC_PERTURB_), and most are never used. */
	void *slots =
		mmap(NULL, SEEN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*seen = (struct seen){.slots = slots == MAP_FAILED ? NULL : slots};
	return seen->slots ? 0 : -ENOMEM;
}

void
seen_close(struct seen *seen)
{
	if (seen->slots)
		munmap(seen->slots, SEEN_BYTES);
	*seen = (struct seen){0};
}

bool
seen_add(struct seen *seen, uint64_t hash)
{
	size_t at = hash % SEEN_SLOTS;

	hash |= hash == 0; /* 0 is an empty slot */
	while (seen->slots[at] != 0) {
		if (seen->slots[at] == hash)
			return false;
		at = (at + 1) % SEEN_SLOTS;
	}
	if (seen->count == SEEN_SLOTS / 2) {
		seen->full = true;
		return false;
	}
	seen->slots[at] = hash;
	seen->count++;
	return true;
}
