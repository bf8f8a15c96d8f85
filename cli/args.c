#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
args_add(struct args *args, const char *text)
{
	char **v = realloc(args->v, (args->count + 2) * sizeof(*v));
	char *copy = strdup(text);

	if (v)
		args->v = v;
	if (!v || !copy) {
		free(copy);
		args->failed = true;
		return;
	}
	v[args->count++] = copy;
	v[args->count] = NULL;
}

void
args_add_number(struct args *args, long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", number);
	args_add(args, text);
}

void
args_add_option(struct args *args, const char *option, const char *value)
{
	if (!value)
		return;
	args_add(args, option);
	args_add(args, value);
}

void
args_free(struct args *args)
{
	for (size_t i = 0; i < args->count; i++)
		free(args->v[i]);
	free(args->v);
}
