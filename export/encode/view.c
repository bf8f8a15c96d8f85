/* What the encodings take from an alert. */
#include "export/encode/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
view_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t
view_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *
first_of(const char *a, const char *b)
{
	return a[0] ? a : b;
}

/* The name of the first element of a list of objects, as top_sources is. */
static const char *
first_name(const json_t *object, const char *key)
{
	return view_text(json_array_get(json_object_get(object, key), 0), "name");
}

static const char *
first_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_array_get(json_object_get(object, key), 0));

	return text ? text : "";
}

/* The line's addresses are of one session; the subject is what the alert is about. */
static void
see_ends(struct encode_view *v)
{
	v->source = view_text(v->eve, "src_ip");
	v->dest = view_text(v->eve, "dest_ip");
	v->source_port = view_number(v->eve, "src_port");
	v->dest_port = view_number(v->eve, "dest_port");
	if (strcmp(v->subject_type, "source") == 0 && strcmp(v->source, v->subject) != 0) {
		v->source = v->subject;
		v->source_port = 0;
	}
	if (!v->source[0])
		v->source = first_of(
			first_name(v->smtap, "top_sources"), first_string(v->incident, "sources"));
	if (!v->dest[0] && strcmp(v->subject_type, "server") == 0)
		v->dest = v->subject;
	if (!v->dest[0])
		v->dest = first_name(v->smtap, "top_targets");
}

static const char *
see_account(const struct encode_view *v)
{
	const char *fell = view_text(json_object_get(v->smtap, "success"), "account");

	if (strcmp(v->subject_type, "account") == 0)
		return v->subject;
	if (fell[0])
		return fell;
	return view_number(v->smtap, "accounts") == 1 ? first_name(v->smtap, "top_accounts") : "";
}

void
view_of(struct encode_view *v, const json_t *eve, const char *sensor)
{
	const json_t *alert = json_object_get(eve, "alert");
	const json_t *smtap = json_object_get(eve, "smtap");

	*v = (struct encode_view){.eve = eve,
		.alert = alert,
		.smtap = smtap,
		.incident = json_object_get(smtap, "incident"),
		.mitre = json_object_get(json_object_get(alert, "metadata"), "mitre_technique_id"),
		.sensor = sensor,
		.timestamp = view_text(eve, "timestamp"),
		.signature = view_text(alert, "signature"),
		.category = view_text(alert, "category"),
		.detector = view_text(smtap, "detector"),
		.state = view_text(smtap, "state"),
		.stage = view_text(smtap, "stage"),
		.subject_type = view_text(smtap, "subject_type"),
		.subject = view_text(smtap, "subject"),
		.advice = view_text(smtap, "advice"),
		.community_id = view_text(eve, "community_id"),
		.severity = view_number(alert, "severity"),
		.confidence = view_number(smtap, "confidence"),
		.signature_id = view_number(alert, "signature_id"),
		.incident_id = view_number(smtap, "incident_id"),
		.finding_id = view_number(smtap, "finding_id"),
		.attempts = view_number(smtap, "attempts"),
		.successes = view_number(smtap, "successes")};
	v->first_seen = first_of(view_text(smtap, "first_seen"), v->timestamp);
	v->last_seen = first_of(view_text(smtap, "last_seen"), v->timestamp);
	see_ends(v);
	v->account = see_account(v);
}

char *
view_uid(const struct encode_view *v)
{
	char *uid = NULL;
	int n;

	/* Incidents are numbered by each sensor for itself. Alerts without one are about a pattern
	 * and an address, or about the sensor. */
	if (v->incident_id > 0)
		n = asprintf(&uid, "%s/%lld", v->sensor, (long long)v->incident_id);
	else
		n = asprintf(&uid, "%s/%s/%lld%s%s", v->sensor, v->detector,
			(long long)v->signature_id, v->subject[0] ? "/" : "", v->subject);
	return n < 0 ? NULL : uid;
}

void
view_add_once(json_t *list, const char *text)
{
	json_t *one;
	size_t i;

	if (!text[0])
		return;
	json_array_foreach(list, i, one) if (strcmp(json_string_value(one), text) == 0) return;
	json_array_append_new(list, json_string(text));
}

json_t *
view_names(const struct encode_view *v, const char *kind)
{
	const bool sources = strcmp(kind, "sources") == 0, accounts = strcmp(kind, "accounts") == 0;
	const char *top = sources ? "top_sources" : accounts ? "top_accounts" : "top_targets";
	const char *type = sources ? "source" : accounts ? "account" : "server";
	json_t *list = json_array(), *one;
	size_t i;

	view_add_once(list, sources ? v->source : accounts ? v->account : v->dest);
	if (strcmp(v->subject_type, type) == 0)
		view_add_once(list, v->subject);
	json_array_foreach(json_object_get(v->smtap, top), i, one)
		view_add_once(list, view_text(one, "name"));
	json_array_foreach(json_object_get(v->incident, kind), i, one)
		view_add_once(list, json_string_value(one) ? json_string_value(one) : "");
	return list;
}

json_t *
view_place(const struct encode_view *v)
{
	static const char *const keys[][2] = {
		{"source_country", "country"}, {"source_asn", "asn"}, {"source_as_org", "as_org"}};
	json_t *place = json_object(), *one, *value;
	size_t i;

	json_array_foreach(json_object_get(v->smtap, "top_sources"), i,
		one) if (strcmp(view_text(one, "name"), v->source) == 0)
		json_object_update(place, one);
	if (strcmp(v->subject, v->source) != 0)
		return place;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if ((value = json_object_get(v->smtap, keys[i][0])) != NULL)
			json_object_set(place, keys[i][1], value);
	return place;
}

void
view_put(json_t *object, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(object, key, json_string(text));
}

void
view_put_number(json_t *object, const char *key, json_int_t number)
{
	json_object_set_new(object, key, json_integer(number));
}

void
view_put_some(json_t *object, const char *key, json_t *value)
{
	if (json_object_size(value) || json_array_size(value))
		json_object_set_new(object, key, value);
	else
		json_decref(value);
}

bool
view_is_v6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* Where the fraction or the zone begins; NULL: no time. */
static const char *
read_time(const char *text, struct tm *tm)
{
	*tm = (struct tm){0};
	return strptime(text, "%Y-%m-%dT%H:%M:%S", tm);
}

void
view_time(const char *eve_time, char out[VIEW_TIME_MAX])
{
	struct tm tm;
	const char *rest = read_time(eve_time, &tm);
	size_t digits;

	out[0] = '\0';
	if (!rest)
		return;
	digits = rest[0] == '.' ? 1 + strspn(rest + 1, "0123456789") : 0;
	if (digits > 10)
		digits = 10;
	/* EVE is in UTC, +0000 (smtap-eve.5). */
	snprintf(out, VIEW_TIME_MAX, "%.*s%.*sZ", (int)strcspn(eve_time, ".+Z"), eve_time,
		(int)digits, rest);
}

json_int_t
view_time_ms(const char *eve_time)
{
	struct tm tm;
	const char *rest = read_time(eve_time, &tm);
	json_int_t ms = 0;

	if (!rest)
		return 0;
	for (unsigned i = 0, unit = 100; rest[0] == '.' && i < 3; i++, unit /= 10) {
		if (rest[1 + i] < '0' || rest[1 + i] > '9')
			break;
		ms += (rest[1 + i] - '0') * (json_int_t)unit;
	}
	return (json_int_t)timegm(&tm) * 1000 + ms;
}
