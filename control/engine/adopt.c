/*
 * Theory of operation.
 *
 * Findings that an earlier run told of are in the book from the start, open, under their ids, and
 * their incidents in the chain with all that ties them. They have no subject in the tables: what
 * is in those may be less than what the run knew. When a detector finds the same subject anew, the
 * entry goes on: filled in as a new one, with what it was before as the least. When nobody does it
 * falls silent as any other, and is told closed.
 *
 * `attempts` and the like are the greater of what was told and what is seen now: some may have been
 * seen by both.
 */
#include <stdlib.h>
#include <string.h>

#include "control/engine/internal.h"

#define NO_DETECTOR DETECTOR_COUNT

/* Wide prefixes are told under the name of another detector. */
static unsigned
detector_of(const struct engine_earlier *earlier)
{
	size_t len = strlen(earlier->subject);
	const char *end = len > 3 ? earlier->subject + len - 3 : "";

	if (earlier->subject_type == SUBJECT_PREFIX &&
		(strcmp(end, "/56") == 0 || strcmp(end, "/48") == 0) &&
		strcmp(earlier->detector, detector_info(DETECTOR_DISTRIBUTED_PREFIX)->name) == 0)
		return DETECTOR_DISTRIBUTED_PREFIX;
	for (unsigned d = 0; d < DETECTOR_COUNT; d++)
		if (strcmp(earlier->detector, detector_info(d)->name) == 0)
			return d;
	return NO_DETECTOR;
}

int
adopt_open(struct engine *engine)
{
	return lookup_open(&engine->unseen, engine->book.capacity);
}

/* Names are strangers': nobody chooses which of them meet. */
static uint64_t
hash_of(const struct engine *engine, const char *subject)
{
	return siphash_table(&engine->aggr.key, subject, strnlen(subject, SUBJECT_NAME_MAX));
}

static void
note_unseen(struct engine *engine, const struct book_entry *entry)
{
	lookup_put(&engine->unseen, hash_of(engine, entry->finding.subject),
		book_ref(&engine->book, entry) - 1);
}

static void
forget_unseen(struct engine *engine, const struct book_entry *entry)
{
	lookup_drop(&engine->unseen, hash_of(engine, entry->finding.subject),
		book_ref(&engine->book, entry) - 1);
	engine->adopted--;
}

void
adopt_look(struct engine *engine)
{
	lookup_clear(&engine->unseen);
	for (uint32_t n = 0; n < engine->book.used; n++) {
		const struct book_entry *entry = &engine->book.entries[n];

		if (entry->subject == SUBJECT_UNSEEN && !entry->finding.closed)
			note_unseen(engine, entry);
	}
}

static void
fill(const struct engine *engine, struct finding *f, const struct engine_earlier *earlier)
{
	uint64_t now_ns = engine->clock_ns;

	f->subject_type = earlier->subject_type;
	strncpy(f->subject, earlier->subject, SUBJECT_NAME_MAX);
	f->first_seen_ns = earlier->first_ns;
	f->last_seen_ns = earlier->last_ns;
	/* The clock that it was seen by is not known; packets carry nearly the same time. */
	f->first_clock_ns = earlier->first_ns;
	f->last_clock_ns = earlier->last_ns;
	if (now_ns != 0 && f->last_clock_ns > now_ns)
		f->last_clock_ns = now_ns;
	if (f->first_clock_ns > f->last_clock_ns)
		f->first_clock_ns = f->last_clock_ns;
	f->attempts = earlier->attempts;
	f->failures = earlier->failures;
	f->successes = earlier->successes;
	f->confidence = earlier->confidence;
	f->last_flow = earlier->last_flow;
	f->sources = earlier->subject_type == SUBJECT_SOURCE;
	f->accounts = earlier->subject_type == SUBJECT_ACCOUNT;
	f->targets = earlier->subject_type == SUBJECT_SERVER;
}

bool
engine_adopt(struct engine *engine, const struct engine_earlier *earlier)
{
	unsigned detector = detector_of(earlier);
	struct book_entry *entry;

	if (detector == NO_DETECTOR || book_has(&engine->book, earlier->finding))
		return false;
	entry = book_adopt(&engine->book, detector_info(detector)->severity, earlier->finding);
	if (entry == NULL)
		return false;
	chain_forget(&engine->chain, entry);
	entry->finding.detector = detector;
	entry->subject = SUBJECT_UNSEEN;
	fill(engine, &entry->finding, earlier);
	book_told(entry, entry->finding.last_clock_ns);
	chain_adopt(&engine->chain, entry, &earlier->incident, entry->finding.last_clock_ns);
	book_watch(&engine->book, entry);
	engine->adopted++;
	note_unseen(engine, entry);
	return true;
}

struct book_entry *
adopt_take(struct engine *engine, unsigned detector, enum subject_type type, const char *subject,
	struct finding *was)
{
	const char *name = detector_info(detector)->name;
	struct book_entry *entry;
	uint32_t n, first = LOOKUP_NONE;

	if (engine->adopted == 0)
		return NULL;
	/* Of several the first of the book: their order here is that of adoption. */
	for (n = lookup_first(&engine->unseen, hash_of(engine, subject)); n != LOOKUP_NONE;
		n = lookup_next(&engine->unseen, n)) {
		const struct finding *f = &engine->book.entries[n].finding;

		if (n < first && f->subject_type == type && strcmp(f->subject, subject) == 0 &&
			strcmp(detector_info(f->detector)->name, name) == 0)
			first = n;
	}
	if (first == LOOKUP_NONE)
		return NULL;
	entry = &engine->book.entries[first];
	forget_unseen(engine, entry);
	*was = entry->finding;
	memset(&entry->finding, 0, sizeof(entry->finding));
	entry->finding.id = was->id;
	return entry;
}

static void
raise_to(uint64_t *value, uint64_t least)
{
	if (*value < least)
		*value = least;
}

void
adopt_go_on(struct book_entry *entry, const struct finding *was)
{
	struct finding *f = &entry->finding;

	if (was->first_seen_ns < f->first_seen_ns)
		f->first_seen_ns = was->first_seen_ns;
	if (was->first_clock_ns < f->first_clock_ns)
		f->first_clock_ns = was->first_clock_ns;
	raise_to(&f->last_seen_ns, was->last_seen_ns);
	raise_to(&f->attempts, was->attempts);
	raise_to(&f->failures, was->failures);
	raise_to(&f->successes, was->successes);
	if (was->confidence > f->confidence)
		f->confidence = was->confidence;
}

void
adopt_end(struct engine *engine, const struct book_entry *entry)
{
	if (entry->subject == SUBJECT_UNSEEN)
		forget_unseen(engine, entry);
}
