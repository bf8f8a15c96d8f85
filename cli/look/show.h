/* show: one incident in full, and the words for incidents. */
#ifndef SMTAP_CLI_LOOK_SHOW_H
#define SMTAP_CLI_LOOK_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "store/store.h"

/* "critical" for 1. */
const char *show_severity(unsigned severity);

/* `smtap` of an incident's last alert, as far as it can be read; NULL: the alert is gone. To be
   given back with json_decref. */
json_t *show_read(const struct store_incident *incident);

/* "198.51.100.9 (+2)": the first of a list of names under key in smtap.incident. */
void show_names(FILE *out, json_t *smtap, const char *key, unsigned width);

/* All of it: what happened when, who took part, what to do, each alert. 0 or -errno. */
int show_incident(
	struct store *store, const struct store_incident *incident, json_t *smtap, FILE *out);

#endif
