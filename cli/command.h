/* command: the verbs of smtap. Each prints its own errors, in one line, and returns the exit
 * status. */
#ifndef SMTAP_CLI_COMMAND_H
#define SMTAP_CLI_COMMAND_H

/* Exit statuses: doc/man/smtap-replay.1. */
enum command_status {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1, /* while running */
	COMMAND_BAD = 2,    /* usage, configuration, input */
};

/* argv[0] is the verb. */
int command_replay(int argc, char **argv);
int command_report(int argc, char **argv);
int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_rules(int argc, char **argv);
int command_incidents(int argc, char **argv);
int command_sources(int argc, char **argv);
int command_accounts(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_top(int argc, char **argv);
int command_doctor(int argc, char **argv);

/* Where the configuration is when -c does not say. It may be missing. */
#define COMMAND_CONFIG_FILE "/etc/smtap/smtap.yaml"

/* "smtap: ..." on stderr; returns status. */
int command_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * What getopt_long did not like about argv: option is '?' or ':' as it returned
 * it (opterr 0, short options starting with ':'). COMMAND_BAD.
 */
int command_bad_option(int option, char **argv);

#endif
