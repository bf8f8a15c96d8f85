/* Private to page/: the parts of the HTML file, in their order. All write to a FILE whose error
 * flag is looked at once, at the end. */
#ifndef SMTAP_CLI_PAGE_HTML_H
#define SMTAP_CLI_PAGE_HTML_H

#include "cli/page/model.h"

/* style.c: from the doctype to <body>, with the style sheet and the patterns of the charts. */
void html_start(FILE *out, const struct model *model);

/* head.c: the run as a whole, and the list of its incidents. only: the one asked for, or 0. */
void html_run(FILE *out, const struct model *model, uint64_t only);
void html_overview(FILE *out, const struct model *model);
void html_signatures(FILE *out, const struct model *model);

/* suppressed.c: what rules hid. */
void html_hidden(FILE *out, const struct model *model);

/* incident.c: one incident. */
void html_incident(FILE *out, struct model *model, struct incident *incident);

/* about.c: what only some of its findings have. */
void html_about(FILE *out, const struct incident *incident);

/* headline.c: the attack in a sentence. */
void html_headline(FILE *out, const struct incident *incident);

/* chart.c: where an incident lies in the run; its findings; what happened when. */
void html_spark(FILE *out, const struct model *model, const struct brief *brief);
void html_timeline(FILE *out, const struct incident *incident);

enum chart { CHART_AUTH, CHART_MAIL, CHART_SESSION, CHART_COUNT };
void html_chart(FILE *out, const struct incident *incident, enum chart chart);

/* tables.c */
void html_accounts(FILE *out, struct incident *incident);
void html_sources(FILE *out, struct incident *incident);
void html_servers(FILE *out, struct incident *incident);
void html_flows(FILE *out, const struct incident *incident);

/* <time datetime=...>2026-11-22 02:07:24</time>, or a dash for WHEN_NONE. */
void html_time(FILE *out, int64_t us);
/* A number in a table, or a dash for 0. */
void html_cell(FILE *out, uint64_t n);
/* <th scope="col"> for each word of a list that ends with NULL; those with a leading # are numbers.
 */
void html_columns(FILE *out, const char *const columns[]);
/* The scrolling frame of a table or chart that may be wider than the screen; html_frame_end. */
void html_frame(FILE *out, const char *label);
void html_frame_end(FILE *out);

#endif
