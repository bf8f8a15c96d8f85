/*
 * Theory of operation.
 *
 * Entries are taken at start. An open finding is in the heap of its severity,
 * by its deadline: the end of the quiet time after its last attempt. Attempts
 * move the deadline without touching the heap; what comes up too early is put
 * back where it belongs, so each attempt costs nothing and each closing a few
 * steps. The heaps' order is (deadline, id), which makes the order of closings
 * the same in each run.
 *
 * The quiet time of an attack that is slow by itself is longer: four of its
 * own mean gaps, so that a printer that tries every hour is one finding.
 *
 * When all entries are used, the one that closed first is used anew. When all
 * are open, one that is less severe than the new one may be closed for it
 * (book_least); else the new one is refused and counted. An attacker who fills
 * the book with scans or guessing does not hide who got in; to keep out another
 * guesser he must run as many attacks at once as incident.table allows, and
 * each of them is on display.
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
	bool enough = true;

	*book = (struct book){.config = config, .capacity = n};
	book->entries = calloc(n, sizeof(*book->entries));
	book->closed = calloc(n, sizeof(*book->closed));
	for (unsigned i = 0; i < BOOK_SEVERITIES; i++) {
		book->heap[i].at = calloc(n, sizeof(*book->heap[i].at));
		enough &= book->heap[i].at != NULL;
	}
	if (enough && book->entries && book->closed && lookup_open(&book->ids, n) == 0)
		return 0;
	book_close(book);
	return -ENOMEM;
}

void
book_close(struct book *book)
{
	free(book->entries);
	for (unsigned i = 0; i < BOOK_SEVERITIES; i++)
		free(book->heap[i].at);
	free(book->closed);
	lookup_close(&book->ids);
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

/* One for that id; NULL: none is free or closed. */
static struct book_entry *
take_entry(struct book *book, unsigned severity, uint64_t id)
{
	struct book_entry *entry;

	if (book->used < book->capacity) {
		entry = &book->entries[book->used++];
	} else if (book->closed_len > 0) {
		entry = &book->entries[book->closed[book->closed_first]];
		book->closed_first = (book->closed_first + 1) % book->capacity;
		book->closed_len--;
		lookup_drop(&book->ids, entry->finding.id, (uint32_t)(entry - book->entries));
	} else {
		return NULL;
	}
	memset(entry, 0, sizeof(*entry));
	entry->finding.id = id;
	lookup_put(&book->ids, id, (uint32_t)(entry - book->entries));
	entry->at = BOOK_NOT_IN_HEAP;
	entry->severity = severity < BOOK_SEVERITIES ? severity : BOOK_SEVERITIES;
	return entry;
}

struct book_entry *
book_add(struct book *book, unsigned severity)
{
	struct book_entry *entry = take_entry(book, severity, book->before + book->opened + 1);

	if (entry != NULL)
		book->opened++;
	return entry;
}

struct book_entry *
book_adopt(struct book *book, unsigned severity, uint64_t id)
{
	return take_entry(book, severity, id);
}

bool
book_has(const struct book *book, uint64_t id)
{
	uint32_t n = lookup_first(&book->ids, id);

	while (n != LOOKUP_NONE && book->entries[n].finding.id != id)
		n = lookup_next(&book->ids, n);
	return n != LOOKUP_NONE;
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

static struct book_heap *
heap_of(struct book *book, const struct book_entry *entry)
{
	return &book->heap[entry->severity - 1];
}

static void
heap_put(struct book *book, struct book_heap *heap, uint32_t at, uint32_t entry)
{
	heap->at[at] = entry;
	book->entries[entry].at = at;
}

static void
heap_up(struct book *book, struct book_heap *heap, uint32_t at)
{
	uint32_t entry = heap->at[at];

	while (at > 0 && before(book, entry, heap->at[(at - 1) / 2])) {
		heap_put(book, heap, at, heap->at[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(book, heap, at, entry);
}

static void
heap_down(struct book *book, struct book_heap *heap, uint32_t at)
{
	uint32_t entry = heap->at[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= heap->len)
			break;
		if (child + 1 < heap->len && before(book, heap->at[child + 1], heap->at[child]))
			child++;
		if (!before(book, heap->at[child], entry))
			break;
		heap_put(book, heap, at, heap->at[child]);
		at = child;
	}
	heap_put(book, heap, at, entry);
}

void
book_watch(struct book *book, struct book_entry *entry)
{
	struct book_heap *heap = heap_of(book, entry);

	entry->deadline_ns = deadline(book, &entry->finding);
	heap_put(book, heap, heap->len++, (uint32_t)(entry - book->entries));
	heap_up(book, heap, entry->at);
	if (entry->deadline_ns < book->expires_ns)
		book->expires_ns = entry->deadline_ns;
}

/* The first of a heap, by its true deadline if that had come by now_ns; NULL: empty. */
static struct book_entry *
heap_first(struct book *book, struct book_heap *heap, uint64_t now_ns)
{
	/* Each turn ends it or moves one to its true place: at most heap->len turns. */
	while (heap->len > 0) {
		struct book_entry *entry = &book->entries[heap->at[0]];
		uint64_t due;

		if (entry->deadline_ns > now_ns)
			return entry;
		due = deadline(book, &entry->finding);
		if (due == entry->deadline_ns)
			return entry;
		entry->deadline_ns = due;
		heap_down(book, heap, 0);
	}
	return NULL;
}

struct book_entry *
book_expired(struct book *book, uint64_t now_ns)
{
	struct book_entry *first = NULL;
	uint64_t next_ns = UINT64_MAX;

	if (now_ns < book->expires_ns)
		return NULL;
	for (unsigned i = 0; i < BOOK_SEVERITIES; i++) {
		struct book_entry *entry = heap_first(book, &book->heap[i], now_ns);

		if (entry != NULL && entry->deadline_ns < next_ns)
			next_ns = entry->deadline_ns;
		if (entry == NULL || entry->deadline_ns > now_ns)
			continue;
		if (first == NULL || before(book, (uint32_t)(entry - book->entries),
					     (uint32_t)(first - book->entries)))
			first = entry;
	}
	book->expires_ns = next_ns;
	return first;
}

struct book_entry *
book_least(struct book *book, unsigned severity)
{
	struct book_entry *entry = NULL;

	for (unsigned i = BOOK_SEVERITIES; entry == NULL && i > severity; i--)
		entry = heap_first(book, &book->heap[i - 1], UINT64_MAX);
	return entry;
}

struct book_entry *
book_first_open(const struct book *book)
{
	struct book_entry *first = NULL;

	for (unsigned i = 0; i < BOOK_SEVERITIES; i++) {
		for (uint32_t n = 0; n < book->heap[i].len; n++) {
			struct book_entry *entry = &book->entries[book->heap[i].at[n]];

			if (first == NULL || entry->finding.id < first->finding.id)
				first = entry;
		}
	}
	return first;
}

void
book_end(struct book *book, struct book_entry *entry)
{
	struct book_heap *heap = heap_of(book, entry);
	uint32_t at = entry->at;
	uint32_t last = heap->at[--heap->len];

	if (at < heap->len) {
		heap_put(book, heap, at, last);
		heap_up(book, heap, at);
		heap_down(book, heap, book->entries[last].at);
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
