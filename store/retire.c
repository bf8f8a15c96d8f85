/*
 * What is kept no longer. Closed incidents go whole, those that were told of least recently first.
 * Over the size, when none is closed, the oldest alerts go, by a page of them: an incident that is
 * open stays, with what it said last.
 */
#include "store/internal.h"

#define DROPS_MAX 1024 /* in one call: others want to write, too */

static int
drop(struct store *store, enum store_statement which, uint64_t id)
{
	sqlite3_stmt *s = store_statement(store, which);

	if (!s)
		return store->error;
	store_bind_u64(s, 1, id);
	return store_run(store, s);
}

/* The numbers of the one row that there is. */
static int
numbers(struct store *store, sqlite3_stmt *s, uint64_t *out, unsigned n)
{
	int r = store_step(store, s);

	for (unsigned i = 0; i < n && r == 1; i++)
		out[i] = store_u64(s, (int)i);
	while (r == 1) {
		int next = store_step(store, s);
		if (next != 1)
			return next == 0 ? 1 : next;
	}
	return r;
}

static int
drop_incident(struct store *store, uint64_t id, uint64_t *undelivered)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_UNDELIVERED);
	uint64_t lost = 0;

	if (!s)
		return store->error;
	store_bind_u64(s, 1, id);
	int r = numbers(store, s, &lost, 1);
	if (r >= 0)
		r = drop(store, STATEMENT_DROP_ALERTS, id);
	if (r == 0)
		r = drop(store, STATEMENT_DROP_FINDINGS, id);
	if (r == 0)
		r = drop(store, STATEMENT_DROP_INCIDENT, id);
	if (r == 0)
		*undelivered += lost;
	return r;
}

static int
drop_oldest(struct store *store, uint64_t before_ns, bool over, uint64_t *undelivered)
{
	uint64_t oldest[3] = {0}; /* up to that number, told when, not delivered */
	int r = numbers(store, store_statement(store, STATEMENT_OLDEST_ALERTS), oldest, 3);

	if (r < 0)
		return r;
	if (oldest[0] == 0 || (!over && oldest[1] >= before_ns))
		return 0;
	r = drop(store, STATEMENT_DROP_OLDEST, oldest[0]);
	if (r != 0)
		return r;
	*undelivered += oldest[2];
	return 1;
}

/* 1: something went; 0: nothing is to go; else -errno. */
static int
retire_one(struct store *store, uint64_t before_ns, bool over, uint64_t *undelivered)
{
	uint64_t closed[2] = {0}; /* id, told when */
	int r = numbers(store, store_statement(store, STATEMENT_OLDEST_CLOSED), closed, 2);

	if (r < 0)
		return r;
	if (r == 1 && (over || closed[1] < before_ns)) {
		r = drop_incident(store, closed[0], undelivered);
		return r ? r : 1;
	}
	return drop_oldest(store, before_ns, over, undelivered);
}

static int
size_bytes(struct store *store, uint64_t *bytes)
{
	int r = numbers(store, store_statement(store, STATEMENT_SIZE), bytes, 1);

	return r < 0 ? r : 0;
}

int
store_retire(
	struct store *store, const struct store_keep *keep, uint64_t now_ns, uint64_t *undelivered)
{
	uint64_t before_ns = keep->keep_ns && now_ns > keep->keep_ns ? now_ns - keep->keep_ns : 0;
	uint64_t bytes = 0, lost = 0;
	unsigned dropped = 0;
	int r = store_begin(store);

	if (r != 0)
		return r;
	for (; dropped < DROPS_MAX; dropped++) {
		r = keep->bytes ? size_bytes(store, &bytes) : 0;
		if (r == 0)
			r = retire_one(store, before_ns, keep->bytes && bytes > keep->bytes, &lost);
		if (r != 1)
			break;
	}
	r = store_end(store, r < 0 ? r : 0);
	if (r == 0)
		*undelivered += lost;
	if (r == 0 && dropped > 0)
		r = store_run(store, store_statement(store, STATEMENT_GIVE_BACK));
	return r == 0 && dropped == DROPS_MAX ? 1 : r;
}
