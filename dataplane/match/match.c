/*
 * match: theory of operation.
 *
 * A set holds, for each context, one Hyperscan database in block mode (or none)
 * and what the compiler worked out: the length of the shortest line
 * that can match, and how such a line can begin (contract/hsdb.h). Most lines of a
 * session (250, 334, MAIL, RCPT) and of a message's header are passed over by these alone.
 *
 * What always holds: a set does not change after it was loaded, so workers
 * share it without locks, and a new one can take its place between two lines:
 * a worker reads one pointer for each line, to its view of a set. Only the
 * view is written while scanning, and each worker has its own. Who swaps it
 * waits for the worker to pass before he frees the old one (io/renew.c).
 *
 * Servers say the same few lines over and over, and tools do. So the answers for the last few
 * lines, of those that are short and no message's, are kept with the lines themselves: the same
 * bytes in the same context have the same answer. A line is looked for in one place, which a
 * weak hash names; who makes lines collide gets each of them scanned, as it would be anyway.
 *
 * Limits: MATCH_LINE_BYTES_MAX of a line are scanned, and of the patterns that
 * match the MATCH_HITS_MAX with the lowest ids are kept, in whatever order
 * Hyperscan reports them. So the answer depends on the line alone.
 *
 * What an attacker would try: lines that cost much. Hyperscan's automata take
 * time linear in the line; each pattern is reported once (SINGLEMATCH), so the
 * callback runs at most once per pattern. Lines in which many patterns match
 * push out higher ids; that hides evidence, never an AUTH outcome, which is not
 * decided here.
 */
#include "dataplane/match/match.h"

#include <errno.h>
#include <fcntl.h>
#include <hs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/hsdb.h"

#define MATCH_LINE_BYTES_MAX 4096 /* longer lines are scanned up to here */
#define KNOWN_LINES 64u           /* a power of two */
#define KNOWN_BYTES_MAX 84u

/* One context: 64 bytes, read for every line. */
struct match_context {
	hs_database_t *db;            /* owned by the set; NULL: no patterns */
	const struct hsdb_head *head; /* the set's */
	struct hsdb_bytes first;
	uint32_t shortest_bytes;
	uint64_t source;
};

struct match_set {
	struct match_context contexts[CONTEXT_COUNT];
	struct hsdb_head heads[CONTEXT_COUNT];
	hs_scratch_t *scratch; /* large enough for each database; never scanned with */
};

/* A line that was scanned, and what was found. Two cache lines. */
struct known_line {
	uint32_t id[MATCH_HITS_MAX];
	uint8_t count;
	uint8_t context;
	uint8_t len; /* 0: none */
	uint8_t line[KNOWN_BYTES_MAX];
};

_Static_assert(sizeof(struct known_line) <= 128, "a known line is two cache lines");

struct match_view {
	struct match_context contexts[CONTEXT_COUNT]; /* a copy; databases are the set's */
	hs_scratch_t *scratch;                        /* owned */
	struct known_line known[KNOWN_LINES];
};

struct match {
	/* match_swap release -> the worker acquire. Owned. */
	struct match_view *_Atomic view;
};

struct file_bytes {
	uint8_t *data;
	size_t len;
};

static int
file_read_descriptor(int fd, struct file_bytes *file)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > HSDB_FILE_BYTES_MAX)
		return -EFBIG;
	file->data = malloc((size_t)st.st_size + 1);
	if (!file->data)
		return -ENOMEM;
	file->len = 0;
	while (file->len < (size_t)st.st_size) {
		ssize_t n = read(fd, file->data + file->len, (size_t)st.st_size - file->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		file->len += (size_t)n;
	}
	return 0;
}

/* Whatever it returns, file->data is to be freed. */
static int
file_read(const char *path, struct file_bytes *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	int rc = file_read_descriptor(fd, file);
	close(fd);
	return rc;
}

static const char *
deserialize_error(hs_error_t error)
{
	switch (error) {
	case HS_DB_VERSION_ERROR:
		return "made by another version of Hyperscan";
	case HS_DB_PLATFORM_ERROR:
		return "made for another kind of CPU";
	case HS_NOMEM:
		return "out of memory";
	default:
		return "Hyperscan does not accept it";
	}
}

/* NULL, or what is wrong with the file's bytes. */
static const char *
context_fill(struct match_set *set, const struct file_bytes *file, enum event_context id)
{
	struct match_context *context = &set->contexts[id];
	struct hsdb_header header;
	const char *problem = hsdb_open(file->data, file->len, id, &header);

	if (problem)
		return problem;
	context->shortest_bytes = header.shortest_bytes ? header.shortest_bytes : 1;
	context->first = header.first;
	context->source = header.source;
	set->heads[id] = header.head;
	context->head = &set->heads[id];
	if (header.patterns == 0)
		return NULL;
	hs_error_t error = hs_deserialize_database((const char *)file->data + sizeof(header),
		(size_t)header.payload_bytes, &context->db);
	return error == HS_SUCCESS ? NULL : deserialize_error(error);
}

static int
context_load(
	struct match_set *set, enum event_context id, const char *dir, char *why, size_t why_len)
{
	char path[4096];
	struct file_bytes file = {NULL, 0};

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, hsdb_file_name(id)) >=
		sizeof(path)) {
		snprintf(why, why_len, "%.64s...: the path is too long", dir);
		return -ENAMETOOLONG;
	}
	int rc = file_read(path, &file);
	if (rc != 0) {
		snprintf(why, why_len, "%s: %s; " HSDB_REMEDY, path, strerror(-rc));
		free(file.data);
		return rc;
	}
	const char *problem = context_fill(set, &file, id);
	free(file.data);
	if (problem) {
		snprintf(why, why_len, "%s: %s; " HSDB_REMEDY, path, problem);
		return -EINVAL;
	}
	if (set->contexts[id].db &&
		hs_alloc_scratch(set->contexts[id].db, &set->scratch) != HS_SUCCESS) {
		snprintf(why, why_len, "%s: out of memory for Hyperscan's scratch", path);
		return -ENOMEM;
	}
	return 0;
}

struct match_set *
match_set_load(const char *dir, char *why, size_t why_len)
{
	if (hs_valid_platform() != HS_SUCCESS) {
		snprintf(why, why_len, "this CPU lacks the instructions that Hyperscan needs");
		return NULL;
	}
	struct match_set *set = calloc(1, sizeof(*set));
	if (!set) {
		snprintf(why, why_len, "%s: out of memory", dir);
		return NULL;
	}
	for (unsigned id = 0; id < CONTEXT_COUNT; id++) {
		if (context_load(set, (enum event_context)id, dir, why, why_len) != 0) {
			match_set_free(set);
			return NULL;
		}
	}
	return set;
}

void
match_set_free(struct match_set *set)
{
	if (!set)
		return;
	for (unsigned id = 0; id < CONTEXT_COUNT; id++)
		hs_free_database(set->contexts[id].db);
	hs_free_scratch(set->scratch);
	free(set);
}

uint64_t
match_set_source(const struct match_set *set, enum event_context context)
{
	return set->contexts[context].source;
}

struct match_view *
match_view_open(const struct match_set *set)
{
	struct match_view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	memcpy(view->contexts, set->contexts, sizeof(view->contexts));
	/* No scratch: no context has patterns. */
	if (set->scratch && hs_clone_scratch(set->scratch, &view->scratch) != HS_SUCCESS) {
		free(view);
		return NULL;
	}
	return view;
}

void
match_view_close(struct match_view *view)
{
	if (!view)
		return;
	hs_free_scratch(view->scratch);
	free(view);
}

struct match *
match_open(const struct match_set *set)
{
	struct match *match = calloc(1, sizeof(*match));
	struct match_view *view = match ? match_view_open(set) : NULL;

	if (!view) {
		free(match);
		return NULL;
	}
	atomic_init(&match->view, view);
	return match;
}

void
match_close(struct match *match)
{
	if (!match)
		return;
	match_view_close(atomic_load_explicit(&match->view, memory_order_relaxed));
	free(match);
}

struct match_view *
match_swap(struct match *match, struct match_view *view)
{
	return atomic_exchange_explicit(&match->view, view, memory_order_acq_rel);
}

/* Keep the lowest ids, sorted. SINGLEMATCH: no id comes twice. */
static int
hits_add(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	struct match_hits *hits = arg;
	unsigned at = hits->count;

	(void)from;
	(void)to;
	(void)flags;
	if (at == MATCH_HITS_MAX) {
		if (id > hits->id[MATCH_HITS_MAX - 1])
			return 0;
		at--;
	} else {
		hits->count++;
	}
	for (; at > 0 && hits->id[at - 1] > id; at--)
		hits->id[at] = hits->id[at - 1];
	hits->id[at] = id;
	return 0;
}

/* Can any pattern match it? */
static inline bool
may_match(const struct match_context *c, const uint8_t *line, size_t len)
{
	return c->db && len >= c->shortest_bytes && hsdb_bytes_has(&c->first, line[0]);
}

static void
scan(struct match_view *view, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits)
{
	const struct match_context *c = &view->contexts[context];

	hits->count = 0;
	if (!hsdb_head_admits(c->head, line, len))
		return;
	if (len > MATCH_LINE_BYTES_MAX)
		len = MATCH_LINE_BYTES_MAX;
	/* It can fail only on misuse (a scratch in use); then nothing was found. */
	if (hs_scan(c->db, (const char *)line, (unsigned)len, 0, view->scratch, hits_add, hits) !=
		HS_SUCCESS)
		hits->count = 0;
}

/* NULL: there is nothing to look for. */
static struct match_view *
view_of(struct match *match, enum event_context context)
{
	if (!match || (unsigned)context >= CONTEXT_COUNT)
		return NULL;
	return atomic_load_explicit(&match->view, memory_order_acquire);
}

void
match_scan(struct match *match, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits)
{
	struct match_view *view = view_of(match, context);

	hits->count = 0;
	if (view && may_match(&view->contexts[context], line, len))
		scan(view, context, line, len, hits);
}

static struct known_line *
known_place(struct match_view *view, enum event_context context, const uint8_t *line, size_t len)
{
	uint32_t head, tail;

	memcpy(&head, line, sizeof(head));
	memcpy(&tail, line + len - sizeof(tail), sizeof(tail));
	uint64_t mixed = (head ^ (uint64_t)tail << 32 ^ len << 24 ^ context) * 0x9e3779b97f4a7c15;
	return &view->known[mixed >> 32 & (KNOWN_LINES - 1)];
}

void
match_line(struct match *match, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits)
{
	struct match_view *view = view_of(match, context);

	hits->count = 0;
	if (!view || !may_match(&view->contexts[context], line, len))
		return;
	if (context == CONTEXT_HEADER || len < 4 || len > KNOWN_BYTES_MAX) {
		scan(view, context, line, len, hits);
		return;
	}
	struct known_line *known = known_place(view, context, line, len);
	if (known->len == len && known->context == context && memcmp(known->line, line, len) == 0) {
		hits->count = known->count;
		memcpy(hits->id, known->id, sizeof(hits->id));
		return;
	}
	scan(view, context, line, len, hits);
	known->len = (uint8_t)len;
	known->context = (uint8_t)context;
	known->count = (uint8_t)hits->count;
	memcpy(known->id, hits->id, sizeof(hits->id[0]) * hits->count);
	memcpy(known->line, line, len);
}
