/* smtap sources, smtap accounts: who fails most. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/look/look.h"

#define SHOWN 20

struct kind {
	const char *name;   /* in the store */
	const char *column; /* its title */
	const char *others; /* the title of what is counted besides; its key in JSON */
	const char *key;
	const char *help;
};

static const struct kind sources = {"source", "SOURCE", "ACCOUNTS", "accounts",
	"usage: smtap sources [OPTION...]\n"
	"\n"
	"The sources that failed to log in most, as a running or finished instance counts\n"
	"them; a running one tells anew each minute.\n"
	"\n"};

static const struct kind accounts = {"account", "ACCOUNT", "SOURCES", "sources",
	"usage: smtap accounts [OPTION...]\n"
	"\n"
	"The accounts with the most failed logins, as a running or finished instance counts\n"
	"them; a running one tells anew each minute.\n"
	"\n"};

static const struct option options[] = {
	LOOK_OPTIONS, {"number", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};

static void
print_help(const struct kind *kind)
{
	printf("%s" LOOK_HELP "  -n, --number N         at most so many (20; 0: all)\n"
	       "      --help\n"
	       "\n"
	       "Exit status: 0 done; 1 failed while reading; 2 bad usage, or there is no store.\n",
		kind->help);
}

struct view {
	const struct kind *kind;
	bool json;
};

static int
print_json(const struct kind *kind, const struct store_subject *s)
{
	char time[2][LOOK_TIME_MAX];
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:s}", kind->name, s->name,
		"attempts", (json_int_t)s->attempts, "failures", (json_int_t)s->failures,
		"successes", (json_int_t)s->successes, kind->key, (json_int_t)s->others,
		"first_seen", look_json_time(s->first_ns, time[0]), "last_seen",
		look_json_time(s->last_ns, time[1]));

	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	json_decref(o);
	putchar('\n');
	return 0;
}

static int
print_row(void *arg, const struct store_subject *s)
{
	const struct view *view = arg;
	char time[LOOK_TIME_MAX];

	if (view->json)
		return print_json(view->kind, s);
	look_put_text(stdout, s->name, 32);
	printf(" %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "  %s\n", s->failures, s->successes,
		s->others, look_time(s->last_ns, time));
	return 0;
}

static int
show(struct look *look, const struct kind *kind, uint64_t max)
{
	struct view view = {kind, look->json};
	int r = look_open(look);

	if (r != 0)
		return r;
	if (!look->json)
		printf("%-32s %9s %9s %9s  %s\n", kind->column, "FAILURES", "LOGINS", kind->others,
			"LAST SEEN (UTC)");
	r = store_subjects(look->store, kind->name, max < UINT32_MAX ? (unsigned)max : UINT32_MAX,
		print_row, &view);
	return look_close(look, r);
}

static int
run(const struct kind *kind, int argc, char **argv)
{
	struct look look = {0};
	uint64_t max = SHOWN;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, LOOK_SHORT_OPTIONS, options, NULL)) != -1) {
		if (option == 'h') {
			print_help(kind);
			return COMMAND_DONE;
		}
		if (option == 'n' && look_number("-n", optarg, &max) != 0)
			return COMMAND_BAD;
		if (option != 'n' && !look_take(&look, option))
			return command_bad_option(option, argv);
	}
	if (optind < argc)
		return command_fail(COMMAND_BAD,
			"%s: %s: no operand is expected; see smtap %s --help", argv[0],
			argv[optind], argv[0]);
	return show(&look, kind, max);
}

int
command_sources(int argc, char **argv)
{
	return run(&sources, argc, argv);
}

int
command_accounts(int argc, char **argv)
{
	return run(&accounts, argc, argv);
}
