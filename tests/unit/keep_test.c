/* keep: daemons that are shell scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/keep.h"

#define PATIENCE_S 40

static bool
exports(void *arg)
{
	(void)arg;
	return true;
}

/* $1 and $2 are descriptors, or 0: those past 9, too, which not each shell knows. */
static void
script(struct args *args, const char *text)
{
	args_add(args, "/bin/bash");
	args_add(args, "-c");
	args_add(args, text);
	args_add(args, "sh");
	args_add_number(args, 0);
	args_add_number(args, 0);
}

/* NULL: where ours go. */
static const char *errors_to;

/* In a process of its own: its exit status, or 128 and a signal. */
static int
keep_apart(const char *dataplane, const char *control, const char *export)
{
	int fate;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct keep keep = {.exports = exports,
			.dataplane_handover_arg = 4,
			.control_handover_arg = 4,
			.control_dataplane_arg = 5};

		if (errors_to && !freopen(errors_to, "w", stderr))
			_exit(1);
		setvbuf(stderr, NULL, _IONBF, 0);
		script(&keep.dataplane, dataplane);
		script(&keep.control, control);
		script(&keep.export, export);
		alarm(PATIENCE_S);
		_exit(keep_run(&keep));
	}
	assert_int_equal(waitpid(pid, &fate, 0), pid);
	return WIFEXITED(fate) ? WEXITSTATUS(fate) : 128 + WTERMSIG(fate);
}

/*
 * Both die each time that they are started, and wait for longer each time. The exporter stops us
 * while they wait: when nobody but itself is our child.
 */
static void
stop_while_both_wait_to_start_again_ends_the_exporter(void **state)
{
	static const char dataplane[] = "printf x >&$1; head -c 1 <&$1 > /dev/null; exit 1";
	char folder[] = "/tmp/keep-XXXXXX", died[64], control[128], export[400];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(died, sizeof(died), "%s/died", folder);
	snprintf(control, sizeof(control), "echo >> %s; exit 1", died);
	snprintf(export, sizeof(export),
		"until [ -s %s ] && { read -r all < /proc/$PPID/task/$PPID/children;"
		" [ \"$all\" = $$ ]; }; do :; done; kill -TERM $PPID; while :; do :; done",
		died);
	int status = keep_apart(dataplane, control, export);
	unlink(died);
	rmdir(folder);
	assert_int_equal(status, 0);
}

/*
 * Control dies at once, and waits for longer and longer; the exporter stops us while it does. It is
 * started for the report, with an end of a socket whose other end the dataplane has, which is told
 * to end only then.
 */
static void
stop_while_control_waits_to_start_again_starts_it_for_the_report(void **state)
{
	char folder[] = "/tmp/keep-XXXXXX", died[64], told[64];
	char dataplane[400], control[400], export[500];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(died, sizeof(died), "%s/died", folder);
	snprintf(told, sizeof(told), "%s/told", folder);
	snprintf(dataplane, sizeof(dataplane),
		"trap 'until [ -e %s ] || [ ! -d %s ]; do :; done; exit 0' TERM;"
		" printf x >&$1; while :; do :; done",
		told, folder);
	snprintf(control, sizeof(control),
		"if [ -e %s ]; then [ -S /proc/self/fd/$2 ] && echo > %s; exit 0; fi;"
		" echo > %s; kill -SEGV $$",
		died, told, died);
	snprintf(export, sizeof(export),
		"until [ -s %s ] && { read -r all < /proc/$PPID/task/$PPID/children;"
		" set -- $all; [ $# = 2 ]; }; do :; done; kill -TERM $PPID; while :; do :; done",
		died);
	int status = keep_apart(dataplane, control, export);
	bool was_told = stat(told, &st) == 0;
	unlink(died);
	unlink(told);
	rmdir(folder);
	assert_true(was_told);
	assert_int_equal(status, 0);
}

/* For want of a descriptor; the exporter gives it back when that was told, and stops us. */
static void
control_that_cannot_be_started_is_tried_again(void **state)
{
	static const char dataplane[] = "trap 'exit 0' TERM; printf x >&$1; while :; do :; done";
	char folder[] = "/tmp/keep-XXXXXX", died[64], again[64], said[64];
	char control[400], export[500];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(died, sizeof(died), "%s/died", folder);
	snprintf(again, sizeof(again), "%s/again", folder);
	snprintf(said, sizeof(said), "%s/said", folder);
	snprintf(control, sizeof(control),
		"if [ -e %s ]; then echo > %s; exit 0; fi;"
		" prlimit --pid $PPID --nofile=8:; echo > %s; kill -KILL $$",
		died, again, died);
	snprintf(export, sizeof(export),
		"until grep -q 'brought together; it is tried again' %s; do :; done;"
		" prlimit --pid $PPID --nofile=64:; until [ -s %s ]; do :; done;"
		" kill -TERM $PPID; while :; do :; done",
		said, again);
	errors_to = said;
	keep_apart(dataplane, control, export);
	errors_to = NULL;
	bool tried = stat(again, &st) == 0;
	unlink(died);
	unlink(again);
	unlink(said);
	rmdir(folder);
	assert_true(tried);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_while_both_wait_to_start_again_ends_the_exporter),
		cmocka_unit_test(stop_while_control_waits_to_start_again_starts_it_for_the_report),
		cmocka_unit_test(control_that_cannot_be_started_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
