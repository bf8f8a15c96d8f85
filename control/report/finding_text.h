/* A finding in words: internal to report. */
#ifndef SMTAP_CONTROL_REPORT_FINDING_TEXT_H
#define SMTAP_CONTROL_REPORT_FINDING_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "control/incident/finding.h"
#include "control/report/report.h"
#include "control/report/words.h"

#define FINDING_TEXT_NAME_MAX (WORDS_NAME_MAX + 64)

/* "compromise of the account dave" */
void finding_name(const struct finding *finding, char out[FINDING_TEXT_NAME_MAX]);

/* Which guess worked; nothing when none did. */
void finding_text_success(const struct finding *finding, bool color, FILE *out);

/* All else but what to do. */
void finding_text(
	const struct finding *finding, const struct report *report, unsigned indent, FILE *out);

#endif
