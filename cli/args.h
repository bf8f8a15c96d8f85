/* args: the command line of a program to start. */
#ifndef SMTAP_CLI_ARGS_H
#define SMTAP_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct args {
	char **v; /* NULL-terminated; its strings are its own */
	size_t count;
	bool failed; /* out of memory; checked once, at the end */
};

void args_add(struct args *args, const char *text);
/* An option with its value; none when the value is NULL. */
void args_add_option(struct args *args, const char *option, const char *value);
void args_add_number(struct args *args, long number);
void args_free(struct args *args);

#endif
