/* Compiling one context's patterns, and the file that comes of it. */
#include "patterns/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "patterns/expression.h"

/* The parallel arrays that hs_compile_multi takes. */
struct inputs {
	const struct pattern **patterns;
	const char **expressions;
	unsigned *flags;
	unsigned *ids;
	unsigned count;
};

static void
inputs_free(struct inputs *in)
{
	free(in->patterns);
	free(in->expressions);
	free(in->flags);
	free(in->ids);
}

static unsigned
hyperscan_flags(const struct pattern *pattern)
{
	/* Whether a pattern occurs is all that is asked: one report each. */
	unsigned flags = HS_FLAG_SINGLEMATCH;

	if (strchr(pattern->flags, 'i'))
		flags |= HS_FLAG_CASELESS;
	if (strchr(pattern->flags, 's'))
		flags |= HS_FLAG_DOTALL;
	return flags;
}

static int
inputs_gather(struct inputs *in, const struct pattern_set *set, enum event_context context)
{
	size_t room = set->count ? set->count : 1;

	in->patterns = calloc(room, sizeof(*in->patterns));
	in->expressions = calloc(room, sizeof(*in->expressions));
	in->flags = calloc(room, sizeof(*in->flags));
	in->ids = calloc(room, sizeof(*in->ids));
	if (!in->patterns || !in->expressions || !in->flags || !in->ids)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++) {
		const struct pattern *p = &set->patterns[i];
		if (p->context != context)
			continue;
		in->patterns[in->count] = p;
		in->expressions[in->count] = p->expression;
		in->flags[in->count] = hyperscan_flags(p);
		in->ids[in->count] = p->id;
		in->count++;
	}
	return 0;
}

static int
compile_fail(const struct pattern *pattern, hs_compile_error_t *error, char *why, size_t why_len)
{
	const char *message = error && error->message ? error->message : "out of memory";

	if (pattern)
		snprintf(why, why_len, "%s:%u: expression of id %u: %s", pattern->file,
			pattern->line, pattern->id, message);
	else
		snprintf(why, why_len, "Hyperscan cannot compile: %s", message);
	hs_free_compile_error(error);
	return -EINVAL;
}

/*
 * What a context's lines start with at all; NULL: anything. Replies are refusals
 * (4yz, 5yz): what a server grants says little, and is most of what it says.
 */
static const char *const context_starts[CONTEXT_COUNT] = {
	[CONTEXT_BANNER] = "2",
	[CONTEXT_REPLY] = "45",
};

static void
first_bytes_restrict(struct pattern_database *database)
{
	const char *starts = context_starts[database->context];
	struct hsdb_bytes seen = {0};

	if (!starts)
		return;
	for (; *starts; starts++)
		hsdb_bytes_add(&seen, (uint8_t)*starts);
	for (size_t i = 0; i < sizeof(seen.bit) / sizeof(seen.bit[0]); i++)
		database->first.bit[i] &= seen.bit[i];
}

const char *
pattern_context_starts(enum event_context context)
{
	return context_starts[context];
}

/* Groups below are for patterns that need no byte: four letters that follow one another share one,
   and X, with which most patterns of a header begin, has its own there. */
#define GROUPS_WITHOUT 4u

/* The group for patterns whose lines begin so and need this byte. */
static unsigned
group_find(struct hsdb_head *head, const struct hsdb_bytes *first, uint8_t needs)
{
	unsigned byte = 0, group = GROUPS_WITHOUT;

	if (needs == 0) {
		while (byte < 255 && !hsdb_bytes_has(first, (uint8_t)byte))
			byte++;
		return byte / 4 % GROUPS_WITHOUT;
	}
	for (; group < HSDB_GROUPS; group++) {
		if (head->needs[group] == 0 || head->needs[group] == needs) {
			head->needs[group] = needs;
			return group;
		}
	}
	return 0; /* no group is left: as if it needed none */
}

static void
head_add(struct pattern_database *database, const char *expression, bool caseless)
{
	struct hsdb_bytes own[HSDB_HEAD_BYTES];

	expression_head(expression, caseless, own);
	unsigned group = group_find(&database->head, &own[0], expression_needs(expression));
	for (unsigned i = 0; i < HSDB_HEAD_BYTES; i++)
		for (unsigned byte = 0; byte < 256; byte++)
			if (hsdb_bytes_has(&own[i], (uint8_t)byte))
				database->head.groups[i][byte] |= (uint8_t)(1u << group);
}

/* Each expression by itself: its shortest match, and what it is advised against. */
static int
pattern_inspect(struct pattern_database *database, const struct pattern *pattern,
	const struct pattern_check *options, char *why, size_t why_len)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *error = NULL;

	if (hs_expression_info(pattern->expression, hyperscan_flags(pattern), &info, &error) !=
		HS_SUCCESS)
		return compile_fail(pattern, error, why, why_len);
	unsigned shortest = info->min_width;
	free(info);
	if (shortest == 0) {
		snprintf(why, why_len,
			"%s:%u: expression of id %u: it matches an empty line, so it matches every "
			"line; give it something that must be there",
			pattern->file, pattern->line, pattern->id);
		return -EINVAL;
	}
	if (shortest < database->shortest_bytes)
		database->shortest_bytes = shortest;
	bool caseless = strchr(pattern->flags, 'i') != NULL;
	expression_first_bytes(pattern->expression, caseless, &database->first);
	head_add(database, pattern->expression, caseless);
	if (!expression_is_slow(pattern->expression))
		return 0;
	char advice[512];
	snprintf(advice, sizeof(advice),
		"%s:%u: expression of id %u: a '.*' that is not behind '^' makes every line "
		"slower; "
		"start with '^', or use a literal alone",
		pattern->file, pattern->line, pattern->id);
	if (options && options->strict) {
		snprintf(why, why_len, "%s", advice);
		return -EINVAL;
	}
	if (options && options->advise)
		options->advise(options->arg, advice);
	return 0;
}

static int
inputs_compile(struct pattern_database *database, const struct inputs *in,
	const struct pattern_check *options, char *why, size_t why_len)
{
	/* tune 0, features 0: what each CPU has that the library runs on at all. For sets of
	   this size what a newer CPU could do makes no difference (README.md), and a package
	   built on one machine must load on another. */
	const hs_platform_info_t any_cpu = {0};
	hs_compile_error_t *error = NULL;

	database->shortest_bytes = UINT32_MAX;
	for (unsigned i = 0; i < in->count; i++) {
		int rc = pattern_inspect(database, in->patterns[i], options, why, why_len);
		if (rc != 0)
			return rc;
	}
	first_bytes_restrict(database);
	if (hs_compile_multi(in->expressions, in->flags, in->ids, in->count, HS_MODE_BLOCK,
		    options && options->this_cpu ? NULL : &any_cpu, &database->db,
		    &error) == HS_SUCCESS)
		return 0;
	bool known = error && error->expression >= 0 && (unsigned)error->expression < in->count;
	return compile_fail(known ? in->patterns[error->expression] : NULL, error, why, why_len);
}

int
pattern_database_compile(struct pattern_database *database, const struct pattern_set *set,
	const struct pattern_check *options, char *why, size_t why_len)
{
	struct inputs in = {0};
	int rc = inputs_gather(&in, set, database->context);

	if (rc != 0)
		snprintf(why, why_len, "out of memory for %zu patterns", set->count);
	else if (in.count != 0)
		rc = inputs_compile(database, &in, options, why, why_len);
	database->patterns = in.count;
	database->source = pattern_set_source(set, database->context);
	inputs_free(&in);
	return rc;
}

void
pattern_database_free(struct pattern_database *database)
{
	hs_free_database(database->db);
	database->db = NULL;
}

static int
write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
file_replace(const char *path, const struct hsdb_header *header, const char *payload)
{
	char temporary[4096 + 16];

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = write_all(fd, header, sizeof(*header));
	if (rc == 0)
		rc = write_all(fd, payload, (size_t)header->payload_bytes);
	if (rc == 0 && (fchmod(fd, 0644) != 0 || fsync(fd) != 0))
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(temporary);
	return rc;
}

int
pattern_database_write(
	const struct pattern_database *database, const char *dir, char *why, size_t why_len)
{
	struct hsdb_header header = {
		.context = database->context,
		.patterns = database->patterns,
		.shortest_bytes = database->db ? database->shortest_bytes : 0,
		.first = database->first,
		.head = database->head,
		.source = database->source,
	};
	char path[4096];
	char *payload = NULL;
	size_t payload_bytes = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, hsdb_file_name(database->context)) >=
		sizeof(path)) {
		snprintf(why, why_len, "%.64s...: the path is too long", dir);
		return -ENAMETOOLONG;
	}
	if (database->db &&
		hs_serialize_database(database->db, &payload, &payload_bytes) != HS_SUCCESS) {
		snprintf(why, why_len, "%s: out of memory", path);
		return -ENOMEM;
	}
	header.payload_bytes = payload_bytes;
	hsdb_seal(&header, payload);
	int rc = file_replace(path, &header, payload);
	free(payload);
	if (rc != 0)
		snprintf(why, why_len, "%s: cannot be written: %s", path, strerror(-rc));
	return rc;
}
