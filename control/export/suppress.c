/* What rules hid and allowed: a line for each finding that stayed hidden, and each rule's counts.
 */
#include "control/export/line.h"

/* A rule of the configuration has a line; one that an operator gave has the number of that. */
static json_t *
rule_object(const struct suppress *rules, enum config_rule_list list, unsigned i)
{
	const struct config_rule *rule = suppress_rule(rules, list, i);
	uint64_t id = suppress_rule_id(rules, list, i);
	char until[CONFIG_RULE_TIME_MAX];
	json_t *o = json_object();

	config_rule_until(rule, until);
	if (id)
		line_put_number(o, "suppression", id);
	else
		line_put_number(o, "line", rule->line);
	line_put_string(o, "reason", rule->reason);
	line_put_string(o, "until", until);
	return o;
}

json_t *
line_rules(const struct suppress *rules, enum config_rule_list list)
{
	json_t *all = json_array();

	for (unsigned i = 0; rules && i < suppress_rules(rules, list); i++) {
		struct suppress_count count = suppress_count(rules, list, i);
		json_t *one;

		if (!count.sightings && !count.events)
			continue;
		one = rule_object(rules, list, i);
		if (list == CONFIG_SUPPRESS) {
			line_put_number(one, "findings", count.findings);
			line_put_number(one, "sightings", count.sightings);
		} else {
			line_put_number(one, "events", count.events);
		}
		json_array_append_new(all, one);
	}
	return all;
}

json_t *
line_hidden(const struct finding *finding, const struct suppress *rules,
	const struct pattern_set *patterns, struct enrich *enrich)
{
	json_t *o = line_finding(
		finding, finding->closed ? FINDING_CLOSED : FINDING_UPDATE, patterns, enrich);

	json_object_set_new(
		o, "rule", rule_object(rules, CONFIG_SUPPRESS, finding->suppressed_by - 1));
	return o;
}

void
eve_set_rules(struct eve *eve, struct suppress *rules)
{
	eve->rules = rules;
}

void
eve_hidden(struct eve *eve, const struct finding *finding, const struct suppress *rules)
{
	const struct event_flow *flow = finding->last_flow.flow_id ? &finding->last_flow : NULL;
	json_t *line = line_start("smtap_suppressed", finding->last_seen_ns, flow);
	json_t *smtap = json_object();

	/* One level down: who looks for smtap.detector in alerts must not take this for one. */
	json_object_set_new(
		smtap, "suppressed", line_hidden(finding, rules, eve->patterns, eve->enrich));
	json_object_set_new(line, "smtap", smtap);
	line_end(eve, line);
	eve->counters.hidden++;
	line_flush(eve);
}
