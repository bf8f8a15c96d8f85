/* Options of smtap-export. */
#ifndef SMTAP_EXPORT_OPTIONS_H
#define SMTAP_EXPORT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "config/config.h"

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* all is printed */
	OPTIONS_BAD,
};

struct options {
	const char *file; /* the configuration; NULL: defaults */
	const char *socket_given;
	bool check; /* whether it could start is all that is asked */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

enum options_result options_read(
	struct options *options, int argc, char **argv, char *why, size_t why_len);

/* The configuration, and the socket by it. 0, or -errno with a sentence. */
int options_read_config(struct options *options, struct config *config, char *why, size_t why_len);

#endif
