/* EVE alerts, and those of incidents among them. */
#include "control/export/community_id.h"
#include "control/export/format.h"
#include "control/export/line.h"
#include "control/export/severity.h"

#define GENERATOR_ID 1 /* of rules, as Suricata has it */

const char *
line_subject_type(enum subject_type type)
{
	static const char *const names[SUBJECT_TYPE_COUNT] = {[SUBJECT_SOURCE] = "source",
		[SUBJECT_PREFIX] = "prefix",
		[SUBJECT_ACCOUNT] = "account",
		[SUBJECT_SERVER] = "server"};

	return type < SUBJECT_TYPE_COUNT ? names[type] : "?";
}

const char *
line_state(enum incident_state state)
{
	static const char *const names[INCIDENT_STATE_COUNT] = {[INCIDENT_OPEN] = "open",
		[INCIDENT_UPDATE] = "update",
		[INCIDENT_CLOSED] = "closed"};

	return state < INCIDENT_STATE_COUNT ? names[state] : "?";
}

/* A word in a list of one, as rule metadata has it. */
static void
put_metadata(json_t *metadata, const char *key, const char *word)
{
	json_t *list = json_array();

	json_array_append_new(list, json_string(word));
	json_object_set_new(metadata, key, list);
}

json_t *
line_alert(const struct alert_rule *rule)
{
	json_t *alert = json_object(), *metadata = json_object();

	line_put_string(alert, "action", "allowed");
	line_put_number(alert, "gid", GENERATOR_ID);
	line_put_number(alert, "signature_id", rule->signature_id);
	line_put_number(alert, "rev", 1);
	json_object_set_new(
		alert, "signature", json_sprintf("SMTAP %s: %s", rule->detector, rule->title));
	line_put_string(alert, "category", rule->category ? rule->category : "");
	line_put_number(alert, "severity", rule->severity);
	line_put_mitre(metadata, rule->mitre);
	put_metadata(metadata, "signature_severity", severity_name(rule->severity));
	put_metadata(metadata, "confidence",
		rule->confidence >= 80   ? "High"
		: rule->confidence >= 50 ? "Medium"
					 : "Low");
	json_object_set_new(alert, "metadata", metadata);
	return alert;
}

static void
put_top(json_t *object, const char *key, const struct incident_top top[INCIDENT_TOP])
{
	json_t *list = json_array();

	for (unsigned i = 0; i < INCIDENT_TOP && top[i].name[0]; i++) {
		json_t *one = json_object();

		line_put_string(one, "name", top[i].name);
		line_put_number(one, "attempts", top[i].count);
		line_put_bool(one, "succeeded", top[i].succeeded);
		json_array_append_new(list, one);
	}
	json_object_set_new(object, key, list);
}

static void
put_samples(json_t *object, const struct incident *incident)
{
	json_t *list = json_array();
	char id[COMMUNITY_ID_MAX];

	for (unsigned i = 0; i < incident->sample_count && i < INCIDENT_SAMPLES; i++) {
		format_community_id(&incident->samples[i], id, sizeof(id));
		json_array_append_new(list, json_string(id));
	}
	json_object_set_new(object, "samples", list);
}

/* Which guess worked. */
static void
put_success(json_t *object, const struct incident *incident)
{
	json_t *success;

	if (!incident->success_time_ns)
		return;
	success = json_object();
	line_put_string(success, "account", incident->success_account);
	line_put_time(success, "timestamp", incident->success_time_ns);
	line_put_number(success, "attempt", incident->success_attempt);
	json_object_set_new(object, "success", success);
}

json_t *
line_incident(const struct incident *incident, enum incident_state state,
	const struct pattern_set *patterns)
{
	json_t *o = json_object();
	char advice[512];

	line_put_string(o, "detector", detector_info(incident->detector)->name);
	line_put_string(o, "subject_type", line_subject_type(incident->subject_type));
	line_put_string(o, "subject", incident->subject);
	line_put_number(o, "incident_id", incident->id);
	line_put_string(o, "state", line_state(state));
	line_put_time(o, "first_seen", incident->first_seen_ns);
	line_put_time(o, "last_seen", incident->last_seen_ns);
	line_put_number(o, "attempts", incident->attempts);
	line_put_number(o, "failures", incident->failures);
	line_put_number(o, "successes", incident->successes);
	line_put_number(o, "accounts", incident->accounts);
	line_put_number(o, "targets", incident->targets);
	line_put_number(o, "sources", incident->sources);
	line_put_number(o, "distinct_passwords", incident->passwords);
	line_put_bool(o, "distinct_passwords_at_least", incident->passwords_capped);
	put_top(o, "top_accounts", incident->top_accounts);
	put_top(o, "top_sources", incident->top_sources);
	put_top(o, "top_targets", incident->top_targets);
	put_success(o, incident);
	line_put_number(o, "confidence", incident->confidence);
	line_put_number(o, "sensor_loss", incident->sensor_loss);
	put_samples(o, incident);
	line_put_patterns(o, "patterns", patterns, incident->signatures);
	if (incident_advice(incident, advice, sizeof(advice)) > 0)
		line_put_string(o, "advice", advice);
	return o;
}

void
eve_incident(struct eve *eve, const struct incident *incident, enum incident_state state,
	const struct event *event)
{
	const struct detector_info *info = detector_info(incident->detector);
	const struct event_flow *flow = incident->last_flow.flow_id ? &incident->last_flow : NULL;
	struct alert_rule rule = {.signature_id = info->signature_id,
		.detector = info->name,
		.title = info->title,
		.category = info->category,
		.mitre = info->mitre,
		.severity = info->severity,
		.confidence = incident->confidence};

	json_t *line =
		line_start("alert", event ? event->head.time_ns : incident->last_seen_ns, flow);
	json_object_set_new(line, "alert", line_alert(&rule));
	json_object_set_new(line, "smtap", line_incident(incident, state, eve->patterns));
	line_end(eve, line);
	eve->counters.alerts++;
	eve_flush(eve);
}
