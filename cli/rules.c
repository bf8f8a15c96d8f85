/* smtap rules: are these patterns right? */
#include <getopt.h>
#include <stdio.h>

#include "cli/command.h"
#include "patterns/check.h"

static const char rules_help[] =
	"usage: smtap rules FILE...\n"
	"\n"
	"Compiles every pattern of the files, tries it on its own samples, and says what is\n"
	"wrong or would be slow, with file and line. Ids must be unique over all files.\n"
	"\n"
	"      --help\n"
	"\n"
	"Example:\n"
	"  smtap rules patterns/*.yaml\n";

static const struct option rules_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void
rules_advise(void *arg, const char *line)
{
	unsigned *count = arg;

	(*count)++;
	fprintf(stderr, "smtap: %s\n", line);
}

static int
rules_check(const char *const files[], size_t count)
{
	struct pattern_set set = {0};
	unsigned advice = 0;
	struct pattern_check options = {.advise = rules_advise, .arg = &advice};
	char why[512] = "";

	int r = pattern_set_read(&set, files, count, why, sizeof(why));
	if (r == 0)
		r = pattern_set_check(&set, &options, why, sizeof(why));
	if (r == 0)
		printf("%zu patterns in %zu file%s are right\n", set.count, count,
			count == 1 ? "" : "s");
	pattern_set_free(&set);
	return r == 0 ? COMMAND_DONE : command_fail(COMMAND_BAD, "%s", why);
}

int
command_rules(int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", rules_options, NULL)) != -1) {
		if (option != 'h')
			return command_bad_option(option, argv);
		fputs(rules_help, stdout);
		return COMMAND_DONE;
	}
	if (optind == argc)
		return command_fail(COMMAND_BAD, "rules: no file given; see smtap rules --help");
	return rules_check((const char *const *)argv + optind, (size_t)(argc - optind));
}
