#include "cli/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
command_fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("smtap: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

int
command_bad_option(int option, char **argv)
{
	const char *text = argv[optind - 1];
	const char *verb = argv[0];

	if (option == ':')
		return command_fail(
			COMMAND_BAD, "%s: %s needs a value; see smtap %s --help", verb, text, verb);
	/* Short options may stand together: optopt says which one it is. */
	if (strncmp(text, "--", 2) != 0)
		return command_fail(COMMAND_BAD, "%s: unknown option -%c; see smtap %s --help",
			verb, optopt, verb);
	return command_fail(
		COMMAND_BAD, "%s: unknown option %s; see smtap %s --help", verb, text, verb);
}
