/* The second reading: the findings of the incidents that are told in full. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/model.h"

#define WORD_MAX 64
#define TITLE_MAX 256
#define ADVICE_MAX 4096

/* Replace *to by what key holds, if it holds something. */
static void
take_text(char **to, const json_t *object, const char *key, size_t max)
{
	char *own = model_copy(reader_text(object, key), max);

	if (!own)
		return;
	free(*to);
	*to = own;
}

static void
free_tops(struct top tops[TOPS_MAX])
{
	for (unsigned i = 0; i < TOPS_MAX; i++) {
		free(tops[i].name);
		free(tops[i].place);
	}
	memset(tops, 0, TOPS_MAX * sizeof(*tops));
}

static void
take_tops(struct top tops[TOPS_MAX], const json_t *smtap, const char *key)
{
	static const char *const keys[] = {"country", "asn", "as_org"};
	const json_t *list = json_object_get(smtap, key), *one;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	free_tops(tops);
	json_array_foreach(list, i, one)
	{
		if (i == TOPS_MAX)
			break;
		tops[i].name = strndup(reader_text(one, "name"), NAMES_TEXT_MAX);
		tops[i].attempts = reader_number(one, "attempts");
		tops[i].succeeded = reader_true(one, "succeeded");
		tops[i].place = place_take(one, keys);
	}
}

static void
free_finding(struct finding *f)
{
	free(f->detector);
	free(f->title);
	free(f->subject_type);
	free(f->subject);
	free(f->success_account);
	free(f->advice);
	free(f->place);
	kind_free(f);
	free_tops(f->top_accounts);
	free_tops(f->top_sources);
	free_tops(f->top_targets);
	for (unsigned i = 0; i < sizeof(f->mitre) / sizeof(f->mitre[0]); i++)
		free(f->mitre[i]);
}

void
detail_free(struct incident *incident)
{
	for (size_t i = 0; i < incident->finding_count; i++)
		free_finding(&incident->findings[i]);
	free(incident->findings);
	for (size_t i = 0; i < incident->flow_count; i++) {
		free(incident->flows[i].community_id);
		free(incident->flows[i].source);
		free(incident->flows[i].server);
	}
	free(incident->flows);
	for (unsigned i = 0; i < PATTERNS_MAX; i++)
		free(incident->patterns[i]);
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		free(incident->stages[i].advice);
	names_free(&incident->accounts);
	names_free(&incident->sources);
	names_free(&incident->servers);
}

static void
take_numbers(struct finding *f, const json_t *smtap)
{
	f->first_us = reader_time(smtap, "first_seen");
	f->last_us = reader_time(smtap, "last_seen");
	f->attempts = reader_number(smtap, "attempts");
	f->failures = reader_number(smtap, "failures");
	f->successes = reader_number(smtap, "successes");
	f->accounts = reader_number(smtap, "accounts");
	f->targets = reader_number(smtap, "targets");
	f->sources = reader_number(smtap, "sources");
	f->passwords = reader_number(smtap, "distinct_passwords");
	f->passwords_at_least = reader_true(smtap, "distinct_passwords_at_least");
	f->confidence = reader_number(smtap, "confidence");
	f->sensor_loss = reader_number(smtap, "sensor_loss");
}

static void
take_alert(struct finding *f, const json_t *alert)
{
	const json_t *list =
		json_object_get(json_object_get(alert, "metadata"), "mitre_technique_id");
	const char *signature = reader_text(alert, "signature");
	const char *title = strstr(signature, ": ");
	const json_t *one;
	size_t i;

	free(f->title);
	f->title = model_copy(title ? title + 2 : signature, TITLE_MAX);
	f->signature_id = reader_number(alert, "signature_id");
	f->severity = (unsigned)reader_number(alert, "severity");
	json_array_foreach(list, i, one)
	{
		if (i == sizeof(f->mitre) / sizeof(f->mitre[0]))
			break;
		free(f->mitre[i]);
		f->mitre[i] =
			model_copy(json_is_string(one) ? json_string_value(one) : "", WORD_MAX);
	}
}

static void
take_success(struct finding *f, const json_t *success)
{
	if (!json_is_object(success))
		return;
	take_text(&f->success_account, success, "account", NAMES_TEXT_MAX);
	f->success_us = reader_time(success, "timestamp");
	f->success_attempt = reader_number(success, "attempt");
}

static void
take_finding(struct finding *f, const json_t *line, const json_t *smtap)
{
	static const char *const keys[] = {"source_country", "source_asn", "source_as_org"};
	const char *state = reader_text(smtap, "finding_state");

	take_text(&f->detector, smtap, "detector", WORD_MAX);
	take_text(&f->subject_type, smtap, "subject_type", WORD_MAX);
	take_text(&f->subject, smtap, "subject", NAMES_TEXT_MAX);
	take_text(&f->advice, smtap, "advice", ADVICE_MAX);
	take_numbers(f, smtap);
	if (f->first_us == WHEN_NONE)
		f->first_us = reader_time(line, "timestamp");
	if (f->last_us < f->first_us)
		f->last_us = f->first_us;
	take_alert(f, json_object_get(line, "alert"));
	take_success(f, json_object_get(smtap, "success"));
	take_tops(f->top_accounts, smtap, "top_accounts");
	take_tops(f->top_sources, smtap, "top_sources");
	take_tops(f->top_targets, smtap, "top_targets");
	free(f->place);
	f->place = place_take(smtap, keys);
	kind_take(f, smtap);
	f->stage = stage_of(reader_text(smtap, "stage"));
	if (f->stage == STAGE_COUNT && !json_object_get(smtap, "incident"))
		f->stage = stage_of_detector(reader_text(smtap, "detector"));
	f->closed = strcmp(*state ? state : reader_text(smtap, "state"), "closed") == 0;
}

/* The finding of a line, which may be new. */
static int
find_finding(struct incident *incident, const json_t *smtap, struct finding **finding)
{
	uint64_t id = reader_number(smtap, "finding_id");
	size_t n = incident->finding_count;

	if (id == 0) /* a line of before findings had ids: one a incident */
		id = reader_number(smtap, "incident_id");
	*finding = NULL;
	for (size_t i = 0; i < n; i++)
		if (incident->findings[i].id == id)
			*finding = &incident->findings[i];
	if (*finding)
		return 0;
	if (n == FINDINGS_MAX) {
		incident->findings_further++;
		return 0;
	}
	if (!incident->findings)
		incident->findings = calloc(FINDINGS_MAX, sizeof(*incident->findings));
	if (!incident->findings)
		return -ENOMEM;
	*finding = &incident->findings[incident->finding_count++];
	(*finding)->id = id;
	(*finding)->success_us = WHEN_NONE;
	return 0;
}

static void
reach(struct stage_told *stage, int64_t first_us, int64_t last_us)
{
	if (first_us == WHEN_NONE)
		return;
	if (!stage->reached || first_us < stage->first_us)
		stage->first_us = first_us;
	if (!stage->reached || last_us > stage->last_us)
		stage->last_us = last_us;
	stage->reached = true;
}

/* What the line says of the incident as a whole. */
static void
take_whole(struct incident *incident, const json_t *smtap)
{
	const json_t *whole = json_object_get(smtap, "incident"), *one;
	size_t i;

	incident->reopened = reader_number(whole, "reopened");
	incident->open_findings = reader_number(whole, "open_findings");
	json_array_foreach(json_object_get(whole, "stages"), i, one)
	{
		enum stage stage = stage_of(reader_text(one, "stage"));
		if (stage != STAGE_COUNT)
			reach(&incident->stages[stage], reader_time(one, "first_seen"),
				reader_time(one, "last_seen"));
	}
	json_array_foreach(json_object_get(whole, "advice"), i, one)
	{
		enum stage stage = stage_of(reader_text(one, "stage"));
		if (stage != STAGE_COUNT)
			take_text(&incident->stages[stage].advice, one, "text", ADVICE_MAX);
	}
}

static void
take_patterns(struct incident *incident, const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(one);
		unsigned at = 0;

		while (name && at < PATTERNS_MAX && incident->patterns[at] &&
			strcmp(incident->patterns[at], name) != 0)
			at++;
		if (name && at < PATTERNS_MAX && !incident->patterns[at])
			incident->patterns[at] = model_copy(name, TITLE_MAX);
	}
}

/* The sessions that a finding shows: to be looked for in the third reading. */
static int
take_samples(struct incident *incident, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!incident->flows)
		incident->flows = calloc(FLOWS_MAX, sizeof(*incident->flows));
	if (!incident->flows)
		return -ENOMEM;
	json_array_foreach(list, i, one)
	{
		const char *id = json_string_value(one);
		bool known = !id || *id == '\0';

		for (size_t f = 0; f < incident->flow_count && !known; f++)
			known = strcmp(incident->flows[f].community_id, id) == 0;
		if (known || incident->flow_count == FLOWS_MAX)
			continue;
		struct flow *flow = &incident->flows[incident->flow_count];
		flow->first_us = flow->last_us = WHEN_NONE;
		flow->community_id = model_copy(id, WORD_MAX);
		if (!flow->community_id)
			return -ENOMEM;
		incident->flow_count++;
	}
	return 0;
}

/* The rules that matched are told by themselves. */
static int
add_signature(struct model *model, const json_t *line)
{
	const json_t *smtap = json_object_get(line, "smtap"), *alert;
	const char *subject = reader_text(smtap, "subject");
	struct signature *s = NULL;

	alert = json_object_get(line, "alert");
	if (!model->signatures)
		model->signatures = calloc(SIGNATURES_MAX, sizeof(*model->signatures));
	if (!model->signatures)
		return -ENOMEM;
	uint64_t id = reader_number(alert, "signature_id");
	for (size_t i = 0; i < model->signature_count && !s; i++)
		if (model->signatures[i].id == id && model->signatures[i].subject &&
			strcmp(model->signatures[i].subject, subject) == 0)
			s = &model->signatures[i];
	if (!s && model->signature_count == SIGNATURES_MAX) {
		model->signatures_further++;
		return 0;
	}
	if (!s) {
		const char *title = reader_text(alert, "signature");
		s = &model->signatures[model->signature_count++];
		s->id = id;
		s->title = model_copy(
			strstr(title, ": ") ? strstr(title, ": ") + 2 : title, TITLE_MAX);
		s->subject = strndup(subject, NAMES_TEXT_MAX);
		s->severity = (unsigned)reader_number(alert, "severity");
		s->first_us = reader_time(smtap, "first_seen");
	}
	s->last_us = reader_time(smtap, "last_seen");
	s->lines += 1 + reader_number(smtap, "suppressed");
	return 0;
}

int
detail_add(struct model *model, const json_t *line)
{
	const json_t *smtap = list_finding(line);
	const struct brief *brief;
	struct incident *incident;
	struct finding *finding;

	if (!smtap) {
		const char *detector = reader_text(json_object_get(line, "smtap"), "detector");
		return strcmp(detector, "signature") == 0 ? add_signature(model, line) : 0;
	}
	brief = list_find(
		&model->list, list_root(&model->list, reader_number(smtap, "incident_id")));
	if (!brief || (size_t)(brief - model->list.briefs) >= model->list.told)
		return 0;
	incident = &model->incidents[brief - model->list.briefs];
	if (find_finding(incident, smtap, &finding) != 0 ||
		take_samples(incident, json_object_get(smtap, "samples")) != 0)
		return -ENOMEM;
	take_patterns(incident, json_object_get(smtap, "patterns"));
	if (reader_number(smtap, "incident_id") == brief->id)
		take_whole(incident, smtap);
	if (!finding)
		return 0;
	take_finding(finding, line, smtap);
	if (finding->stage != STAGE_COUNT)
		reach(&incident->stages[finding->stage], finding_began(finding), finding->last_us);
	return 0;
}
