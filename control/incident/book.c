/*
 * Theory of operation.
 *
 * Entries are taken at start. An open finding is in a heap by its deadline:
 * the end of the quiet time after its last attempt. Attempts move the deadline
 * without touching the heap; what comes up too early is put back where it
 * belongs, so each attempt costs nothing and each closing a few steps. The
 * heap's order is (deadline, id), which makes the order of closings the same
 * in each run.
 *
 * The quiet time of an attack that is slow by itself is longer: four of its
 * own mean gaps, so that a printer that tries every hour is one finding.
 *
 * When all entries are used, the one that closed first is used anew; when all
 * are open, new findings are refused and counted. An attacker who wants that
 * must run as many attacks at once as finding.table allows, and each of them
 * is on display.
 */
#include "control/incident/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_GAPS 4u
#define QUIET_MAX_NS (24 * NS_PER_H)
#define GROWTH 10u /* told of at once when it has grown so many times */
#define SLOW 12u   /* update intervals between two tellings of what grew by less than a quarter */

int
book_open(struct book *book, const struct config *config)
{
	uint32_t n = (uint32_t)config->incident_table;

	*book = (struct book){.config = config, .capacity = n};
	book->entries = calloc(n, sizeof(*book->entries));
	book->heap = calloc(n, sizeof(*book->heap));
	book->closed = calloc(n, sizeof(*book->closed));
	if (book->entries && book->heap && book->closed)
		return 0;
	book_close(book);
	return -ENOMEM;
}

void
book_close(struct book *book)
{
	free(book->entries);
	free(book->heap);
	free(book->closed);
	*book = (struct book){0};
}

uint32_t
book_ref(const struct book *book, const struct book_entry *entry)
{
	return (uint32_t)(entry - book->entries) + 1;
}

struct book_entry *
book_at(const struct book *book, uint32_t ref)
{
	return &book->entries[ref - 1];
}

struct book_entry *
book_add(struct book *book)
{
	struct book_entry *entry;

	if (book->used < book->capacity) {
		entry = &book->entries[book->used++];
	} else if (book->closed_len > 0) {
		entry = &book->entries[book->closed[book->closed_first]];
		book->closed_first = (book->closed_first + 1) % book->capacity;
		book->closed_len--;
	} else {
		book->refused++;
		return NULL;
	}
	memset(entry, 0, sizeof(*entry));
	entry->finding.id = ++book->opened;
	entry->at = BOOK_NOT_IN_HEAP;
	return entry;
}

static uint64_t
deadline(const struct book *book, const struct finding *i)
{
	uint64_t quiet = book->config->incident_quiet;
	uint64_t gap = 0;

	if (i->attempts > 1)
		gap = (i->last_clock_ns - i->first_clock_ns) / (i->attempts - 1);
	if (gap * QUIET_GAPS > quiet)
		quiet = gap * QUIET_GAPS;
	if (quiet > QUIET_MAX_NS && book->config->incident_quiet < QUIET_MAX_NS)
		quiet = QUIET_MAX_NS;
	return i->last_clock_ns + quiet;
}

static bool
before(const struct book *book, uint32_t a, uint32_t b)
{
	const struct book_entry *x = &book->entries[a];
	const struct book_entry *y = &book->entries[b];

	if (x->deadline_ns != y->deadline_ns)
		return x->deadline_ns < y->deadline_ns;
	return x->finding.id < y->finding.id;
}

static void
heap_put(struct book *book, uint32_t at, uint32_t entry)
{
	book->heap[at] = entry;
	book->entries[entry].at = at;
}

static void
heap_up(struct book *book, uint32_t at)
{
	uint32_t entry = book->heap[at];

	while (at > 0 && before(book, entry, book->heap[(at - 1) / 2])) {
		heap_put(book, at, book->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(book, at, entry);
}

static void
heap_down(struct book *book, uint32_t at)
{
	uint32_t entry = book->heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= book->heap_len)
			break;
		if (child + 1 < book->heap_len &&
			before(book, book->heap[child + 1], book->heap[child]))
			child++;
		if (!before(book, book->heap[child], entry))
			break;
		heap_put(book, at, book->heap[child]);
		at = child;
	}
	heap_put(book, at, entry);
}

void
book_watch(struct book *book, struct book_entry *entry)
{
	entry->deadline_ns = deadline(book, &entry->finding);
	heap_put(book, book->heap_len++, (uint32_t)(entry - book->entries));
	heap_up(book, entry->at);
}

struct book_entry *
book_expired(struct book *book, uint64_t now_ns)
{
	/* Each turn closes one or moves one to its true place: at most heap_len turns. */
	while (book->heap_len > 0) {
		struct book_entry *entry = &book->entries[book->heap[0]];
		uint64_t due = deadline(book, &entry->finding);

		if (entry->deadline_ns > now_ns)
			return NULL;
		if (due == entry->deadline_ns)
			return entry;
		entry->deadline_ns = due;
		heap_down(book, 0);
	}
	return NULL;
}

void
book_end(struct book *book, struct book_entry *entry)
{
	uint32_t at = entry->at;
	uint32_t last = book->heap[--book->heap_len];

	if (at < book->heap_len) {
		heap_put(book, at, last);
		heap_up(book, at);
		heap_down(book, book->entries[last].at);
	}
	entry->at = BOOK_NOT_IN_HEAP;
	entry->finding.closed = true;
	book->closed[(book->closed_first + book->closed_len++) % book->capacity] =
		(uint32_t)(entry - book->entries);
}

bool
book_due(const struct book *book, const struct book_entry *entry, uint64_t now_ns)
{
	const struct finding *i = &entry->finding;
	uint64_t waited_ns = now_ns - entry->told_clock_ns;
	uint64_t interval_ns = book->config->incident_update;

	if (i->successes > 0 && entry->told_successes == 0)
		return true;
	if (i->attempts >= entry->told_attempts * GROWTH)
		return true;
	if (i->attempts == entry->told_attempts || waited_ns < interval_ns)
		return false;
	/* What grows by little is told of seldom: a printer, by the hour. */
	return i->attempts * 4 >= entry->told_attempts * 5 || waited_ns >= SLOW * interval_ns;
}

void
book_told(struct book_entry *entry, uint64_t now_ns)
{
	entry->told_clock_ns = now_ns;
	entry->told_attempts = entry->finding.attempts;
	entry->told_successes = entry->finding.successes;
}

static int
by_id(const void *a, const void *b)
{
	const struct finding *const *x = a;
	const struct finding *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

size_t
book_list(const struct book *book, const struct finding **out, size_t max)
{
	/* Ids are without holes, and entries are used anew in the order of closing, so those
	   that remain may begin anywhere: gather, then sort. */
	size_t n = 0;

	for (uint32_t i = 0; i < book->used && n < max; i++)
		out[n++] = &book->entries[i].finding;
	qsort(out, n, sizeof(*out), by_id);
	return n;
}
