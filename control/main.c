/* smtap-control: from events to incidents. It never touches a packet. */
#include <stdio.h>

#include "base/stdfds.h"
#include "confine/confine.h"
#include "control/options.h"
#include "control/run.h"

int
main(int argc, char **argv)
{
	struct options options;
	char why[512] = "";

	confine_begin();
	if (stdfds_open() != 0)
		return EXIT_FAILED;
	switch (options_read(&options, argc, argv, why, sizeof(why))) {
	case OPTIONS_DONE:
		return stdfds_finish("smtap-control", EXIT_DONE);
	case OPTIONS_BAD:
		fprintf(stderr, "smtap-control: %s\n", why);
		return EXIT_BAD_INPUT;
	case OPTIONS_RUN:
		break;
	}
	if (!stdfds_has_output()) {
		fprintf(stderr, "smtap-control: standard output is closed\n");
		return EXIT_FAILED;
	}
	int status = run_control(&options);
	config_free(&options.config);
	return stdfds_finish("smtap-control", status);
}
