/*
 * slack: an alert for people, as blocks of a message (Slack's Block Kit): what happened, who, how
 * bad, and what to do.
 *
 * Names of accounts are a stranger's text. What Slack reads as a command (<!channel>, <@U1>, a
 * link) begins with <, which is escaped, with & and >; names stand in code spans, where nothing is
 * formatted, and a backtick in one is replaced; characters that turn the direction of text are
 * too; and Slack is told to make links of nothing (verbatim).
 */
#ifndef SMTAP_EXPORT_WEBHOOK_SLACK_H
#define SMTAP_EXPORT_WEBHOOK_SLACK_H

#include "export/sink/sink.h"

#define SLACK_ALERTS_MAX 10 /* of a message, whose blocks may be 50 */
#define SLACK_FRAME_BYTES 2048

/* Blocks, as elements of a JSON array without its brackets; to be freed. NULL: out of memory. */
char *slack_piece(const struct sink_alert *alert, const char *sensor);

/* The line that a notification shows, as a JSON string with its quotes; to be freed. */
char *slack_summary(const struct sink_alert *alert, size_t count, const char *sensor);

#endif
