/*
 * Theory of operation.
 *
 * Lines of twelve places in an open hash, and an array of links that they point to.
 * An entry stands in the line of its hash, or, where that was full, in the next
 * that was not; each line that it did not fit in counts it in `past`, so that a
 * search ends with the first line that nobody went past, and what is taken out
 * leaves no trace. There are three places for each two entries, so lines that
 * overflow are few.
 *
 * Each link is on exactly one of the lists, oldest first: one for each grade of
 * evidence, each twice the one below. An insertion into a full table takes the
 * oldest of the lowest list that has any, so a flood of addresses evicts its
 * own, never one that has done more than each of them.
 *
 * Who is used stays where he is, and is marked: to move him would write to both who
 * stand beside him, which in a large table are two lines of memory that nobody has at
 * hand. Who is the oldest, and marked, goes to the other end, without the mark, and
 * the next is looked at (a clock, or second chance). An eviction spares SPARED_MAX; past
 * that it takes one that was used. To have all marked, so that this happens, takes one use of
 * each entry of the list since it last went by, and as much would make an exact order
 * of use forget who is to be pushed out for certain; here it does so with one in seventeen.
 *
 * An attacker who knows this makes each of his addresses look half guilty.
 * Those of a grade never touch a higher one: to push out who has failed eight
 * times in a day he needs a table of addresses that did as much, each of which
 * is then about to be found itself. Nor may they leave no room for those who
 * come later: a list and those above it hold at most most[] eighths of what is
 * not pinned; past that, the lowest of them loses its oldest. So newcomers
 * always have a fourth, and who came back once, twice, four times an eighth
 * that is not for those above them.
 *
 * Limit: who has done as little as everybody in the flood is one of it. To
 * climb he must come back before the flood has filled the room of his grade;
 * against one that is faster only a larger table helps. Evictions are counted
 * and told.
 *
 * An attacker would try to choose colliding keys: the hash is keyed by a key
 * drawn at start. Two different keys with one 64-bit hash are one entry; that
 * takes luck of 1 in 2^64 per pair.
 */
#include "control/aggr/table.h"

#include <errno.h>

#include "control/aggr/memory.h"

/* Entries that an eviction may spare: its work is bounded. */
#define SPARED_MAX 16u

static const uint8_t most[TABLE_LISTS] = {
	[TABLE_SOME] = 6, [TABLE_HIGH] = 5, [TABLE_HIGHER] = 4, [TABLE_HIGHEST] = 3};

int
table_open(struct table *t, uint32_t capacity)
{
	uint32_t lines = capacity / TABLE_USUAL + 1;

	_Static_assert(TABLE_USUAL < TABLE_SLOTS, "there is always a free place");
	*t = (struct table){.capacity = capacity, .line_count = lines, .free = TABLE_END};
	t->links = memory_take(capacity * sizeof(*t->links));
	t->lines = memory_take(lines * sizeof(*t->lines));
	if (t->links == NULL || t->lines == NULL) {
		table_close(t);
		return -ENOMEM;
	}
	for (unsigned list = 0; list < TABLE_LISTS; list++)
		t->oldest[list] = t->newest[list] = TABLE_END;
	return 0;
}

void
table_close(struct table *t)
{
	memory_give(t->links, t->capacity * sizeof(*t->links));
	memory_give(t->lines, t->line_count * sizeof(*t->lines));
	*t = (struct table){0};
}

void
table_touch_memory(struct table *t)
{
	memory_touch(t->links, t->capacity * sizeof(*t->links));
	memory_touch(t->lines, t->line_count * sizeof(*t->lines));
}

static struct table_line *
next_line(const struct table *t, struct table_line *line)
{
	return line + 1 < t->lines + t->line_count ? line + 1 : t->lines;
}

uint32_t
table_find(const struct table *t, uint64_t hash)
{
	struct table_line *line = table_line(t, hash);

	for (;; line = next_line(t, line)) {
		for (unsigned at = table_tagged(line, hash); at != 0; at &= at - 1) {
			uint32_t index = line->index[__builtin_ctz(at)];

			if (t->links[index].hash == hash)
				return index;
		}
		if (line->past == 0)
			return TABLE_NONE;
	}
}

void
table_place(struct table *t, uint32_t index)
{
	uint64_t hash = t->links[index].hash;
	struct table_line *line = table_line(t, hash);

	for (; line->len == TABLE_SLOTS; line = next_line(t, line))
		line->past++;
	line->tag[line->len] = table_tag(hash);
	line->index[line->len++] = index;
}

/* Take an entry out of its line. */
static void
displace(struct table *t, uint32_t index)
{
	struct table_line *line = table_line(t, t->links[index].hash);
	unsigned at;

	for (;; line = next_line(t, line)) {
		for (at = 0; at < line->len && line->index[at] != index; at++)
			;
		if (at < line->len)
			break;
		line->past--;
	}
	line->len--;
	line->tag[at] = line->tag[line->len];
	line->index[at] = line->index[line->len];
}

static void
list_remove(struct table *t, uint32_t index)
{
	struct table_link *link = &t->links[index];
	unsigned list = link->list;

	if (link->older == TABLE_END)
		t->oldest[list] = link->newer;
	else
		t->links[link->older].newer = link->newer;
	if (link->newer == TABLE_END)
		t->newest[list] = link->older;
	else
		t->links[link->newer].older = link->older;
	t->count[list]--;
}

static void
list_append(struct table *t, uint32_t index, enum table_list list)
{
	struct table_link *link = &t->links[index];

	link->list = list;
	link->used = 0;
	link->newer = TABLE_END;
	link->older = t->newest[list];
	if (link->older == TABLE_END)
		t->oldest[list] = index;
	else
		t->links[link->older].newer = index;
	t->newest[list] = index;
	t->count[list]++;
}

void
table_move(struct table *t, uint32_t index, enum table_list list)
{
	list_remove(t, index);
	list_append(t, index, list);
}

/* The oldest of the lowest list from first on. */
static uint32_t
oldest_from(const struct table *t, unsigned first)
{
	for (unsigned list = first; list < TABLE_PINNED; list++)
		if (t->oldest[list] != TABLE_END)
			return t->oldest[list];
	return TABLE_END;
}

static uint32_t
victim(const struct table *t)
{
	uint32_t room = t->capacity - t->count[TABLE_PINNED];
	uint32_t above = 0;

	for (unsigned list = TABLE_HIGHEST; list > TABLE_LOW; list--) {
		above += t->count[list];
		if (above > (uint64_t)room * most[list] / 8)
			return oldest_from(t, list);
	}
	return oldest_from(t, TABLE_IDLE);
}

/*
 * Who is evicted was not used for long, so all of it is far away. In a full table one follows the
 * other: ask for what the next needs, and for the one after it.
 */
static void
ask_for_next(const struct table *t, unsigned list)
{
	const struct table_link *next = &t->links[t->oldest[list]];

	if (t->oldest[list] == TABLE_END)
		return;
	table_prefetch_line(t, next->hash);
	if (next->newer == TABLE_END)
		return;
	prefetch_write(&t->links[next->newer]);
	if (t->values != NULL)
		table_prefetch_value(t->values, t->value_bytes, next->newer);
}

/* Who is to be evicted, or TABLE_END. Those that were used go to the other end of their list. */
static uint32_t
unused_victim(struct table *t)
{
	uint32_t index = victim(t);

	for (unsigned n = 0; n < SPARED_MAX && index != TABLE_END && t->links[index].used; n++) {
		ask_for_next(t, t->links[index].list);
		table_move(t, index, (enum table_list)t->links[index].list);
		index = victim(t);
	}
	return index;
}

/* Take the next to be evicted out of its line and list. */
static uint32_t
detach_victim(struct table *t)
{
	uint32_t index = unused_victim(t);

	if (index == TABLE_END)
		return TABLE_NONE;
	t->evicted++;
	list_remove(t, index);
	ask_for_next(t, t->links[index].list);
	displace(t, index);
	return index;
}

void
table_victims(const struct table *t, uint32_t out[2])
{
	uint32_t first = victim(t);

	out[0] = out[1] = TABLE_NONE;
	if (first == TABLE_END)
		return;
	out[0] = first;
	if (t->links[first].newer != TABLE_END)
		out[1] = t->links[first].newer;
}

uint32_t
table_evict(struct table *t)
{
	uint32_t index = detach_victim(t);

	if (index == TABLE_NONE)
		return TABLE_NONE;
	t->links[index].list = TABLE_LISTS;
	t->links[index].older = t->free;
	t->free = index;
	t->in_use--;
	return index;
}

/* An index that nobody has. */
static uint32_t
take_free(struct table *t)
{
	uint32_t index = t->free;

	if (index != TABLE_END)
		t->free = t->links[index].older;
	else if (t->fresh < t->capacity)
		index = t->fresh++;
	else
		return TABLE_NONE;
	t->in_use++;
	return index;
}

uint32_t
table_insert(struct table *t, uint64_t hash, enum table_list list, bool *evicted)
{
	uint32_t index = take_free(t);

	*evicted = index == TABLE_NONE;
	if (*evicted)
		index = detach_victim(t);
	if (index == TABLE_NONE)
		return TABLE_NONE;
	t->inserted++;
	t->links[index].hash = hash;
	table_place(t, index);
	list_append(t, index, list);
	return index;
}
