/*
 * renew: theory of operation.
 *
 * Keeps: the set and the views that were swapped out last, and the token of that.
 *
 * A worker reads its view's pointer for each line, and says once in each turn of its loop that it
 * holds none (rte_rcu_qsbr_quiescent: one store of its own). The main lcore reads from its
 * configuration where the patterns are by now, loads the new set, makes a view for each worker,
 * swaps the pointers, and takes a token; when all workers have said so since, what was swapped out
 * is freed. Nobody waits: it looks each second.
 *
 * Always holds: workers see a whole set, some a turn later than others; no packet waits. While one
 * set is still to be freed no other is taken. A set that is not what control expects, is damaged
 * or does not fit into memory changes nothing.
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/renew.h"

#include <errno.h>
#include <rte_rcu_qsbr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/hsdb.h"
#include "dataplane/io/patterns.h"
#include "dataplane/io/run_internal.h"

int
renew_open(struct run *run)
{
	struct rte_rcu_qsbr *v = run_memory(rte_rcu_qsbr_get_memsize(run->worker_count));

	if (!v || rte_rcu_qsbr_init(v, run->worker_count) != 0)
		return run_fail(EXIT_FAILED, "no memory for what workers say of themselves");
	run->renew.passing = v;
	for (unsigned i = 0; i < run->worker_count; i++) {
		run->workers[i].passing = v;
		run->workers[i].number = i;
	}
	return 0;
}

static bool
is_made_of(const struct match_set *set, const uint64_t source[CONTEXT_COUNT], unsigned *which)
{
	for (*which = 0; *which < CONTEXT_COUNT; (*which)++)
		if (match_set_source(set, (enum event_context) * which) != source[*which])
			return false;
	return true;
}

/* 0: the set is the workers' now; or -ENOMEM: nothing has changed. */
static int
swap_in(struct run *run, struct match_set *set)
{
	struct renew *renew = &run->renew;
	struct match_view *views[HELLO_WORKERS_MAX];

	for (unsigned i = 0; i < run->worker_count; i++) {
		views[i] = match_view_open(set);
		if (views[i])
			continue;
		while (i > 0)
			match_view_close(views[--i]);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < run->worker_count; i++)
		renew->old_views[i] = match_swap(run->workers[i].match, views[i]);
	renew->old_set = run->patterns;
	run->patterns = set;
	renew->token = rte_rcu_qsbr_start(renew->passing);
	renew->waits = true;
	return 0;
}

/*
 * The folder, as the configuration has it by now: nobody tells it to us, so that control cannot
 * choose what is loaded. One that we may not read any more counts as it did at the start. 0, or
 * -errno with why.
 */
static int
find_folder(const struct options *o, char dir[CONFIG_TEXT_MAX], char *why, size_t why_len)
{
	struct config *now;

	snprintf(dir, CONFIG_TEXT_MAX, "%s", o->config.pattern_dir);
	if (!o->config_file || o->patterns_given)
		return 0;
	now = malloc(sizeof(*now)); /* large */
	if (!now) {
		snprintf(why, why_len, "%s: out of memory", o->config_file);
		return -ENOMEM;
	}
	config_defaults(now);
	int r = config_read(now, o->config_file, why, why_len);
	if (r == 0)
		snprintf(dir, CONFIG_TEXT_MAX, "%s", now->pattern_dir);
	config_free(now);
	free(now);
	return r == -EACCES ? 0 : r;
}

static int
load(struct run *run, const struct swap *ask, char *why, size_t why_len)
{
	unsigned which;
	char dir[CONFIG_TEXT_MAX];
	struct match_set *set;

	renew_look(run);
	if (is_made_of(run->patterns, ask->source, &which))
		return 0;
	if (run->renew.waits) {
		snprintf(why, why_len, "workers are still about to leave the patterns of before");
		return -EBUSY;
	}
	int r = find_folder(run->options, dir, why, why_len);
	if (r != 0)
		return r;
	set = patterns_load(dir, why, why_len);
	r = -EINVAL;
	if (!set)
		return r;
	if (!is_made_of(set, ask->source, &which))
		snprintf(why, why_len,
			"%s%s%s was not compiled from the pattern files as they are; " HSDB_REMEDY,
			dir, dir[0] ? "/" : "", hsdb_file_name((enum event_context)which));
	else if ((r = swap_in(run, set)) != 0)
		snprintf(why, why_len, "out of memory for the patterns of %u workers",
			run->worker_count);
	if (r != 0)
		match_set_free(set);
	return r;
}

void
renew_ask(struct run *run, const struct swap *ask)
{
	struct swap answer;

	swap_init(&answer, SWAP_ANSWER, ask->number);
	run_notify_reloading(run);
	answer.result = load(run, ask, answer.why, sizeof(answer.why));
	notify_ready(&run->notify);
	for (unsigned i = 0; i < CONTEXT_COUNT; i++)
		answer.source[i] = match_set_source(run->patterns, (enum event_context)i);
	/* Control that is not there to hear asks again when it is. */
	swap_send(run->control_fd, &answer);
}

static void
free_old(struct run *run)
{
	struct renew *renew = &run->renew;

	if (!renew->waits)
		return;
	for (unsigned i = 0; i < run->worker_count; i++)
		match_view_close(renew->old_views[i]);
	match_set_free(renew->old_set);
	renew->waits = false;
}

void
renew_look(struct run *run)
{
	struct renew *renew = &run->renew;

	if (renew->waits && rte_rcu_qsbr_check(renew->passing, renew->token, false) == 1)
		free_old(run);
}

void
renew_close(struct run *run)
{
	free_old(run);
}
