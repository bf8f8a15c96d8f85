/* smtap doctor: what is wrong with this machine, and what mends it? */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor/doctor.h"
#include "cli/supervise.h"

static const char doctor_help[] =
	"usage: smtap doctor [-c FILE] [--json] [PORT...]\n"
	"\n"
	"Looks at what live ports need of this machine, and says for each thing: ok, warning or\n"
	"fault, what is wrong, what follows from it, and the command that mends it. Changes\n"
	"nothing. Needs no rights; what only root can see is said to be unseen.\n"
	"\n"
	"  -c, --config FILE  the configuration (" COMMAND_CONFIG_FILE ")\n"
	"      --json         a list of {check, status, found, consequence, remedy}\n"
	"      --help\n"
	"\n"
	"PORT, besides those configured: a PCI address, a kernel interface, or a device of\n"
	"DPDK such as net_af_xdp0,iface=eth1.\n"
	"\n"
	"Exit status: 0 no fault; 1 a fault; 2 bad usage.\n"
	"\n"
	"Examples:\n"
	"  smtap doctor\n"
	"  sudo smtap doctor 0000:3b:00.0\n"
	"  smtap doctor --json | jq '.[] | select(.status == \"fault\")'\n";

enum { OPTION_JSON = 256 };

static const struct option doctor_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* The folder of smtap's programs. */
static void
find_programs(struct doctor *d, char path[PATH_MAX])
{
	d->program_dir = "";
	if (supervise_find("smtap-dataplane", path, PATH_MAX) != 0)
		return;
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	d->program_dir = path;
}

static int
examine(struct doctor *d, char *const ports[], int count, bool json)
{
	struct diag diag = {0};
	int status = COMMAND_DONE;

	doctor_open(d);
	for (int i = 0; i < count && status == COMMAND_DONE; i++) {
		if (!doctor_add_port(d, ports[i]))
			status = command_fail(COMMAND_BAD,
				"doctor: %s is no port such as eth1, 0000:01:00.0 or "
				"net_af_xdp0,iface=eth1, or there are more than %d",
				ports[i], DOCTOR_PORTS_MAX);
	}
	if (status == COMMAND_DONE) {
		doctor_examine(d, &diag);
		int r = json ? diag_print_json(&diag, stdout) : diag_print_text(&diag, stdout);
		if (r != 0)
			status = command_fail(COMMAND_FAILED, "doctor: %s", strerror(-r));
		else if (diag.by_status[DIAG_FAULT] > 0)
			status = COMMAND_FAILED;
	}
	diag_free(&diag);
	doctor_close(d);
	return status;
}

int
command_doctor(int argc, char **argv)
{
	struct doctor *d = calloc(1, sizeof(*d));
	bool json = false;
	char programs[PATH_MAX];
	int option;

	if (!d)
		return command_fail(COMMAND_FAILED, "out of memory");
	*d = (struct doctor){.tree = {.root = ""},
		.probe = &doctor_probe_machine,
		.config_file = COMMAND_CONFIG_FILE};
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:h", doctor_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			d->config_file = optarg;
			d->config_given = true;
			break;
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			fputs(doctor_help, stdout);
			free(d);
			return COMMAND_DONE;
		default:
			free(d);
			return command_bad_option(option, argv);
		}
	}
	find_programs(d, programs);
	int status = examine(d, argv + optind, argc - optind, json);
	free(d);
	return status;
}
