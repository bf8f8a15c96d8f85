#include "control/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_DATAPLANE_FD = 256,
	OPT_CAPTURES_FD,
	OPT_HANDOVER_FD,
	OPT_EVE,
	OPT_FORMAT,
	OPT_PORTS,
	OPT_NO_PROGRESS,
	OPT_LIVE,
	OPT_INTERFACE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"dataplane-fd", required_argument, NULL, OPT_DATAPLANE_FD},
	{"captures-fd", required_argument, NULL, OPT_CAPTURES_FD},
	{"handover-fd", required_argument, NULL, OPT_HANDOVER_FD},
	{"config", required_argument, NULL, 'c'},
	{"output", required_argument, NULL, 'o'},
	{"eve", required_argument, NULL, OPT_EVE},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"ports", required_argument, NULL, OPT_PORTS},
	{"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
	{"live", no_argument, NULL, OPT_LIVE},
	{"interface", required_argument, NULL, OPT_INTERFACE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char options_help[] =
	"usage: smtap-control --dataplane-fd N [OPTION...]\n"
	"\n"
	"Turns the dataplane's events into incidents, EVE lines and a report. Started by\n"
	"`smtap replay` and `smtap run`, which are what you want to run.\n"
	"\n"
	"      --dataplane-fd N   socket on which smtap-dataplane offers its event rings\n"
	"      --captures-fd N    read there what happens to the captures, JSON lines\n"
	"      --handover-fd N    with --live: wait there for the next dataplane when one dies\n"
	"  -c, --config FILE      read this configuration\n"
	"  -o, --output DIR       the folder for eve.json, made if missing (./smtap-out)\n"
	"      --eve FILE|-       write events there (DIR/eve.json); -: standard output, and\n"
	"                         the report goes to standard error\n"
	"      --format text|json how the report looks (text)\n"
	"      --ports LIST       the mail ports, which the report names (25)\n"
	"      --live             live ports: add to the EVE file, write stats lines, reopen\n"
	"                         the file on SIGHUP\n"
	"      --interface PORT   with --live: the report names it; may be repeated\n"
	"      --no-progress      do not show progress, on a terminal either\n"
	"      --help, --version\n";

static int
take_fd(const char *name, int *fd, char *why, size_t why_len)
{
	char *end;

	errno = 0;
	long n = strtol(optarg, &end, 10);
	if (*optarg < '0' || *optarg > '9' || *end || errno || n > 65535) {
		snprintf(why, why_len, "--%s %s: not a file descriptor", name, optarg);
		return -EINVAL;
	}
	*fd = (int)n;
	return 0;
}

static int
take_format(struct options *o, char *why, size_t why_len)
{
	o->json = strcmp(optarg, "json") == 0;
	if (o->json || strcmp(optarg, "text") == 0)
		return 0;
	snprintf(why, why_len, "--format %s: text or json is needed", optarg);
	return -EINVAL;
}

static int
take_ports(struct options *o, char *why, size_t why_len)
{
	char reason[200];

	if (config_parse_ports(&o->config.ports, optarg, reason, sizeof(reason)) == 0)
		return 0;
	snprintf(why, why_len, "--ports: %s", reason);
	return -EINVAL;
}

/* The first takes the place of those of the configuration. */
static int
take_interface(struct options *o, char *why, size_t why_len)
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
take_eve(struct options *o, const char *path, char *why, size_t why_len)
{
	if (strlen(path) < sizeof(o->eve)) {
		strcpy(o->eve, path);
		return 0;
	}
	snprintf(why, why_len, "--eve: the path is too long");
	return -EINVAL;
}

static int
bad_option(int option, char **argv, char *why, size_t why_len)
{
	const char *what = argv[optind - 1];

	if (option == ':')
		snprintf(why, why_len, "%s: a value is missing (see --help)", what);
	else
		snprintf(why, why_len, "%s: no such option (see --help)", what);
	return -EINVAL;
}

/* Take one option; config_file is read before the others have their say. */
static int
take(struct options *o, int option, char **argv, char *why, size_t why_len)
{
	switch (option) {
	case OPT_DATAPLANE_FD:
		return take_fd("dataplane-fd", &o->dataplane_fd, why, why_len);
	case OPT_CAPTURES_FD:
		return take_fd("captures-fd", &o->captures_fd, why, why_len);
	case OPT_HANDOVER_FD:
		return take_fd("handover-fd", &o->handover_fd, why, why_len);
	case 'c':
		return 0; /* by find_config */
	case 'o':
		o->output = optarg;
		return 0;
	case OPT_EVE:
		return take_eve(o, optarg, why, why_len);
	case OPT_FORMAT:
		return take_format(o, why, why_len);
	case OPT_PORTS:
		return take_ports(o, why, why_len);
	case OPT_LIVE:
		o->live = true;
		return 0;
	case OPT_INTERFACE:
		return take_interface(o, why, why_len);
	case OPT_NO_PROGRESS:
		o->progress = false;
		return 0;
	}
	return bad_option(option, argv, why, why_len);
}

/* Options count over the file, wherever -c stands among them. NULL: no -c. */
static const char *
find_config(int argc, char **argv)
{
	const char *file = NULL;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, ":c:o:", long_options, NULL)) != -1)
		if (option == 'c')
			file = optarg;
	optind = 1;
	return file;
}

/* A file in the folder. 0, or -ENAMETOOLONG. */
static int
put_path(char path[PATH_MAX], const char *folder, const char *name)
{
	return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int
finish(struct options *o, char *why, size_t why_len)
{
	if (o->dataplane_fd < 0 && !o->live) {
		snprintf(why, why_len, "--dataplane-fd is missing: run `smtap replay` instead");
		return -EINVAL;
	}
	/* The folder that is given counts over files that settings name elsewhere. */
	bool given = o->output != NULL;
	if (!given)
		o->output = o->config.output_dir;
	if ((o->eve[0] || put_path(o->eve, o->output, "eve.json") == 0) &&
		put_path(o->store, o->output, "smtap.db") == 0 &&
		put_path(o->socket, o->output, "control.sock") == 0 &&
		config_export_socket(&o->config, given ? o->output : NULL, o->outlet) == 0) {
		if (!given && o->config.control_socket[0])
			snprintf(o->socket, sizeof(o->socket), "%s", o->config.control_socket);
		/* Whoever wants the lines of a capture on standard output wants no files. */
		if (!o->live && strcmp(o->eve, "-") == 0)
			o->store[0] = '\0';
		else if (!given && o->config.store_file[0])
			snprintf(o->store, sizeof(o->store), "%s", o->config.store_file);
		return 0;
	}
	snprintf(why, why_len, "-o: the path is too long");
	return -EINVAL;
}

enum options_result
options_read(struct options *o, int argc, char **argv, char *why, size_t why_len)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->dataplane_fd = o->captures_fd = o->handover_fd = -1;
	o->progress = true;
	config_defaults(&o->config);
	opterr = 0;
	o->config_file = find_config(argc, argv);
	if (o->config_file && config_read(&o->config, o->config_file, why, why_len) != 0)
		return OPTIONS_BAD;
	o->started = o->config;
	while ((option = getopt_long(argc, argv, ":c:o:", long_options, NULL)) != -1) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			fputs(option == OPT_HELP ? options_help
						 : "smtap-control " SMTAP_VERSION "\n",
				stdout);
			return OPTIONS_DONE;
		}
		if (take(o, option, argv, why, why_len) != 0)
			return OPTIONS_BAD;
	}
	if (optind < argc) {
		snprintf(why, why_len, "%s: no arguments are expected (see --help)", argv[optind]);
		return OPTIONS_BAD;
	}
	return finish(o, why, why_len) == 0 ? OPTIONS_RUN : OPTIONS_BAD;
}
