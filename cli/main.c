/* smtap: the operator's command. */
#include <stdio.h>
#include <string.h>

#include "base/stdfds.h"
#include "cli/command.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct verb verbs[] = {
	{"replay", command_replay, "inspect captures and report who guessed what"},
	{"report", command_report, "make one HTML file of what a run found"},
	{"doctor", command_doctor, "say what live ports lack on this machine"},
	{"run", command_run, "watch live ports"},
	{"reload", command_reload, "have a running instance read its settings and patterns again"},
	{"top", command_top, "watch a running instance"},
	{"incidents", command_incidents, "list incidents, show one, export its alerts"},
	{"sources", command_sources, "list who failed to log in most"},
	{"accounts", command_accounts, "list the accounts with the most failed logins"},
	{"check", command_check, "validate a configuration file"},
	{"rules", command_rules, "validate pattern files"},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
print_help(FILE *out)
{
	fputs("usage: smtap COMMAND [OPTION...] [OPERAND...]\n"
	      "\n"
	      "Finds the people who are guessing mail passwords, the accounts that they got\n"
	      "into, and the spam that follows.\n"
	      "\n",
		out);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\n"
	      "  smtap COMMAND --help     options and examples of a command\n"
	      "  smtap --version\n"
	      "\n"
	      "Exit status: 0 done; 1 failed while running; 2 bad usage, configuration or input.\n"
	      "\n"
	      "Example:\n"
	      "  smtap replay attack.pcap\n",
		out);
}

static int
unknown_command(const char *name)
{
	char known[128] = "";

	for (size_t i = 0; i < VERBS; i++) {
		size_t len = strlen(known);
		snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "", verbs[i].name);
	}
	return command_fail(COMMAND_BAD, "%s: unknown command; known are %s", name, known);
}

static int
run(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return COMMAND_BAD;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return COMMAND_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("smtap " SMTAP_VERSION);
		return COMMAND_DONE;
	}
	if (argv[1][0] == '-')
		return command_fail(COMMAND_BAD, "unknown option %s; see smtap --help", argv[1]);
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	}
	return unknown_command(argv[1]);
}

int
main(int argc, char **argv)
{
	if (stdfds_open() != 0)
		return COMMAND_FAILED;
	return stdfds_finish("smtap", run(argc, argv));
}
