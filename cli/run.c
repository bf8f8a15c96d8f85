/* smtap run: live ports through the real dataplane and control, alerts on to exporters. */
#include <getopt.h>
#include <stdio.h>

#include "base/stdfds.h"
#include "cli/command.h"
#include "cli/keep.h"
#include "cli/launch.h"
#include "cli/settings.h"
#include "cli/spawn.h"
#include "config/config.h"

/* Reading files and binding a port takes no such time. */
#define TRY_EXPORT_MS 30000

static const char run_help[] =
	"usage: smtap run [OPTION...]\n"
	"\n"
	"Watches live ports until a signal ends it, then prints a report. Events are added to\n"
	"DIR/eve.json as they happen.\n"
	"\n"
	"  -c, --config FILE      settings (" COMMAND_CONFIG_FILE ", if there is one)\n"
	"  -i, --interface PORT   watch this port, not those of the settings; may be repeated:\n"
	"                         eth1, 0000:01:00.0, net_af_xdp0,iface=eth1\n"
	"  -o, --output DIR       where to write (./smtap-out)\n" LAUNCH_HELP_EVENTS
	"      --help\n"
	"\n"
	"SIGTERM and SIGINT end the run; SIGHUP opens the EVE file anew, after it was moved.\n"
	"\n"
	"Exit status: 0 ended by a signal; 1 failed while running; 2 bad usage, configuration or\n"
	"port.\n"
	"\n"
	"Examples:\n"
	"  smtap run -i eth1\n"
	"  smtap run -c /etc/smtap/smtap.yaml\n"
	"  smtap run -i eth1 --eve - | jq 'select(.event_type == \"alert\")'\n";

static const struct option run_options[] = {
	LAUNCH_OPTIONS,
	{"interface", required_argument, NULL, 'i'},
	{NULL, 0, NULL, 0},
};

struct live_run {
	struct launch launch;
	struct config given; /* its interfaces are those of the command line */
};

static int
run_add_interface(struct live_run *r, const char *text)
{
	char why[400] = "";

	if (config_add_interface(&r->given, text, why, sizeof(why)) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--interface: %s", why);
}

/* What both daemons are told of the ports to watch. */
static void
run_add_interfaces(const struct live_run *r, struct args *a)
{
	const char *interface = NULL;

	while ((interface = config_list_next(&r->given.interfaces, interface)))
		args_add_option(a, "--interface", interface);
}

/* Is there something to export, as the file says now? What is wrong with it, control tells. */
static bool
run_exports(void *arg)
{
	const struct live_run *r = arg;
	struct config config;
	char why[512];

	config_defaults(&config);
	if (!r->launch.config || config_read(&config, r->launch.config, why, sizeof(why)) != 0)
		return false;
	bool exports = config.exporters.count > 0 || config.http_listen[0];
	config_free(&config);
	return exports;
}

/* Where control serves exporters: as control itself reckons it. */
static int
run_add_export(const struct live_run *r, struct args *a)
{
	char socket[CONFIG_PATH_MAX];
	struct config config;
	const char *file = r->launch.config;
	int status = launch_add_program(a, "smtap-export");

	if (status == 0)
		status = settings_read(&config, &file);
	if (status != 0)
		return status;
	status = config_export_socket(&config, r->launch.output, socket);
	config_free(&config);
	if (status != 0)
		return command_fail(COMMAND_BAD, "export.socket: the path is too long");
	args_add_option(a, "-c", r->launch.config);
	args_add_option(a, "--socket", socket);
	return 0;
}

/*
 * What smtap-export would refuse at its start, which only it can try: a port that is taken, a
 * certificate. Before anything else starts, so that there is no report of a run that was none.
 */
static int
run_try_export(struct live_run *r)
{
	struct args a = {0};
	int status = run_add_export(r, &a);

	args_add(&a, "--check");
	if (status == 0 && run_exports(r))
		status = a.failed ? command_fail(COMMAND_FAILED, "out of memory")
				  : spawn_await(&a, TRY_EXPORT_MS);
	args_free(&a);
	return status;
}

static int
run_start(struct live_run *r)
{
	struct keep k = {.dataplane_handover_arg = 2,
		.control_dataplane_arg = 2,
		.control_handover_arg = 4,
		.exports = run_exports,
		.arg = r};
	int status = launch_add_program(&k.dataplane, "smtap-dataplane");

	if (status == 0)
		status = launch_add_program(&k.control, "smtap-control");
	if (status == 0)
		status = run_add_export(r, &k.export);
	if (status == 0) {
		args_add_option(&k.dataplane, "--handover-fd", "");
		launch_add_dataplane(&r->launch, &k.dataplane);
		run_add_interfaces(r, &k.dataplane);
		args_add_option(&k.control, "--dataplane-fd", "");
		args_add_option(&k.control, "--handover-fd", "");
		args_add(&k.control, "--live");
		launch_add_control(&r->launch, &k.control);
		run_add_interfaces(r, &k.control);
		status = keep_run(&k);
	}
	args_free(&k.dataplane);
	args_free(&k.control);
	args_free(&k.export);
	return status;
}

/* What can be told to be wrong before anything starts. */
static int
run_check(struct live_run *r)
{
	struct config config;

	if (!stdfds_has_output())
		return command_fail(COMMAND_FAILED, "standard output is closed");
	int status = settings_read(&config, &r->launch.config);
	unsigned ports = config.interfaces.count + r->given.interfaces.count;
	config_free(&config);
	if (status != 0)
		return status;
	if (ports == 0)
		return command_fail(COMMAND_BAD,
			"run: no port to watch: name it with -i, or in dataplane.interfaces");
	return 0;
}

int
command_run(int argc, char **argv)
{
	static struct live_run r; /* large */
	int option;

	r.launch.format = "text";
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:i:o:h", run_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(run_help, stdout);
			return COMMAND_DONE;
		}
		int status = option == 'i' ? run_add_interface(&r, optarg)
					   : launch_take(&r.launch, option, argv);
		if (status != 0)
			return COMMAND_BAD;
	}
	if (optind < argc)
		return command_fail(COMMAND_BAD,
			"run: %s: no operand is expected; see smtap run --help", argv[optind]);
	int status = run_check(&r);
	if (status == 0)
		status = run_try_export(&r);
	return status == 0 ? run_start(&r) : status;
}
