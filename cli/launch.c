#include "cli/launch.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/supervise.h"
#include "config/config.h"
#include "contract/hello.h"

static int
launch_check_workers(const char *text)
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
launch_check_ports(const char *text)
{
	struct config_ports ports;
	char why[256] = "";

	if (config_parse_ports(&ports, text, why, sizeof(why)) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--ports: %s", why);
}

int
launch_check_choice(const char *option, const char *text, const char *a, const char *b)
{
	if (strcmp(text, a) == 0 || strcmp(text, b) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "%s %s: %s or %s is needed", option, text, a, b);
}

int
launch_take(struct launch *l, int option, char **argv)
{
	switch (option) {
	case 'c':
		l->config = optarg;
		return 0;
	case 'o':
		l->output = optarg;
		return 0;
	case LAUNCH_WORKERS:
		l->workers = optarg;
		return launch_check_workers(optarg);
	case LAUNCH_PORTS:
		l->ports = optarg;
		return launch_check_ports(optarg);
	case LAUNCH_EVE:
		l->eve = optarg;
		return 0;
	case LAUNCH_FORMAT:
		l->format = optarg;
		return launch_check_choice("--format", optarg, "text", "json");
	}
	return command_bad_option(option, argv);
}

int
launch_add_program(struct args *args, const char *name)
{
	char path[PATH_MAX];

	if (supervise_find(name, path, sizeof(path)) != 0)
		return command_fail(
			COMMAND_FAILED, "%s is not beside smtap, nor in ../libexec/smtap", name);
	args_add(args, path);
	return 0;
}

void
launch_add_dataplane(const struct launch *l, struct args *args)
{
	args_add_option(args, "-c", l->config);
	args_add_option(args, "--ports", l->ports);
	args_add_option(args, "--workers", l->workers);
}

void
launch_add_control(const struct launch *l, struct args *args)
{
	args_add_option(args, "-c", l->config);
	args_add_option(args, "--ports", l->ports);
	args_add_option(args, "-o", l->output);
	args_add_option(args, "--eve", l->eve);
	args_add_option(args, "--format", l->format);
}
