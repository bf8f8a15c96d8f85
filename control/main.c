/* smtap-control: from events to incidents. It never touches a packet. */
#include <stdio.h>

#include "control/options.h"
#include "control/run.h"

int
main(int argc, char **argv)
{
	struct options options;
	char why[512] = "";

	switch (options_read(&options, argc, argv, why, sizeof(why))) {
	case OPTIONS_DONE:
		return EXIT_DONE;
	case OPTIONS_BAD:
		fprintf(stderr, "smtap-control: %s\n", why);
		return EXIT_BAD_INPUT;
	case OPTIONS_RUN:
		break;
	}
	return run_control(&options);
}
