/* options: the command line of smtap-control, over the configuration file. */
#ifndef SMTAP_CONTROL_OPTIONS_H
#define SMTAP_CONTROL_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

struct options {
	struct config config;
	struct config started;   /* as the file has it; what is owned is the one above's */
	const char *config_file; /* NULL: none */
	int dataplane_fd;
	int captures_fd; /* -1: none */
	int handover_fd; /* where the next dataplane's socket comes; -1: none comes */
	bool live;       /* ports: what eve.json holds stays */
	bool interfaces_given;
	const char *output;    /* the folder */
	char eve[PATH_MAX];    /* "-": standard output */
	char store[PATH_MAX];  /* empty: none */
	char socket[PATH_MAX]; /* of live ports */
	char outlet[PATH_MAX]; /* the same, for exporters */
	bool json;
	bool progress;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help or --version was answered */
	OPTIONS_BAD,  /* why says what */
};

enum options_result options_read(
	struct options *o, int argc, char **argv, char *why, size_t why_len);

#endif
