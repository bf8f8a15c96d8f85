/* keep: daemons that are shell scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_while_both_wait_to_start_again_ends_the_exporter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
