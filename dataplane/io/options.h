/* options: the command line of smtap-dataplane, over the configuration file. */
#ifndef SMTAP_DATAPLANE_IO_OPTIONS_H
#define SMTAP_DATAPLANE_IO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct options {
	struct config config;
	const char *config_file; /* of argv; NULL: none */
	bool patterns_given;     /* their folder, which is not the configuration's then */
	int control_fd;
	int status_fd;   /* -1: none */
	int handover_fd; /* live: where control's sockets come from; -1: dataplane.socket */
	bool live;
	bool interfaces_given;
	uint32_t ring_slots;
	bool real_time;
	bool progress;
	char *const *captures; /* of argv */
	unsigned capture_count;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help or --version was answered */
	OPTIONS_BAD,  /* why says what */
};

enum options_result options_read(
	struct options *o, int argc, char **argv, char *why, size_t why_len);

#endif
