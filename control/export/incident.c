/* What an alert, or the report, says of the incident as a whole. */
#include "control/detect/detect.h"
#include "control/export/line.h"
#include "control/export/severity.h"

static json_t *
names_list(const struct incident_name names[INCIDENT_NAMES])
{
	json_t *list = json_array();

	for (unsigned n = 0; n < INCIDENT_NAMES && names[n].name[0] != '\0'; n++)
		json_array_append_new(list, json_string(names[n].name));
	return list;
}

static json_t *
detectors_list(uint32_t bits)
{
	json_t *list = json_array();

	/* Both are `distributed`. */
	if (bits & 1u << DETECTOR_DISTRIBUTED)
		bits &= ~(1u << DETECTOR_DISTRIBUTED_PREFIX);
	for (unsigned d = 0; d < DETECTOR_COUNT; d++)
		if (bits & 1u << d)
			json_array_append_new(list, json_string(detector_info(d)->name));
	return list;
}

static json_t *
stage_object(enum stage stage, const struct incident_stage *s)
{
	json_t *o = json_object();

	line_put_string(o, "stage", stage_name(stage));
	line_put_time(o, "first_seen", s->first_seen_ns);
	line_put_time(o, "last_seen", s->last_seen_ns);
	line_put_number(o, "findings", s->findings);
	line_put_number(o, "attempts", s->attempts);
	json_object_set_new(o, "detectors", detectors_list(s->detectors));
	line_put_string(o, "subject_type", line_subject_type(s->subject_type));
	line_put_string(o, "subject", s->subject);
	return o;
}

/* The timeline: stages in the order in which they began. */
static json_t *
stages_list(const struct incident *i)
{
	enum stage order[STAGE_COUNT];
	json_t *list = json_array();
	unsigned count = 0;

	for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
		unsigned at = count;

		if (i->stages[stage].findings == 0)
			continue;
		for (; at > 0 &&
			i->stages[order[at - 1]].first_seen_ns > i->stages[stage].first_seen_ns;
			at--)
			order[at] = order[at - 1];
		order[at] = (enum stage)stage;
		count++;
	}
	for (unsigned n = 0; n < count; n++)
		json_array_append_new(list, stage_object(order[n], &i->stages[order[n]]));
	return list;
}

static json_t *
advice_list(const struct incident *i)
{
	json_t *list = json_array();
	char text[INCIDENT_ADVICE_MAX];

	for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
		json_t *one;

		if (incident_advice(i, (enum stage)stage, text, sizeof(text)) == 0)
			continue;
		one = json_object();
		line_put_string(one, "stage", stage_name((enum stage)stage));
		line_put_string(one, "text", text);
		json_array_append_new(list, one);
	}
	return list;
}

json_t *
line_incident(const struct incident *i)
{
	json_t *o = json_object();

	line_put_string(o, "severity", severity_word(i->severity));
	if (i->stage != STAGE_NONE)
		line_put_string(o, "stage", stage_name(i->stage));
	line_put_time(o, "first_seen", i->first_seen_ns);
	line_put_time(o, "last_seen", i->last_seen_ns);
	line_put_number(o, "findings", i->findings);
	line_put_number(o, "open_findings", i->open_findings);
	line_put_number(o, "reopened", i->reopened);
	if (i->merged_into != 0)
		line_put_number(o, "merged_into", i->merged_into);
	if (i->merged_count > 0) {
		json_t *ids = json_array();

		for (unsigned n = 0; n < i->merged_count && n < INCIDENT_MERGED; n++)
			json_array_append_new(ids, json_integer((json_int_t)i->merged[n]));
		json_object_set_new(o, "merged", ids);
	}
	json_object_set_new(o, "stages", stages_list(i));
	json_object_set_new(o, "sources", names_list(i->sources));
	json_object_set_new(o, "accounts", names_list(i->accounts));
	json_object_set_new(o, "servers", names_list(i->servers));
	json_object_set_new(o, "advice", advice_list(i));
	return o;
}
