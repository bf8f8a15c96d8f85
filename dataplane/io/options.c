#include "dataplane/io/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/hello.h"

#define OPTIONS_RING_SLOTS 16384u

enum {
	OPT_CONTROL_FD = 256,
	OPT_STATUS_FD,
	OPT_HANDOVER_FD,
	OPT_LIVE,
	OPT_INTERFACE,
	OPT_WORKERS,
	OPT_PORTS,
	OPT_PATTERNS,
	OPT_PROXY_PROTOCOL,
	OPT_SPEED,
	OPT_PROGRESS,
	OPT_RING_SLOTS,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options_long[] = {
	{"control-fd", required_argument, NULL, OPT_CONTROL_FD},
	{"status-fd", required_argument, NULL, OPT_STATUS_FD},
	{"handover-fd", required_argument, NULL, OPT_HANDOVER_FD},
	{"live", no_argument, NULL, OPT_LIVE},
	{"interface", required_argument, NULL, OPT_INTERFACE},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"ports", required_argument, NULL, OPT_PORTS},
	{"patterns", required_argument, NULL, OPT_PATTERNS},
	{"proxy-protocol", no_argument, NULL, OPT_PROXY_PROTOCOL},
	{"speed", required_argument, NULL, OPT_SPEED},
	{"progress", no_argument, NULL, OPT_PROGRESS},
	{"ring-slots", required_argument, NULL, OPT_RING_SLOTS},
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char options_help[] =
	"usage: smtap-dataplane --control-fd N [OPTION...] CAPTURE...\n"
	"       smtap-dataplane --handover-fd N [OPTION...]\n"
	"       smtap-dataplane --live [OPTION...]\n"
	"\n"
	"Turns the packets of captures, or of live ports, into events for smtap-control.\n"
	"Started by `smtap replay` and `smtap run`, which are what you want to run, or as a "
	"service.\n"
	"\n"
	"      --control-fd N     socket on which smtap-control is offered the event rings\n"
	"      --status-fd N      write what happens to the captures there, JSON lines\n"
	"      --handover-fd N    live: socket over which control's sockets come\n"
	"      --live             watch live ports, and meet control at dataplane.socket\n"
	"      --interface PORT   live: watch this port; may be repeated\n"
	"  -c, --config FILE      read this configuration\n"
	"      --workers N        worker lcores, 1 to 64 (1)\n"
	"      --ports LIST       the mail ports (25)\n"
	"      --patterns DIR     where the compiled patterns are\n"
	"      --proxy-protocol   expect a PROXY header at the start of a connection\n"
	"      --speed max|real   as fast as possible, or at the capture's pace (max)\n"
	"      --progress         report progress on the status fd\n"
	"      --ring-slots N     events that wait for control, per worker; a power of two\n"
	"                         (16384)\n"
	"      --help, --version\n";

/* A whole number in [min, max]; false when text is none. */
static bool
options_number(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out >= min && *out <= max;
}

static int
options_fd(const char *name, int *fd, char *why, size_t why_len)
{
	unsigned long n;

	if (!options_number(optarg, 0, 65535, &n)) {
		snprintf(why, why_len, "--%s %s: not a file descriptor", name, optarg);
		return -EINVAL;
	}
	*fd = (int)n;
	return 0;
}

static int
options_workers(struct options *o, char *why, size_t why_len)
{
	unsigned long n;

	if (!options_number(optarg, 1, HELLO_WORKERS_MAX, &n)) {
		snprintf(why, why_len, "--workers %s: a number from 1 to %d is needed", optarg,
			HELLO_WORKERS_MAX);
		return -EINVAL;
	}
	o->config.workers = n;
	return 0;
}

/* The first of the command line takes the place of those of the configuration. */
static int
options_interface(struct options *o, char *why, size_t why_len)
{
	char reason[300];

	if (!o->interfaces_given)
		memset(&o->config.interfaces, 0, sizeof(o->config.interfaces));
	o->interfaces_given = true;
	if (config_add_interface(&o->config, optarg, reason, sizeof(reason)) == 0)
		return 0;
	snprintf(why, why_len, "--interface: %s", reason);
	return -EINVAL;
}

static int
options_ring_slots(struct options *o, char *why, size_t why_len)
{
	unsigned long n;

	if (!options_number(optarg, RING_CAPACITY_MIN, RING_CAPACITY_MAX, &n) || (n & (n - 1))) {
		snprintf(why, why_len, "--ring-slots %s: a power of two from %u to %u is needed",
			optarg, RING_CAPACITY_MIN, RING_CAPACITY_MAX);
		return -EINVAL;
	}
	o->ring_slots = (uint32_t)n;
	return 0;
}

static int
options_speed(struct options *o, char *why, size_t why_len)
{
	o->real_time = strcmp(optarg, "real") == 0;
	if (o->real_time || strcmp(optarg, "max") == 0)
		return 0;
	snprintf(why, why_len, "--speed %s: max or real is needed", optarg);
	return -EINVAL;
}

static int
options_patterns(struct options *o, char *why, size_t why_len)
{
	int n = snprintf(o->config.pattern_dir, sizeof(o->config.pattern_dir), "%s", optarg);

	if (n < 0 || (size_t)n >= sizeof(o->config.pattern_dir)) {
		snprintf(why, why_len, "--patterns: the path is too long");
		return -ENAMETOOLONG;
	}
	o->patterns_given = true;
	return 0;
}

static int
options_take(struct options *o, int option, char *why, size_t why_len)
{
	switch (option) {
	case 'c':
		return 0; /* read first, so that options override it */
	case OPT_CONTROL_FD:
		return options_fd("control-fd", &o->control_fd, why, why_len);
	case OPT_STATUS_FD:
		return options_fd("status-fd", &o->status_fd, why, why_len);
	case OPT_HANDOVER_FD:
		o->live = true;
		return options_fd("handover-fd", &o->handover_fd, why, why_len);
	case OPT_LIVE:
		o->live = true;
		return 0;
	case OPT_INTERFACE:
		return options_interface(o, why, why_len);
	case OPT_WORKERS:
		return options_workers(o, why, why_len);
	case OPT_PORTS:
		return config_parse_ports(&o->config.ports, optarg, why, why_len);
	case OPT_PATTERNS:
		return options_patterns(o, why, why_len);
	case OPT_PROXY_PROTOCOL:
		o->config.proxy_protocol = true;
		return 0;
	case OPT_SPEED:
		return options_speed(o, why, why_len);
	case OPT_PROGRESS:
		o->progress = true;
		return 0;
	case OPT_RING_SLOTS:
		return options_ring_slots(o, why, why_len);
	}
	snprintf(why, why_len, "unknown option; see smtap-dataplane --help");
	return -EINVAL;
}

/* The configuration file first: what the command line says overrides it. */
static int
options_read_config(struct options *o, int argc, char **argv, char *why, size_t why_len)
{
	int option;

	config_defaults(&o->config);
	optind = 1;
	while ((option = getopt_long(argc, argv, "c:", options_long, NULL)) != -1) {
		if (option != 'c')
			continue;
		if (config_read(&o->config, optarg, why, why_len) != 0)
			return -EINVAL;
		o->config_file = optarg;
	}
	return 0;
}

static int
options_check(const struct options *o, char *why, size_t why_len)
{
	const char *wrong = NULL;

	if (o->live && o->capture_count > 0)
		wrong = "captures and live ports do not go together";
	else if (!o->live && o->control_fd < 0)
		wrong = "--control-fd is missing";
	else if (!o->live && o->capture_count == 0)
		wrong = "no capture given";
	if (wrong)
		snprintf(why, why_len, "%s; see smtap-dataplane --help", wrong);
	return wrong ? -EINVAL : 0;
}

enum options_result
options_read(struct options *o, int argc, char **argv, char *why, size_t why_len)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->control_fd = -1;
	o->status_fd = -1;
	o->handover_fd = -1;
	o->ring_slots = OPTIONS_RING_SLOTS;
	opterr = 0;
	if (options_read_config(o, argc, argv, why, why_len) != 0)
		return OPTIONS_BAD;
	optind = 1;
	while ((option = getopt_long(argc, argv, "c:", options_long, NULL)) != -1) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			fputs(option == OPT_HELP ? options_help
						 : "smtap-dataplane " SMTAP_VERSION "\n",
				stdout);
			return OPTIONS_DONE;
		}
		if (options_take(o, option, why, why_len) != 0)
			return OPTIONS_BAD;
	}
	o->captures = argv + optind;
	o->capture_count = (unsigned)(argc - optind);
	return options_check(o, why, why_len) == 0 ? OPTIONS_RUN : OPTIONS_BAD;
}
