/*
 * The timer wheel: 4096 lists, one for each of the seconds from now_s on, and one list
 * for everything beyond. See table.c for the table around it.
 *
 * An entry is filed under a second, which is its deadline or, when the deadline has
 * moved later since (every packet does that, with one store), earlier. When that second
 * comes up the entry is either due, exactly then, or filed anew. So an entry costs the
 * wheel at most one filing for each second in which it saw packets, and usually one for
 * each idle time that it lives.
 *
 * Always: now_s <= that second < now_s + 4096, so the slot (the second modulo 4096) names it,
 * and it is <= deadline_s, for an entry in the wheel; far_min_s <= deadline_s for one beyond it. A
 * bit tells which lists are not empty, and a bit which words of those bits, so the next second that
 * has anything is found in two steps, however far the clock jumps. When now_s reaches far_min_s the
 * far list is read once, what falls into the next 4096 seconds moves into the wheel and
 * far_min_s becomes exact again: at most once in 4096 seconds, or for each such run
 * of seconds in a jump that has anything in it.
 *
 * Those that are due in a second are put into the owner's order in their list itself, when
 * the first of them is asked for: there may be as many as entries, and room for so many names
 * would be four bytes of each session.
 *
 * The victim is the entry whose deadline is earliest: the most idle, when all have
 * the same idle time. Looking for it files anew what it passes, at most VICTIM_SCAN entries
 * a call; only when these were all filed too early (they saw packets since) is the
 * victim merely the earliest of them. What a call files anew the next one finds in place,
 * so the next calls look further.
 */
#include "dataplane/flow/private.h"

#define VICTIM_SCAN 64

void
timer_init(struct wheel *w)
{
	w->now_s = 0;
	w->far_head = FLOW_NONE;
	w->far_min_s = WHEEL_NEVER;
	w->summary = 0;
	for (unsigned i = 0; i < WHEEL_SLOTS / 64; i++)
		w->occupied[i] = 0;
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		w->head[i] = FLOW_NONE;
}

static void
slot_mark(struct wheel *w, uint32_t slot, bool occupied)
{
	uint64_t *word = &w->occupied[slot / 64];

	if (occupied)
		*word |= 1ull << slot % 64;
	else
		*word &= ~(1ull << slot % 64);
	if (*word)
		w->summary |= 1ull << slot / 64;
	else
		w->summary &= ~(1ull << slot / 64);
}

/* The first occupied slot at or after slot, below WHEEL_SLOTS; WHEEL_SLOTS: none. */
static uint32_t
slot_from(const struct wheel *w, uint32_t slot)
{
	uint32_t word = slot / 64;
	uint64_t bits = w->occupied[word] & ~0ull << slot % 64;

	if (!bits) {
		uint64_t words = word == 63 ? 0 : w->summary & ~0ull << (word + 1);
		if (!words)
			return WHEEL_SLOTS;
		word = (uint32_t)__builtin_ctzll(words);
		bits = w->occupied[word];
	}
	return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* The first second at or after now_s that has entries; false: the wheel is empty. */
static bool
wheel_first(const struct wheel *w, uint32_t *second)
{
	uint32_t from = w->now_s % WHEEL_SLOTS;
	uint32_t slot = slot_from(w, from);

	if (slot == WHEEL_SLOTS)
		slot = slot_from(w, 0);
	if (slot == WHEEL_SLOTS)
		return false;
	*second = w->now_s + (slot - from) % WHEEL_SLOTS;
	return true;
}

void
timer_file(struct flow_table *t, uint32_t index)
{
	struct wheel *w = &t->wheel;
	struct flow *f = flow_at(t, index);
	uint32_t *head = &w->far_head;

	f->timer_far = f->deadline_s - w->now_s >= WHEEL_SLOTS;
	if (!f->timer_far) {
		f->timer_slot = f->deadline_s % WHEEL_SLOTS;
		head = &w->head[f->deadline_s % WHEEL_SLOTS];
		slot_mark(w, f->deadline_s % WHEEL_SLOTS, true);
	} else if (f->deadline_s < w->far_min_s) {
		w->far_min_s = f->deadline_s;
	}
	f->timer_prev = FLOW_NONE;
	f->timer_next = *head;
	if (*head != FLOW_NONE)
		flow_at(t, *head)->timer_prev = index;
	*head = index;
	w->sorted = w->sorted && (f->timer_far || f->timer_slot != w->now_s % WHEEL_SLOTS);
}

void
timer_unfile(struct flow_table *t, uint32_t index)
{
	struct wheel *w = &t->wheel;
	const struct flow *f = flow_at(t, index);
	uint32_t slot = f->timer_slot;

	if (f->timer_next != FLOW_NONE)
		flow_at(t, f->timer_next)->timer_prev = f->timer_prev;
	if (f->timer_prev != FLOW_NONE) {
		flow_at(t, f->timer_prev)->timer_next = f->timer_next;
		return;
	}
	if (f->timer_far) {
		w->far_head = f->timer_next;
		return;
	}
	w->head[slot] = f->timer_next;
	if (f->timer_next == FLOW_NONE)
		slot_mark(w, slot, false);
}

static void
timer_refile(struct flow_table *t, uint32_t index)
{
	timer_unfile(t, index);
	timer_file(t, index);
}

void
flow_table_arm(struct flow_table *t, uint32_t index, uint32_t deadline_s)
{
	struct flow *f = flow_at(t, index);

	if (deadline_s < t->wheel.now_s)
		deadline_s = t->wheel.now_s;
	if (deadline_s > WHEEL_NEVER)
		deadline_s = WHEEL_NEVER;
	uint32_t now_s = t->wheel.now_s;
	uint32_t filed_s = now_s + (f->timer_slot - now_s) % WHEEL_SLOTS;
	bool stays = deadline_s >= (f->timer_far ? f->deadline_s : filed_s);
	f->deadline_s = deadline_s;
	if (!stays)
		timer_refile(t, index);
}

/* now_s has come to far_min_s: move what is near now into the wheel. */
static void
far_pull(struct flow_table *t)
{
	struct wheel *w = &t->wheel;
	uint32_t index = w->far_head;

	/* All are filed again; those that are still far say what is the earliest. */
	w->far_head = FLOW_NONE;
	w->far_min_s = WHEEL_NEVER;
	while (index != FLOW_NONE) {
		uint32_t next = flow_at(t, index)->timer_next;
		timer_file(t, index);
		index = next;
	}
}

/* Two lists in order, through timer_next, into one. */
static uint32_t
lists_merge(const struct flow_table *t, uint32_t a, uint32_t b)
{
	uint32_t head = FLOW_NONE;
	uint32_t *link = &head;

	while (a != FLOW_NONE && b != FLOW_NONE) {
		uint32_t *first = t->before(flow_at(t, b), flow_at(t, a)) ? &b : &a;
		*link = *first;
		link = &flow_at(t, *first)->timer_next;
		*first = *link;
	}
	*link = a != FLOW_NONE ? a : b;
	return head;
}

/* A list into order: list i of some is of 2^i entries, or none, as the bits of a number that
   counts. */
static uint32_t
list_sort(const struct flow_table *t, uint32_t index)
{
	uint32_t some[32];
	uint32_t all = FLOW_NONE;
	unsigned used = 0;

	while (index != FLOW_NONE) {
		uint32_t one = index;
		index = flow_at(t, one)->timer_next;
		flow_at(t, one)->timer_next = FLOW_NONE;
		unsigned i = 0;
		for (; i < used && some[i] != FLOW_NONE; i++) {
			one = lists_merge(t, some[i], one);
			some[i] = FLOW_NONE;
		}
		if (i == used)
			used++;
		some[i] = one;
	}
	for (unsigned i = 0; i < used; i++)
		all = lists_merge(t, some[i], all);
	return all;
}

/* The list of now_s: what is not due is filed anew; the rest is put into the order of turns. */
static void
slot_sort(struct flow_table *t)
{
	struct wheel *w = &t->wheel;
	uint32_t *head = &w->head[w->now_s % WHEEL_SLOTS];
	uint32_t index = *head;

	while (index != FLOW_NONE) {
		uint32_t next = flow_at(t, index)->timer_next;
		if (flow_at(t, index)->deadline_s != w->now_s)
			timer_refile(t, index);
		index = next;
	}
	w->sorted = true;
	if (!t->before)
		return;
	*head = list_sort(t, *head);
	uint32_t prev = FLOW_NONE;
	for (index = *head; index != FLOW_NONE; index = flow_at(t, index)->timer_next) {
		flow_at(t, index)->timer_prev = prev;
		prev = index;
	}
}

static void
wheel_turn(struct wheel *w, uint32_t second)
{
	w->now_s = second;
	w->sorted = false;
}

uint32_t
flow_table_expire(struct flow_table *t, uint32_t now_s, uint32_t *due_s)
{
	struct wheel *w = &t->wheel;

	if (now_s >= WHEEL_NEVER)
		now_s = WHEEL_NEVER - 1;
	for (;;) {
		uint32_t second;
		bool near = wheel_first(w, &second);
		if (w->far_min_s != WHEEL_NEVER && (!near || w->far_min_s <= second)) {
			if (w->far_min_s > now_s)
				break;
			if (w->far_min_s > w->now_s)
				wheel_turn(w, w->far_min_s);
			far_pull(t);
			continue;
		}
		if (!near || second > now_s)
			break;
		if (second != w->now_s)
			wheel_turn(w, second);
		if (!w->sorted)
			slot_sort(t);
		/* One that was asked for, and then armed for later, is in the way. */
		const uint32_t *head = &w->head[second % WHEEL_SLOTS];
		while (*head != FLOW_NONE && flow_at(t, *head)->deadline_s != second)
			timer_refile(t, *head);
		if (*head != FLOW_NONE) {
			*due_s = second;
			return *head;
		}
	}
	if (now_s > w->now_s)
		wheel_turn(w, now_s);
	return FLOW_NONE;
}

static uint32_t
far_earliest(const struct flow_table *t)
{
	uint32_t best = t->wheel.far_head;
	uint32_t index = best;

	for (unsigned i = 0; i < VICTIM_SCAN && index != FLOW_NONE; i++) {
		if (flow_at(t, index)->deadline_s < flow_at(t, best)->deadline_s)
			best = index;
		index = flow_at(t, index)->timer_next;
	}
	return best;
}

uint32_t
timer_earliest(struct flow_table *t)
{
	struct wheel *w = &t->wheel;
	uint32_t best = FLOW_NONE;
	uint32_t second;

	for (unsigned i = 0; i < VICTIM_SCAN && wheel_first(w, &second); i++) {
		uint32_t index = w->head[second % WHEEL_SLOTS];
		uint32_t deadline_s = flow_at(t, index)->deadline_s;
		if (deadline_s == second)
			return index;
		if (best == FLOW_NONE || deadline_s < flow_at(t, best)->deadline_s)
			best = index;
		timer_refile(t, index);
	}
	return best != FLOW_NONE ? best : far_earliest(t);
}
