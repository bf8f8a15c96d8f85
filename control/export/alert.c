/* EVE alerts, and those of findings among them. */
#include <stdio.h>
#include <string.h>

#include "control/chain/chain.h"
#include "control/export/blocklist.h"
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
line_state(enum finding_state state)
{
	static const char *const names[FINDING_STATE_COUNT] = {
		[FINDING_OPEN] = "open", [FINDING_UPDATE] = "update", [FINDING_CLOSED] = "closed"};

	return state < FINDING_STATE_COUNT ? names[state] : "?";
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

/* Where an address is and whose it is, under these keys, as far as that is known. */
static void
put_place(json_t *object, struct enrich *enrich, const char *name, const char *const keys[3])
{
	struct enrich_place place;

	if (!enrich_name(enrich, name, &place))
		return;
	if (place.country[0])
		line_put_string(object, keys[0], place.country);
	if (place.asn)
		line_put_number(object, keys[1], place.asn);
	if (place.as_org[0])
		line_put_string(object, keys[2], place.as_org);
}

static void
put_sources(json_t *object, struct enrich *enrich)
{
	static const char *const keys[] = {"country", "asn", "as_org"};
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(object, "top_sources"), i, one)
		put_place(one, enrich, json_string_value(json_object_get(one, "name")), keys);
}

/* The subject, when it is an attacker's address or range. */
static void
put_subject_place(json_t *object, struct enrich *enrich, const struct finding *finding)
{
	static const char *const keys[] = {"source_country", "source_asn", "source_as_org"};

	if (finding->subject_type == SUBJECT_SOURCE || finding->subject_type == SUBJECT_PREFIX)
		put_place(object, enrich, finding->subject, keys);
}

static void
put_top(json_t *object, const char *key, const struct finding_top top[FINDING_TOP])
{
	json_t *list = json_array();

	for (unsigned i = 0; i < FINDING_TOP && top[i].name[0]; i++) {
		json_t *one = json_object();

		line_put_string(one, "name", top[i].name);
		line_put_number(one, "attempts", top[i].count);
		line_put_bool(one, "succeeded", top[i].succeeded);
		json_array_append_new(list, one);
	}
	json_object_set_new(object, key, list);
}

static void
put_samples(json_t *object, const struct finding *finding)
{
	json_t *list = json_array();
	char id[COMMUNITY_ID_MAX];

	for (unsigned i = 0; i < finding->sample_count && i < FINDING_SAMPLES; i++) {
		format_community_id(&finding->samples[i], id, sizeof(id));
		json_array_append_new(list, json_string(id));
	}
	json_object_set_new(object, "samples", list);
}

/* Of what kind it is, under the key of its detector. */
static void
put_kind(json_t *object, const struct finding *finding)
{
	json_t *list;

	switch ((enum finding_kind)finding->kind) {
	case KIND_BACKSCATTER:
	case KIND_LOOP:
		line_put_string(
			object, "bounces", finding->kind == KIND_LOOP ? "loop" : "backscatter");
		return;
	case KIND_CLEAR_AUTH:
	case KIND_OLD_VERSION:
	case KIND_MANGLED_TLS:
		list = json_array();
		json_array_append_new(list,
			json_string(finding->kind == KIND_CLEAR_AUTH    ? "clear_auth"
				    : finding->kind == KIND_OLD_VERSION ? "old_version"
									: "mangled_starttls"));
		json_object_set_new(object, "exposure", list);
		return;
	case KIND_PREFIX_56:
	case KIND_PREFIX_48:
	case KIND_NONE:
	case KIND_COUNT:
		return;
	}
}

/* Which guess worked. */
static void
put_success(json_t *object, const struct finding *finding)
{
	json_t *success;

	if (!finding->success_time_ns)
		return;
	success = json_object();
	line_put_string(success, "account", finding->success_account);
	line_put_time(success, "timestamp", finding->success_time_ns);
	line_put_number(success, "attempt", finding->success_attempt);
	json_object_set_new(object, "success", success);
}

/* Who lists us, and under which address. */
static void
put_blocklist(json_t *object, const struct finding *finding, const struct pattern_set *patterns)
{
	json_t *names = json_array();

	for (uint32_t id = 0; (id = blocklist_next(&finding->blocklist, id)) != 0;) {
		const char *name = blocklist_name(finding, patterns, id);

		if (name != NULL)
			json_array_append_new(names, json_string(name));
	}
	json_object_set_new(object, "blocklist", names);
	line_put_text(
		object, "listed", finding->blocklist.address, strlen(finding->blocklist.address));
	line_put_text(
		object, "refusal_url", finding->blocklist.url, strlen(finding->blocklist.url));
}

json_t *
line_finding(const struct finding *finding, enum finding_state state,
	const struct pattern_set *patterns, struct enrich *enrich)
{
	enum stage stage = chain_trait_of(finding->detector)->stage;
	json_t *o = json_object();
	char advice[2048], more[1024];
	size_t n;

	line_put_string(o, "detector", detector_info(finding->detector)->name);
	line_put_string(o, "subject_type", line_subject_type(finding->subject_type));
	line_put_string(o, "subject", finding->subject);
	put_subject_place(o, enrich, finding);
	line_put_number(o, "finding_id", finding->id);
	line_put_string(o, "finding_state", line_state(state));
	if (stage != STAGE_NONE)
		line_put_string(o, "stage", stage_name(stage));
	line_put_time(o, "first_seen", finding->first_seen_ns);
	line_put_time(o, "last_seen", finding->last_seen_ns);
	line_put_number(o, "attempts", finding->attempts);
	line_put_number(o, "failures", finding->failures);
	line_put_number(o, "successes", finding->successes);
	line_put_number(o, "accounts", finding->accounts);
	line_put_number(o, "targets", finding->targets);
	line_put_number(o, "sources", finding->sources);
	line_put_number(o, "distinct_passwords", finding->passwords);
	line_put_bool(o, "distinct_passwords_at_least", finding->passwords_capped);
	put_top(o, "top_accounts", finding->top_accounts);
	put_top(o, "top_sources", finding->top_sources);
	put_sources(o, enrich);
	put_top(o, "top_targets", finding->top_targets);
	put_success(o, finding);
	put_kind(o, finding);
	line_put_number(o, "confidence", finding->confidence);
	if (finding->local != LOCAL_NOT_USED)
		line_put_string(
			o, "local", finding->local == LOCAL_CONFIGURED ? "configured" : "learned");
	line_put_number(o, "sensor_loss", finding->sensor_loss);
	put_samples(o, finding);
	line_put_patterns(o, "patterns", patterns, finding->signatures);
	if (blocklist_next(&finding->blocklist, 0) != 0)
		put_blocklist(o, finding, patterns);
	n = finding_advice(finding, advice, sizeof(advice));
	if (n > 0 && blocklist_advice(finding, patterns, more, sizeof(more)) > 0)
		n += (size_t)snprintf(advice + n, sizeof(advice) - n, " %s", more);
	if (n > 0)
		line_put_string(o, "advice", advice);
	return o;
}

const char *
line_incident_state(enum incident_state state)
{
	static const char *const names[INCIDENT_STATE_COUNT] = {[INCIDENT_OPEN] = "open",
		[INCIDENT_UPDATE] = "update",
		[INCIDENT_CLOSED] = "closed"};

	return state < INCIDENT_STATE_COUNT ? names[state] : "?";
}

void
eve_finding(struct eve *eve, const struct engine_telling *telling)
{
	const struct finding *finding = telling->finding;
	const struct detector_info *info = detector_info(finding->detector);
	const struct event_flow *flow = finding->last_flow.flow_id ? &finding->last_flow : NULL;
	/* It is as grave as the attack that it is part of. */
	struct alert_rule rule = {.signature_id = info->signature_id,
		.detector = info->name,
		.title = info->title,
		.category = info->category,
		.mitre = info->mitre,
		.severity = telling->incident->severity,
		.confidence = finding->confidence};
	uint64_t time_ns = telling->event ? telling->event->head.time_ns : finding->last_seen_ns;
	json_t *line = line_start("alert", time_ns, flow);
	json_t *smtap = line_finding(finding, telling->finding_state, eve->patterns, eve->enrich);

	line_put_number(smtap, "incident_id", telling->incident->id);
	line_put_string(smtap, "state", line_incident_state(telling->incident_state));
	json_object_set_new(smtap, "incident", line_incident(telling->incident));
	json_object_set_new(line, "alert", line_alert(&rule));
	json_object_set_new(line, "smtap", smtap);
	line_end_alert(eve, line, telling, time_ns);
	line_flush(eve);
}
