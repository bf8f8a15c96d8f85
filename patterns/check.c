/*
 * Checking a set: compile every context, then try the samples of its patterns
 * on the database that is going to be used.
 */
#include "patterns/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "patterns/database.h"

/* Does one pattern report on one line? */
struct trial {
	uint32_t id;
	bool matched;
};

static int
trial_report(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	struct trial *trial = arg;

	(void)from;
	(void)to;
	(void)flags;
	if (id == trial->id)
		trial->matched = true;
	return 0;
}

/* Passed over without asking Hyperscan, as dataplane/match does. */
static bool
line_is_skipped(const struct pattern_database *database, const char *line)
{
	return strlen(line) < database->shortest_bytes ||
	       !hsdb_bytes_has(&database->first, (uint8_t)line[0]) ||
	       !hsdb_head_admits(&database->head, (const uint8_t *)line, strlen(line));
}

static bool
sample_matches(const struct pattern_database *database, hs_scratch_t *scratch, uint32_t id,
	const char *line)
{
	struct trial trial = {.id = id};

	if (line_is_skipped(database, line))
		return false;
	hs_scan(database->db, line, (unsigned)strlen(line), 0, scratch, trial_report, &trial);
	return trial.matched;
}

static int
samples_try(const struct pattern_database *database, const struct pattern *pattern,
	hs_scratch_t *scratch, char *why, size_t why_len)
{
	const char *starts = pattern_context_starts(database->context);

	if (starts && !strchr(starts, pattern->match[0])) {
		snprintf(why, why_len,
			"%s:%u: id %u: context %s sees only lines that start with one of '%s', not "
			"its sample '%.100s'",
			pattern->file, pattern->line, pattern->id,
			event_context_name(database->context), starts, pattern->match);
		return -EINVAL;
	}
	if (!sample_matches(database, scratch, pattern->id, pattern->match)) {
		snprintf(why, why_len, "%s:%u: id %u does not match its own sample '%.100s'",
			pattern->file, pattern->line, pattern->id, pattern->match);
		return -EINVAL;
	}
	if (sample_matches(database, scratch, pattern->id, pattern->no_match)) {
		snprintf(why, why_len,
			"%s:%u: id %u matches '%.100s', which its no_match rules out",
			pattern->file, pattern->line, pattern->id, pattern->no_match);
		return -EINVAL;
	}
	return 0;
}

static int
database_check(const struct pattern_database *database, const struct pattern_set *set, char *why,
	size_t why_len)
{
	hs_scratch_t *scratch = NULL;
	int rc = 0;

	if (!database->db)
		return 0;
	if (hs_alloc_scratch(database->db, &scratch) != HS_SUCCESS) {
		snprintf(why, why_len, "out of memory for Hyperscan's scratch");
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->count && rc == 0; i++) {
		if (set->patterns[i].context == database->context)
			rc = samples_try(database, &set->patterns[i], scratch, why, why_len);
	}
	hs_free_scratch(scratch);
	return rc;
}

int
pattern_set_compile(const struct pattern_set *set, const char *dir,
	const struct pattern_check *options, char *why, size_t why_len)
{
	struct pattern_database databases[CONTEXT_COUNT] = {0};
	int rc = 0;

	if (hs_valid_platform() != HS_SUCCESS) {
		snprintf(why, why_len, "this CPU lacks the instructions that Hyperscan needs");
		return -ENOTSUP;
	}
	for (unsigned i = 0; i < CONTEXT_COUNT && rc == 0; i++) {
		databases[i].context = (enum event_context)i;
		rc = pattern_database_compile(&databases[i], set, options, why, why_len);
		if (rc == 0)
			rc = database_check(&databases[i], set, why, why_len);
	}
	for (unsigned i = 0; dir && i < CONTEXT_COUNT && rc == 0; i++)
		rc = pattern_database_write(&databases[i], dir, why, why_len);
	for (unsigned i = 0; i < CONTEXT_COUNT; i++)
		pattern_database_free(&databases[i]);
	return rc;
}

int
pattern_set_check(const struct pattern_set *set, const struct pattern_check *options, char *why,
	size_t why_len)
{
	return pattern_set_compile(set, NULL, options, why, why_len);
}
