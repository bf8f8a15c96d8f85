/* What rules hid and allowed, in words: internal to report. */
#ifndef SMTAP_CONTROL_REPORT_RULES_TEXT_H
#define SMTAP_CONTROL_REPORT_RULES_TEXT_H

#include <stdio.h>

#include "control/report/report.h"

/* "SUPPRESSED: ..." and "ALLOWED: ..."; nothing when no rule did anything. */
void rules_text(const struct report *report, FILE *out);

#endif
