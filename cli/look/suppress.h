/* suppress: what operators suppress, of smtap incidents: suppress, suppressed, unsuppress. */
#ifndef SMTAP_CLI_LOOK_SUPPRESS_H
#define SMTAP_CLI_LOOK_SUPPRESS_H

#include <jansson.h>

#include "cli/look/look.h"

/* rule: keys as the configuration's; ids: incidents, or none. An exit status; errors are told. */
int suppress_tell(struct look *look, json_t *rule, char **ids);

/* ids: of suppressions. */
int suppress_take_back(struct look *look, char **ids);

/* all: those that were taken back, too. */
int suppress_list(struct look *look, bool all);

/* The larger of two exit statuses. */
static inline int
suppress_worse(int a, int b)
{
	return a > b ? a : b;
}

#endif
