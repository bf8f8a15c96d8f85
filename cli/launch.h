/* launch: what replay and run have in common: the options of both, and the programs they start. */
#ifndef SMTAP_CLI_LAUNCH_H
#define SMTAP_CLI_LAUNCH_H

#include "cli/args.h"

struct launch {
	const char *config; /* NULL: none */
	const char *output; /* NULL: the configuration's */
	const char *workers;
	const char *ports;
	const char *eve;
	const char *format;
};

enum {
	LAUNCH_WORKERS = 256,
	LAUNCH_PORTS,
	LAUNCH_EVE,
	LAUNCH_FORMAT,
	LAUNCH_FREE, /* the first value for an option of one's own */
};

/* Of getopt_long's table; -c and -o are among the short options then. */
#define LAUNCH_OPTIONS                                                                      \
	{"config", required_argument, NULL, 'c'}, {"output", required_argument, NULL, 'o'}, \
		{"workers", required_argument, NULL, LAUNCH_WORKERS},                       \
		{"ports", required_argument, NULL, LAUNCH_PORTS},                           \
		{"eve", required_argument, NULL, LAUNCH_EVE},                               \
		{"format", required_argument, NULL, LAUNCH_FORMAT},                         \
	{                                                                                   \
		"help", no_argument, NULL, 'h'                                              \
	}

#define LAUNCH_HELP_EVENTS                                                                      \
	"      --workers N        spread the sessions over N workers, 1 to 64 (1)\n"            \
	"      --ports LIST       the mail ports, as 25,587 (25)\n"                             \
	"      --eve FILE|-       events there instead; - is standard output, and the report\n" \
	"                         goes to standard error (DIR/eve.json)\n"                      \
	"      --format text|json of the report (text)\n"

/* Take an option of these, its value in optarg. 0, or COMMAND_BAD, told; another is told too. */
int launch_take(struct launch *l, int option, char **argv);

/* text must be a or b. 0, or COMMAND_BAD, told. */
int launch_check_choice(const char *option, const char *text, const char *a, const char *b);

/* The path of one of our programs, as the first argument. 0, or COMMAND_FAILED, told. */
int launch_add_program(struct args *args, const char *name);

/* What the dataplane, and what control is told of these options. */
void launch_add_dataplane(const struct launch *l, struct args *args);
void launch_add_control(const struct launch *l, struct args *args);

#endif
