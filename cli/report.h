/* report: smtap report, and what smtap replay --report shares with it. */
#ifndef SMTAP_CLI_REPORT_H
#define SMTAP_CLI_REPORT_H

#include <stdint.h>
#include <stdio.h>

/*
 * Make FOLDER/report.html of the events in eve; incident 0: of all. Where it is goes to said,
 * what is wrong to stderr. An exit status (command.h).
 */
int report_write(const char *eve, const char *folder, uint64_t incident, FILE *said);

#endif
