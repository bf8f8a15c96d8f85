/* smtap check: is this configuration right? */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "cli/command.h"
#include "config/config.h"

static const char check_help[] =
	"usage: smtap check [-c FILE] [--print]\n"
	"\n"
	"Reads a configuration and says what is wrong with it, with file and line.\n"
	"\n"
	"  -c, --config FILE  the file (" COMMAND_CONFIG_FILE ")\n"
	"      --print        write every setting as it then stands, as YAML\n"
	"      --help\n"
	"\n"
	"Examples:\n"
	"  smtap check -c smtap.yaml\n"
	"  smtap check --print > smtap.yaml     a file to start from\n";

static const struct option check_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"print", no_argument, NULL, 'p'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Rules whose end has come by the clock on the wall; captures of before may still need them. */
static void
warn_of_ended_rules(const struct config *config, const char *file)
{
	uint64_t now_ns = (uint64_t)time(NULL) * NS_PER_S;
	char until[CONFIG_RULE_TIME_MAX];

	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++) {
		for (unsigned i = 0; i < config->rules[list].count; i++) {
			const struct config_rule *rule = &config->rules[list].rule[i];

			if (rule->until_ns > now_ns)
				continue;
			config_rule_until(rule, until);
			fprintf(stderr,
				"smtap: %s:%u: warning: %s: this rule ended with %s; take it out, "
				"or give it a later until\n",
				file, rule->line, config_rule_list_name(list), until);
		}
	}
}

static int
check_file(const char *file, bool given, bool print)
{
	struct config config;
	char why[512] = "";
	const char *verdict = "is right";
	int status = COMMAND_DONE;

	config_defaults(&config);
	if (!given && access(file, F_OK) != 0)
		verdict = "is not there; the defaults apply";
	else if (config_read(&config, file, why, sizeof(why)) != 0)
		return command_fail(COMMAND_BAD, "%s", why);
	warn_of_ended_rules(&config, file);
	if (!print)
		printf("%s %s\n", file, verdict);
	else if (config_print(&config, stdout) != 0)
		status = command_fail(COMMAND_FAILED, "the settings cannot be written");
	config_free(&config);
	return status;
}

int
command_check(int argc, char **argv)
{
	const char *file = NULL;
	bool print = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:h", check_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'p':
			print = true;
			break;
		case 'h':
			fputs(check_help, stdout);
			return COMMAND_DONE;
		default:
			return command_bad_option(option, argv);
		}
	}
	if (optind < argc)
		return command_fail(COMMAND_BAD, "check: %s: no operand is expected; use -c FILE",
			argv[optind]);
	return check_file(file ? file : COMMAND_CONFIG_FILE, file != NULL, print);
}
