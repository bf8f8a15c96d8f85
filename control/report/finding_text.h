/* Private to report/: one finding in words. */
#ifndef SMTAP_CONTROL_REPORT_FINDING_TEXT_H
#define SMTAP_CONTROL_REPORT_FINDING_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "control/incident/finding.h"
#include "patterns/pattern.h"

void finding_text(
	const struct finding *finding, const struct pattern_set *patterns, bool color, FILE *out);

#endif
