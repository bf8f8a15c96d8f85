/*
 * suppress: which rule hides a finding, and from which detectors a rule keeps an
 * event. Pure: rules, findings and events in, answers and counts out; time is
 * what the caller says it is.
 */
#ifndef SMTAP_CONTROL_SUPPRESS_H
#define SMTAP_CONTROL_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "contract/event.h"
#include "control/incident/finding.h"

/* What a rule has done. */
struct suppress_count {
	uint64_t findings;  /* suppress: that it hid when they were first to be told */
	uint64_t sightings; /* suppress: tellings of these that it kept back */
	uint64_t events;    /* allow: that it kept from a detector */
};

struct suppress;

/* NULL when out of memory. config is borrowed until suppress_close. */
struct suppress *suppress_open(const struct config *config);
void suppress_close(struct suppress *s);

struct image;

/* What the rules did; forgotten where there are more or fewer rules by then. */
void suppress_image(struct suppress *s, struct image *image);

/* Is there any rule in the list? */
static inline bool
suppress_has(const struct config *config, enum config_rule_list list)
{
	return config->rules[list].count > 0;
}

/*
 * Bits 1 << enum detector of those that must not see the event; 0: all see it.
 * Counts for each rule that says so.
 */
uint64_t suppress_allowed(struct suppress *s, const struct event *event);

/*
 * The rule that hides the finding as it stands, from 1; 0: none. A rule goes by
 * the last evidence: it holds for what was seen before its end, whenever it is told.
 */
unsigned suppress_finding(const struct suppress *s, const struct finding *finding);

/*
 * Is the alert of a pattern, by this event, suppressed or allowed? What
 * suppresses it counts a sighting; what allows counts in suppress_allowed.
 */
bool suppress_signature(struct suppress *s, const struct event *event);

/* One telling was kept back by the rule; first: of a finding not kept back before. */
void suppress_kept_back(struct suppress *s, unsigned rule, bool first);

/* By its number in the list, from 0. */
const struct config_rule *suppress_rule(
	const struct suppress *s, enum config_rule_list list, unsigned rule);
unsigned suppress_rules(const struct suppress *s, enum config_rule_list list);
struct suppress_count suppress_count(
	const struct suppress *s, enum config_rule_list list, unsigned rule);

/* Added up; an event that two rules allow counts once. */
struct suppress_count suppress_total(const struct suppress *s);

#endif
