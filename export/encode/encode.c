/* An alert in the words of other systems: the table of formats, and what fits into a message. */
#include "export/encode/encode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "export/encode/formats.h"

json_t *
encode_own(const struct encode_view *v)
{
	json_t *own = json_copy((json_t *)v->smtap);
	json_t *flow = json_object_get(v->eve, "flow_id");

	if (!own)
		own = json_object();
	if (flow)
		json_object_set(own, "flow_id", flow);
	return own;
}

static char *
dump(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

char *
encode_alert(enum encode_format format, const json_t *eve, const char *sensor)
{
	struct encode_view view;

	view_of(&view, eve, sensor);
	switch (format) {
	case ENCODE_EVE:
		return json_dumps(eve, JSON_COMPACT);
	case ENCODE_ECS:
		return dump(encode_ecs(&view));
	case ENCODE_OCSF:
		return dump(encode_ocsf(&view));
	case ENCODE_CEF:
		return encode_cef(&view);
	case ENCODE_FORMAT_COUNT:
		break;
	}
	return NULL;
}

/* What goes, in this order, until an alert fits: keys of smtap, or of its incident. */
static const struct {
	bool of_incident;
	const char *key;
} least_needed[] = {
	{true, "advice"},
	{false, "samples"},
	{false, "patterns"},
	{true, "stages"},
	{false, "advice"},
	{false, "why"},
	{false, "line"},
	{false, "refusal_url"},
	{true, "accounts"},
	{true, "sources"},
	{true, "servers"},
	{true, "merged"},
	{false, "top_targets"},
	{false, "top_sources"},
	{false, "top_accounts"},
	{false, "success"},
};

/* What stays of smtap when nothing else helps: what, whom, when, as part of what. */
static const char *const most_needed[] = {"detector", "subject_type", "subject", "incident_id",
	"state", "finding_id", "finding_state", "stage", "first_seen", "last_seen", "attempts",
	"failures", "successes", "confidence", "cut"};

static void
keep_most_needed(json_t *smtap)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(smtap, next, key, value)
	{
		bool needed = false;

		for (size_t i = 0; i < sizeof(most_needed) / sizeof(most_needed[0]); i++)
			needed |= strcmp(key, most_needed[i]) == 0;
		if (!needed)
			json_object_del(smtap, key);
	}
}

/* The i-th thing less. False: there was none. */
static bool
say_less(json_t *smtap, size_t i)
{
	const size_t n = sizeof(least_needed) / sizeof(least_needed[0]);
	json_t *from = smtap;

	if (i == n) {
		keep_most_needed(smtap);
		return true;
	}
	if (least_needed[i].of_incident)
		from = json_object_get(smtap, "incident");
	return json_object_del(from, least_needed[i].key) == 0;
}

char *
encode_alert_within(enum encode_format format, const json_t *eve, const char *sensor, size_t max)
{
	char *text = encode_alert(format, eve, sensor);
	json_t *cut, *smtap;

	if (!text || strlen(text) <= max)
		return text;
	cut = json_deep_copy(eve);
	smtap = json_object_get(cut, "smtap");
	json_object_set_new(smtap, "cut", json_true());
	for (size_t i = 0; i <= sizeof(least_needed) / sizeof(least_needed[0]); i++) {
		if (!say_less(smtap, i))
			continue;
		free(text);
		text = encode_alert(format, cut, sensor);
		if (!text || strlen(text) <= max)
			break;
	}
	json_decref(cut);
	return text;
}
