/* smtap reload: a running instance reads its configuration and its patterns again. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/look/ask.h"

static const char reload_help[] =
	"usage: smtap reload [OPTION...]\n"
	"\n"
	"Tells a running instance to read its configuration, compiled patterns and databases of\n"
	"addresses again. No packet, counter or window is lost. What is wrong with a file is "
	"said,\n"
	"with its line, and all stays as it was; what needs a restart is named.\n"
	"\n" LOOK_SOCKET_HELP "      --json             a JSON object\n"
	"      --help\n"
	"\n"
	"Exit status: 0 done; 1 it failed, or no instance is there; 2 bad usage, configuration,\n"
	"patterns or databases.\n"
	"\n"
	"Examples:\n"
	"  smtap reload\n"
	"  smtap-patterns -o DIR DIR/*.yaml && smtap reload\n";

static const struct option reload_options[] = {{"config", required_argument, NULL, 'c'},
	{"output", required_argument, NULL, 'o'}, {"json", no_argument, NULL, LOOK_JSON},
	{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

static const char *
text_of(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text ? text : "";
}

static void
print(json_t *answer)
{
	const char *restart = text_of(answer, "restart"), *note = text_of(answer, "note");
	json_int_t settings = json_integer_value(json_object_get(answer, "settings"));
	json_int_t patterns = json_integer_value(json_object_get(answer, "patterns"));
	json_int_t databases = json_integer_value(json_object_get(answer, "databases"));

	printf("%" JSON_INTEGER_FORMAT " setting%s changed; %" JSON_INTEGER_FORMAT
	       " pattern%s, %s\n",
		settings, text_s((uint64_t)settings), patterns, text_s((uint64_t)patterns),
		json_is_true(json_object_get(answer, "swapped")) ? "new in the dataplane"
								 : "as before");
	if (databases > 0)
		printf("%" JSON_INTEGER_FORMAT " database%s of addresses, opened again\n",
			databases, text_s((uint64_t)databases));
	if (note[0])
		printf("%s\n", note);
	if (restart[0])
		printf("needs a restart: %s\n", restart);
}

static int
tell(struct look *look)
{
	int status, fd = ask_open(look, &status);
	struct ask_refusal refusal;

	if (fd < 0)
		return status;
	json_t *answer = ask(fd, json_pack("{s:s}", "verb", "reload"), &refusal);
	close(fd);
	if (!answer)
		return command_fail(refusal.status, "reload: %s", refusal.why);
	if (look->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print(answer);
	}
	json_decref(answer);
	return COMMAND_DONE;
}

int
command_reload(int argc, char **argv)
{
	struct look look = {0};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:o:h", reload_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(reload_help, stdout);
			return COMMAND_DONE;
		}
		if (!look_take(&look, option))
			return command_bad_option(option, argv);
	}
	if (optind < argc)
		return command_fail(
			COMMAND_BAD, "reload: %s: no operand is expected", argv[optind]);
	return tell(&look);
}
