/* Private to report/: one incident in words. */
#ifndef SMTAP_CONTROL_REPORT_INCIDENT_TEXT_H
#define SMTAP_CONTROL_REPORT_INCIDENT_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "control/incident/incident.h"
#include "patterns/pattern.h"

void incident_text(
	const struct incident *incident, const struct pattern_set *patterns, bool color, FILE *out);

#endif
