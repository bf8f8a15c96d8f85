/* The blocklists of a finding, by name, and where they are asked to take an address off. */
#ifndef SMTAP_CONTROL_EXPORT_BLOCKLIST_H
#define SMTAP_CONTROL_EXPORT_BLOCKLIST_H

#include "control/incident/finding.h"
#include "patterns/pattern.h"

/*
 * The name of the list that a pattern of the finding tells; NULL when neither
 * pattern nor refusal has one.
 */
const char *blocklist_name(
	const struct finding *finding, const struct pattern_set *patterns, uint32_t id);

/*
 * What there is to add to the advice: who lists what, how many refused, where
 * to ask. Returns its length; 0 when no list is known.
 */
size_t blocklist_advice(const struct finding *finding, const struct pattern_set *patterns,
	char *out, size_t out_len);

#endif
