/* What an incident takes in of its findings: internal to chain. */
#ifndef SMTAP_CONTROL_CHAIN_GATHER_H
#define SMTAP_CONTROL_CHAIN_GATHER_H

#include "control/incident/incident.h"

/* As it stands now. *counted: how many of its attempts the incident has already. */
void gather_finding(struct incident *i, const struct finding *f, uint64_t *counted);

/* All of an incident that turned out to be the same. */
void gather_incident(struct incident *into, const struct incident *from);

#endif
