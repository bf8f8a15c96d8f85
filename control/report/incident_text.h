/* The incidents in words: internal to report. */
#ifndef SMTAP_CONTROL_REPORT_INCIDENT_TEXT_H
#define SMTAP_CONTROL_REPORT_INCIDENT_TEXT_H

#include <stdio.h>

#include "control/report/report.h"

void incident_text(const struct report *report, const struct incident *incident, FILE *out);

#endif
