/* smtap run: live ports through the real dataplane and control. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stdfds.h"
#include "cli/command.h"
#include "cli/keep.h"
#include "cli/supervise.h"
#include "config/config.h"
#include "contract/hello.h"

static const char run_help[] =
	"usage: smtap run [OPTION...]\n"
	"\n"
	"Watches live ports until a signal ends it, then prints a report. Events are added to\n"
	"DIR/eve.json as they happen.\n"
	"\n"
	"  -c, --config FILE      settings (" COMMAND_CONFIG_FILE ", if there is one)\n"
	"  -i, --interface PORT   watch this port, not those of the settings; may be repeated:\n"
	"                         eth1, 0000:01:00.0, net_af_xdp0,iface=eth1\n"
	"  -o, --output DIR       where to write (./smtap-out)\n"
	"      --workers N        spread the sessions over N workers, 1 to 64 (1)\n"
	"      --ports LIST       the mail ports, as 25,587 (25)\n"
	"      --eve FILE|-       events there instead; - is standard output, and the report\n"
	"                         goes to standard error (DIR/eve.json)\n"
	"      --format text|json of the report (text)\n"
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

enum {
	OPT_WORKERS = 256,
	OPT_PORTS,
	OPT_EVE,
	OPT_FORMAT,
};

static const struct option run_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"interface", required_argument, NULL, 'i'},
	{"output", required_argument, NULL, 'o'},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"ports", required_argument, NULL, OPT_PORTS},
	{"eve", required_argument, NULL, OPT_EVE},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct live_run {
	const char *config; /* NULL: none */
	const char *output;
	const char *workers;
	const char *ports;
	const char *eve;
	const char *format;
	struct config given; /* its interfaces are those of the command line */
};

static int
run_check_workers(const char *text)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && n >= 1 &&
		n <= HELLO_WORKERS_MAX)
		return 0;
	return command_fail(COMMAND_BAD, "--workers %s: a number from 1 to %d is needed", text,
		HELLO_WORKERS_MAX);
}

static int
run_check_ports(const char *text)
{
	struct config_ports ports;
	char why[256] = "";

	if (config_parse_ports(&ports, text, why, sizeof(why)) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--ports: %s", why);
}

static int
run_check_format(const char *text)
{
	if (strcmp(text, "text") == 0 || strcmp(text, "json") == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--format %s: text or json is needed", text);
}

static int
run_add_interface(struct live_run *r, const char *text)
{
	char why[400] = "";

	if (config_add_interface(&r->given, text, why, sizeof(why)) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--interface: %s", why);
}

/* Take one option. 0, or COMMAND_BAD. */
static int
run_take(struct live_run *r, int option, char **argv)
{
	switch (option) {
	case 'c':
		r->config = optarg;
		return 0;
	case 'i':
		return run_add_interface(r, optarg);
	case 'o':
		r->output = optarg;
		return 0;
	case OPT_WORKERS:
		r->workers = optarg;
		return run_check_workers(optarg);
	case OPT_PORTS:
		r->ports = optarg;
		return run_check_ports(optarg);
	case OPT_EVE:
		r->eve = optarg;
		return 0;
	case OPT_FORMAT:
		r->format = optarg;
		return run_check_format(optarg);
	}
	return command_bad_option(option, argv);
}

static int
run_add_program(struct args *a, const char *name)
{
	char path[PATH_MAX];

	if (supervise_find(name, path, sizeof(path)) != 0)
		return command_fail(
			COMMAND_FAILED, "%s is not beside smtap, nor in ../libexec/smtap", name);
	args_add(a, path);
	return 0;
}

/* An option with its value, when there is one. */
static void
run_add(struct args *a, const char *option, const char *value)
{
	if (!value)
		return;
	args_add(a, option);
	args_add(a, value);
}

/* What both daemons are told. */
static void
run_add_common(const struct live_run *r, struct args *a)
{
	const char *interface = NULL;

	run_add(a, "-c", r->config);
	run_add(a, "--ports", r->ports);
	while ((interface = config_list_next(&r->given.interfaces, interface)))
		run_add(a, "--interface", interface);
}

static int
run_start(const struct live_run *r)
{
	struct keep k = {.handover_arg = 2, .dataplane_arg = 2};
	int status = run_add_program(&k.dataplane, "smtap-dataplane");

	if (status == 0)
		status = run_add_program(&k.control, "smtap-control");
	if (status == 0) {
		run_add(&k.dataplane, "--handover-fd", "");
		run_add_common(r, &k.dataplane);
		run_add(&k.dataplane, "--workers", r->workers);
		run_add(&k.control, "--dataplane-fd", "");
		args_add(&k.control, "--live");
		run_add_common(r, &k.control);
		run_add(&k.control, "-o", r->output);
		run_add(&k.control, "--eve", r->eve);
		run_add(&k.control, "--format", r->format);
		status = keep_run(&k);
	}
	args_free(&k.dataplane);
	args_free(&k.control);
	return status;
}

/* What can be told to be wrong before anything starts. */
static int
run_check(struct live_run *r)
{
	struct config config;
	char why[512] = "";

	if (!stdfds_has_output())
		return command_fail(COMMAND_FAILED, "standard output is closed");
	if (!r->config && access(COMMAND_CONFIG_FILE, F_OK) == 0)
		r->config = COMMAND_CONFIG_FILE;
	config_defaults(&config);
	int e = r->config ? config_read(&config, r->config, why, sizeof(why)) : 0;
	unsigned ports = config.interfaces.count + r->given.interfaces.count;
	config_free(&config);
	if (e != 0)
		return command_fail(COMMAND_BAD, "%s", why);
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

	r.format = "text";
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:i:o:h", run_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(run_help, stdout);
			return COMMAND_DONE;
		}
		if (run_take(&r, option, argv) != 0)
			return COMMAND_BAD;
	}
	if (optind < argc)
		return command_fail(COMMAND_BAD,
			"run: %s: no operand is expected; see smtap run --help", argv[optind]);
	int status = run_check(&r);
	return status == 0 ? run_start(&r) : status;
}
