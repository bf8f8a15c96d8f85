/*
 * report: what a person reads at the end. Incidents first, each with its
 * evidence and what to do; then the top sources and accounts; then what was and
 * was not seen.
 */
#ifndef SMTAP_CONTROL_REPORT_REPORT_H
#define SMTAP_CONTROL_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "contract/counters.h"
#include "control/engine/engine.h"
#include "control/export/eve.h"
#include "control/intake/intake.h"
#include "control/report/captures.h"
#include "patterns/pattern.h"

#define REPORT_SIGNATURES_MAX 256 /* that are told of */

struct report {
	const struct engine *engine;
	const struct pattern_set *patterns;
	struct enrich *enrich;          /* NULL: no databases */
	const struct counters *workers; /* added up */
	const struct intake_counters *intake;
	const struct eve_counters *eve;
	const struct outbox_counters *store;    /* NULL: none */
	const struct eve_signature *signatures; /* those that matched, by id */
	size_t signature_count;
	const struct suppress *rules; /* NULL: none */
	const struct captures *captures;
	const struct config_ports *ports;     /* the mail ports */
	const struct config_list *interfaces; /* of a live run; NULL: captures */
	const char *eve_path;                 /* NULL: not in a file */
	const char *trouble;                  /* why it ended before its time; NULL: it did not */
	uint64_t first_ns;                    /* packet time of the first and last event; 0: none */
	uint64_t last_ns;
	bool color;
};

/* At most 100 columns. 0, or -EIO. */
int report_text(const struct report *report, FILE *out);

/* Was all of the captures read, to their ends? */
bool report_complete(const struct report *report);

/* The same facts as one JSON object, on one line. 0, -EIO or -ENOMEM. */
int report_json(const struct report *report, FILE *out);

#endif
