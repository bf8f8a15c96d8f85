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

/* A rule that an operator gave to what runs (smtap incidents suppress). */
struct suppress_own {
	uint64_t id;             /* in the store; never 0 */
	uint64_t incident;       /* hides the findings of that; 0: what the rule describes */
	struct config_rule rule; /* without a line */
};

/* NULL when out of memory. The rules are copied. */
struct suppress *suppress_open(const struct config *config);
void suppress_close(struct suppress *s);

struct image;

/*
 * What the rules did, as an image. Loading: what those did that are there again goes on; the others
 * are as if they had been taken back. Their numbers may be others then.
 */
void suppress_image(struct suppress *s, struct image *image);

/* Once an image was loaded: the number by now of the rule that had this one, from 1; 0: none. */
unsigned suppress_renumbered(const struct suppress *s, unsigned rule);

/*
 * From now on these: the configuration's in the place of those that it had, or the operators'. A
 * rule that stays keeps its counts. 0; -ENOMEM, or -ENOSPC when too many different ones came and
 * went: then nothing has changed.
 */
int suppress_set_rules(struct suppress *s, const struct config *config);
int suppress_set_own(struct suppress *s, const struct suppress_own *own, unsigned count);

/* Does any rule of the list hold now? */
bool suppress_has(const struct suppress *s, enum config_rule_list list);

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

/* The same for a rule about its incident, if a finding of that is last seen then. */
unsigned suppress_incident(const struct suppress *s, uint64_t incident, uint64_t last_seen_ns);

/*
 * Grows with each change of the rules. What was told before a rule came is not hidden to its end:
 * only what is told of it between is.
 */
unsigned suppress_epoch(const struct suppress *s);
bool suppress_came_after(const struct suppress *s, unsigned rule, unsigned epoch);

/*
 * Is the alert of a pattern, by this event, suppressed or allowed? What
 * suppresses it counts a sighting; what allows counts in suppress_allowed.
 */
bool suppress_signature(struct suppress *s, const struct event *event);

/* One telling was kept back by the rule; first: of a finding not kept back before. */
void suppress_kept_back(struct suppress *s, unsigned rule, bool first);

/* By its number in the list, from 0: those that were taken back too, with what they had done. */
const struct config_rule *suppress_rule(
	const struct suppress *s, enum config_rule_list list, unsigned rule);
/* Its number among the operators', 0: it is the configuration's. */
uint64_t suppress_rule_id(const struct suppress *s, enum config_rule_list list, unsigned rule);
unsigned suppress_rules(const struct suppress *s, enum config_rule_list list);
struct suppress_count suppress_count(
	const struct suppress *s, enum config_rule_list list, unsigned rule);

/* Of all that hold, in the order in which they are asked: one for alike, another for others. */
uint64_t suppress_sum(const struct suppress *s);

/* Added up; an event that two rules allow counts once. */
struct suppress_count suppress_total(const struct suppress *s);

#endif
