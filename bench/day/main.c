/*
 * smtap-day: where does each detector begin to see? For each seed the honest
 * days are lived once; then a child process goes on from there for each kind
 * and intensity, so that all of them have the same past.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/day/options.h"
#include "bench/day/print.h"

static int
fail(const char *what)
{
	fprintf(stderr, "smtap-day: %s\n", what);
	return -1;
}

static void
live_last_day(const struct day_options *o, struct trial *t, const struct attack_kind *kind,
	double x, struct trial_result *out)
{
	trial_forget(t);
	for (unsigned i = 1; i <= o->world.attackers; i++)
		trial_attack(t, kind, x, i);
	trial_days(t, 1);
	trial_result(t, o->world.attackers, out);
	for (unsigned i = 0; o->verbose && i < t->score.example_count; i++)
		fprintf(stderr, "%s %g: %s\n", kind->name, x, t->score.examples[i]);
}

static int
in_child(const struct day_options *o, struct trial *t, const struct attack_kind *kind, double x,
	struct trial_result *out)
{
	int fds[2], status;
	pid_t child;
	ssize_t n;

	if (pipe(fds) != 0)
		return fail("no pipe");
	child = fork();
	if (child < 0)
		return fail("no process");
	if (child == 0) {
		live_last_day(o, t, kind, x, out);
		n = write(fds[1], out, sizeof(*out)); /* less than PIPE_BUF: whole or not at all */
		_exit(n == (ssize_t)sizeof(*out) ? 0 : 1);
	}
	close(fds[1]);
	n = read(fds[0], out, sizeof(*out));
	close(fds[0]);
	waitpid(child, &status, 0);
	return n == (ssize_t)sizeof(*out) && status == 0 ? 0 : fail("a day did not end");
}

static size_t
plan_cells(const struct day_options *o, struct print_cell *cells)
{
	const struct attack_kind *kind;
	size_t count = 0;

	for (unsigned n = 0; (kind = attack_kind(n)) != NULL; n++) {
		if (o->kind != NULL && strcmp(o->kind, kind->name) != 0)
			continue;
		for (unsigned i = 0; kind->scale[i] != 0; i++) {
			if (o->intensity != 0 && i > 0)
				break;
			cells[count++] = (struct print_cell){
				.kind = kind, .x = o->intensity ? o->intensity : kind->scale[i]};
		}
	}
	return count;
}

static int
sweep_seed(const struct day_options *o, unsigned n, struct print_cell *cells, size_t count)
{
	struct world_options world = o->world;
	struct trial *t = calloc(1, sizeof(*t));
	int rc;

	world.seed += n;
	if (t == NULL || trial_open(t, &world) != 0) {
		free(t);
		return fail("out of memory");
	}
	t->only = o->only;
	trial_days(t, o->days - 1);
	rc = 0;
	for (size_t c = 0; rc == 0 && c < count; c++) {
		rc = in_child(o, t, cells[c].kind, cells[c].x, &cells[c].results[n]);
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\rseed %u: %zu of %zu ", n + 1, c + 1, count);
	}
	trial_close(t);
	free(t);
	return rc;
}

static int
sweep(const struct day_options *o)
{
	struct print_cell *cells = calloc(PRINT_CELLS_MAX, sizeof(*cells));
	size_t count;
	int rc = 0;

	if (cells == NULL)
		return fail("out of memory");
	count = plan_cells(o, cells);
	for (unsigned n = 0; rc == 0 && n < o->seeds; n++)
		rc = sweep_seed(o, n, cells, count);
	if (rc == 0)
		rc = print_cells(o, cells, count);
	free(cells);
	return rc;
}

static int
benign(const struct day_options *o)
{
	struct trial_result results[DAY_SEEDS_MAX];
	struct trial *t = calloc(1, sizeof(*t));

	for (unsigned n = 0; n < o->seeds; n++) {
		struct world_options world = o->world;

		world.seed += n;
		if (t == NULL || trial_open(t, &world) != 0) {
			free(t);
			return fail("out of memory");
		}
		t->only = o->only;
		trial_days(t, o->days);
		trial_result(t, 0, &results[n]);
		for (unsigned i = 0; o->verbose && i < t->score.example_count; i++)
			fprintf(stderr, "seed %llu: %s\n", (unsigned long long)world.seed,
				t->score.examples[i]);
		trial_close(t);
	}
	free(t);
	return print_benign(o, results);
}

int
main(int argc, char **argv)
{
	struct day_options options;
	int rc = day_options(&options, argc, argv);

	if (rc != 0)
		return rc == 1 ? 0 : 2;
	rc = options.benign ? benign(&options) : sweep(&options);
	return rc == 0 ? 0 : 1;
}
