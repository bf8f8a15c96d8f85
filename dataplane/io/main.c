/* smtap-dataplane: packets in, events out. Started by smtap; see options.c for how. */
#include <signal.h>
#include <stdio.h>

#include "base/stdfds.h"
#include "confine/confine.h"
#include "dataplane/io/options.h"
#include "dataplane/io/run.h"

int
main(int argc, char **argv)
{
	struct options options;
	char why[512] = "";
	sigset_t set;

	confine_begin();
	if (stdfds_open() != 0)
		return 1;
	switch (options_read(&options, argc, argv, why, sizeof(why))) {
	case OPTIONS_DONE:
		return stdfds_finish("smtap-dataplane", 0);
	case OPTIONS_BAD:
		fprintf(stderr, "smtap-dataplane: %s\n", why);
		return 2;
	case OPTIONS_RUN:
		break;
	}
	/* Before any thread exists: every thread inherits this, and a signalfd takes them. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP); /* control's; it may come to the whole group of processes */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int status = options.live ? run_live(&options) : run_captures(&options);
	config_free(&options.config);
	return status;
}
