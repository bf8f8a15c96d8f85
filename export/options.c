#include "export/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPT_SOCKET = 256, OPT_CHECK, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"check", no_argument, NULL, OPT_CHECK},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char options_help[] =
	"usage: smtap-export [OPTION...]\n"
	"\n"
	"Sends the alerts of smtap-control to what the configuration lists under\n"
	"exporters. Started by `smtap run`.\n"
	"\n"
	"  -c, --config FILE      read this configuration; again on SIGHUP\n"
	"      --socket PATH      control's socket for exporters (export.socket)\n"
	"      --check            open what the configuration names, export nothing, and end\n"
	"      --help, --version\n";

enum options_result
options_read(struct options *o, int argc, char **argv, char *why, size_t why_len)
{
	int option;

	*o = (struct options){0};
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_HELP:
			fputs(options_help, stdout);
			return OPTIONS_DONE;
		case OPT_VERSION:
			puts("smtap-export " SMTAP_VERSION);
			return OPTIONS_DONE;
		case 'c':
			o->file = optarg;
			break;
		case OPT_SOCKET:
			o->socket_given = optarg;
			break;
		case OPT_CHECK:
			o->check = true;
			break;
		default:
			snprintf(why, why_len, "%s: %s (see --help)", argv[optind - 1],
				option == ':' ? "a value is missing" : "no such option");
			return OPTIONS_BAD;
		}
	}
	if (optind < argc) {
		snprintf(why, why_len, "%s: no arguments are expected (see --help)", argv[optind]);
		return OPTIONS_BAD;
	}
	return OPTIONS_RUN;
}

int
options_read_config(struct options *o, struct config *config, char *why, size_t why_len)
{
	char path[CONFIG_PATH_MAX];
	int r = 0;

	config_defaults(config);
	if (o->file)
		r = config_read(config, o->file, why, why_len);
	if (r != 0)
		return r;
	r = config_export_socket(config, NULL, path);
	if (o->socket_given)
		r = snprintf(path, sizeof(path), "%s", o->socket_given) < (int)sizeof(path)
			    ? 0
			    : -ENAMETOOLONG;
	if (r == 0 && strlen(path) < sizeof(o->socket)) {
		strcpy(o->socket, path);
		return 0;
	}
	config_free(config);
	snprintf(why, why_len, "export.socket: the path is too long");
	return -ENAMETOOLONG;
}
