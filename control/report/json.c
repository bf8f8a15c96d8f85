/* The report as one JSON object: the same facts, and all counters. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "control/export/line.h"
#include "control/report/report.h"

#define ROWS 100
#define FINDINGS_MAX 4096

static json_t *
findings(const struct report *r, const struct incident *incident, const struct finding **list)
{
	size_t n = engine_incident_findings(r->engine, incident, list, FINDINGS_MAX);
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct detector_info *info = detector_info(list[i]->detector);
		json_t *one = line_finding(list[i],
			list[i]->closed ? FINDING_CLOSED : FINDING_UPDATE, r->patterns, r->enrich);

		line_put_number(one, "severity", info->severity);
		line_put_string(one, "title", info->title);
		line_put_mitre(one, info->mitre);
		json_array_append_new(all, one);
	}
	return all;
}

/* Each with those of its findings that are still there. */
static json_t *
incidents(const struct report *r)
{
	const struct incident **list = calloc(FINDINGS_MAX, sizeof(const struct incident *));
	const struct finding **part = calloc(FINDINGS_MAX, sizeof(const struct finding *));
	size_t n = list && part ? engine_incidents(r->engine, list, FINDINGS_MAX) : 0;
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *one = line_incident(list[i]);

		line_put_number(one, "incident_id", list[i]->id);
		json_object_set_new(one, "evidence", findings(r, list[i], part));
		json_array_append_new(all, one);
	}
	free(list);
	free(part);
	return all;
}

static json_t *
top(const struct report *r, enum subject_type type, const char *others)
{
	struct engine_row *rows = calloc(ROWS, sizeof(*rows));
	size_t n = rows ? engine_top(r->engine, type, rows, ROWS) : 0;
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *one = json_object();

		line_put_string(one, line_subject_type(type), rows[i].name);
		line_put_number(one, "attempts", rows[i].attempts);
		line_put_number(one, "failures", rows[i].failures);
		line_put_number(one, "successes", rows[i].successes);
		line_put_number(one, "others", rows[i].others);
		line_put_number(one, others, rows[i].accounts);
		line_put_number(one, "distinct_passwords", rows[i].passwords);
		line_put_bool(one, "distinct_passwords_at_least", rows[i].passwords_capped);
		line_put_time(one, "first_seen", rows[i].first_ns);
		line_put_time(one, "last_seen", rows[i].last_ns);
		json_array_append_new(all, one);
	}
	free(rows);
	return all;
}

static json_t *
signatures(const struct report *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->signature_count; i++) {
		const struct eve_signature *s = &r->signatures[i];
		json_t *one = json_object();

		line_put_number(one, "signature_id", s->pattern->id);
		line_put_string(one, "signature", s->pattern->name);
		line_put_number(one, "severity", s->pattern->severity);
		line_put_number(one, "matches", s->matches);
		line_put_number(one, "alerts", s->alerts);
		line_put_time(one, "first_seen", s->first_ns);
		line_put_time(one, "last_seen", s->last_ns);
		json_array_append_new(all, one);
	}
	return all;
}

/* Those that a rule hides still. */
static json_t *
hidden(const struct report *r)
{
	const struct finding **list = calloc(FINDINGS_MAX, sizeof(const struct finding *));
	size_t n = list ? engine_findings(r->engine, list, FINDINGS_MAX) : 0;
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		if (list[i]->suppressed_by > 0)
			json_array_append_new(
				all, line_hidden(list[i], r->rules, r->patterns, r->enrich));
	free(list);
	return all;
}

static void
put_rules(const struct report *r, json_t *o)
{
	struct suppress_count total;
	json_t *part;

	if (!r->rules)
		return;
	total = suppress_total(r->rules);
	if (total.sightings > 0) {
		part = json_object();
		line_put_number(part, "findings", total.findings);
		line_put_number(part, "sightings", total.sightings);
		json_object_set_new(part, "rules", line_rules(r->rules, CONFIG_SUPPRESS));
		json_object_set_new(part, "evidence", hidden(r));
		json_object_set_new(o, "suppressed", part);
	}
	if (total.events > 0) {
		part = json_object();
		line_put_number(part, "events", total.events);
		json_object_set_new(part, "rules", line_rules(r->rules, CONFIG_ALLOW));
		json_object_set_new(o, "allowed", part);
	}
}

static json_t *
mail_ports(const struct config_ports *ports)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < ports->count; i++)
		json_array_append_new(all, json_integer(ports->port[i]));
	return all;
}

static json_t *
interfaces(const struct config_list *list)
{
	json_t *all = json_array();
	const char *element = NULL;

	while ((element = config_list_next(list, element)))
		json_array_append_new(all, json_string(element));
	return all;
}

static json_t *
captures(const struct captures *c)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->count; i++) {
		const struct capture_row *row = &c->rows[i];
		json_t *one = json_object();

		line_put_string(one, "file", row->file);
		if (row->link)
			line_put_string(one, "link", row->link);
		line_put_number(one, "packets", row->packets);
		line_put_number(one, "bytes", row->bytes);
		if (row->last_ns) {
			line_put_time(one, "first", row->first_ns);
			line_put_time(one, "last", row->last_ns);
		}
		if (row->damage)
			line_put_string(one, "damage", row->damage);
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *
totals_object(const struct report *r)
{
	struct engine_totals totals;
	json_t *o = json_object(), *part = json_object();

	engine_totals(r->engine, &totals);
	line_put_number(o, "incidents", totals.incidents);
	line_put_number(o, "findings", totals.findings);
	line_put_number(o, "sources", totals.sources);
	line_put_number(o, "accounts", totals.accounts);
	line_put_number(o, "servers", totals.servers);
	for (unsigned i = 1; i < EVENT_TYPE_COUNT; i++)
		line_put_number(part, event_type_name(i), totals.events[i]);
	json_object_set_new(o, "events", part);
	part = json_object();
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		line_put_number(part, event_outcome_name(i), totals.outcomes[i]);
	json_object_set_new(o, "outcomes", part);
	return o;
}

int
report_json(const struct report *report, FILE *out)
{
	struct engine_totals totals;
	struct eve_stats stats = {.workers = report->workers,
		.intake = report->intake,
		.engine = &totals,
		.first_ns = report->first_ns,
		.last_ns = report->last_ns,
		.store = report->store};
	json_t *o = json_object();

	engine_totals(report->engine, &totals);
	line_put_bool(o, "complete", report_complete(report));
	if (report->trouble)
		line_put_string(o, "trouble", report->trouble);
	json_object_set_new(o, "incidents", incidents(report));
	put_rules(report, o);
	json_object_set_new(o, "top_sources", top(report, SUBJECT_SOURCE, "accounts"));
	json_object_set_new(o, "top_accounts", top(report, SUBJECT_ACCOUNT, "sources"));
	json_object_set_new(o, "signatures", signatures(report));
	if (report->interfaces)
		json_object_set_new(o, "interfaces", interfaces(report->interfaces));
	else
		json_object_set_new(o, "captures", captures(report->captures));
	json_object_set_new(o, "mail_ports", mail_ports(report->ports));
	if (report->last_ns) {
		line_put_time(o, "first_event", report->first_ns);
		line_put_time(o, "last_event", report->last_ns);
	}
	json_object_set_new(o, "totals", totals_object(report));
	json_object_set_new(o, "counters", line_counters(&stats, report->eve));
	if (report->eve_path)
		line_put_string(o, "eve", report->eve_path);
	if (!o)
		return -ENOMEM;
	json_dumpf(o, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(o);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
