/*
 * OCSF 1.4.0, Detection Finding: https://schema.ocsf.io/1.4.0/classes/detection_finding
 * The finding is the incident: its uid is the same in all alerts of one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/encode/attack.h"
#include "export/encode/formats.h"

#define OCSF_VERSION "1.4.0"
#define CATEGORY_FINDINGS 2
#define CLASS_DETECTION_FINDING 2004
#define TYPE_IP_ADDRESS 2
#define TYPE_USER_NAME 4

static void
put_enum(json_t *o, const char *id_key, json_int_t id, const char *key, const char *name)
{
	view_put_number(o, id_key, id);
	view_put(o, key, name);
}

/* activity_id, type_uid and status_id. */
static void
put_activity(json_t *o, const struct encode_view *v)
{
	const bool open = strcmp(v->state, "open") == 0, closed = strcmp(v->state, "closed") == 0;
	const int id = open ? 1 : closed ? 3 : 2;
	const char *name = open ? "Create" : closed ? "Close" : "Update";
	char type[48];

	put_enum(o, "activity_id", id, "activity_name", name);
	put_enum(o, "category_uid", CATEGORY_FINDINGS, "category_name", "Findings");
	put_enum(o, "class_uid", CLASS_DETECTION_FINDING, "class_name", "Detection Finding");
	snprintf(type, sizeof(type), "Detection Finding: %s", name);
	put_enum(o, "type_uid", CLASS_DETECTION_FINDING * 100 + id, "type_name", type);
	/* It fell silent; that nobody has resolved. */
	put_enum(o, "status_id", closed ? 99 : 1, "status", closed ? "Closed" : "New");
	json_object_set_new(o, "is_alert", json_boolean(!closed));
}

static void
put_scales(json_t *o, const struct encode_view *v)
{
	static const struct {
		int id;
		const char *name;
	} scale[] = {
		{0, "Unknown"}, {5, "Critical"}, {4, "High"}, {3, "Medium"}, {1, "Informational"}};
	const size_t at = v->severity >= 1 && v->severity <= 4 ? (size_t)v->severity : 0;

	put_enum(o, "severity_id", scale[at].id, "severity", scale[at].name);
	if (v->confidence <= 0)
		return;
	put_enum(o, "confidence_id",
		v->confidence >= 80   ? 3
		: v->confidence >= 50 ? 2
				      : 1,
		"confidence",
		v->confidence >= 80   ? "High"
		: v->confidence >= 50 ? "Medium"
				      : "Low");
	view_put_number(o, "confidence_score", v->confidence);
}

/* {"uid":..,"name":..} */
static json_t *
entity(const char *uid, const char *name)
{
	json_t *o = json_object();

	view_put(o, "uid", uid);
	view_put(o, "name", name);
	return o;
}

static json_t *
attacks(const struct encode_view *v)
{
	json_t *list = json_array(), *one;
	struct attack a;
	size_t i;

	json_array_foreach(v->mitre, i, one)
	{
		json_t *o;

		if (!json_is_string(one) || !attack_of(json_string_value(one), &a))
			continue;
		o = json_object();
		view_put_some(o, "tactic", entity(a.tactic, a.tactic_name));
		view_put_some(o, "technique", entity(a.technique, a.technique_name));
		view_put_some(o, "sub_technique", entity(a.subtechnique, a.subtechnique_name));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
analytic(const struct encode_view *v)
{
	const bool pattern = strcmp(v->detector, "signature") == 0;
	json_t *o = json_object();
	char uid[24];

	snprintf(uid, sizeof(uid), "%lld", (long long)v->signature_id);
	view_put(o, "uid", uid);
	view_put(o, "name", v->detector);
	put_enum(o, "type_id", pattern ? 1 : 2, "type", pattern ? "Rule" : "Behavioral");
	view_put(o, "category", v->category);
	return o;
}

static json_t *
finding_info(const struct encode_view *v)
{
	json_t *o = json_object(), *types = json_array(), *incident_first;
	char *uid = view_uid(v);
	const char *first = v->first_seen;

	if (uid)
		view_put(o, "uid", uid);
	free(uid);
	view_put(o, "title", v->signature);
	view_put(o, "desc", v->advice);
	json_object_set_new(o, "analytic", analytic(v));
	view_put_some(o, "attacks", attacks(v));
	incident_first = json_object_get(v->incident, "first_seen");
	if (json_is_string(incident_first))
		first = json_string_value(incident_first);
	view_put_number(o, "first_seen_time", view_time_ms(first));
	view_put_number(o, "last_seen_time", view_time_ms(v->last_seen));
	view_add_once(types, v->category);
	view_put_some(o, "types", types);
	return o;
}

static json_t *
endpoint(const char *address, json_int_t port, const json_t *place)
{
	json_t *o = json_object(), *system = json_object(), *location = json_object();

	view_put(o, "ip", address);
	if (port > 0)
		view_put_number(o, "port", port);
	if (view_number(place, "asn") > 0)
		view_put_number(system, "number", view_number(place, "asn"));
	view_put(system, "name", view_text(place, "as_org"));
	view_put_some(o, "autonomous_system", system);
	view_put(location, "country", view_text(place, "country"));
	view_put_some(o, "location", location);
	return o;
}

static json_t *
connection(const struct encode_view *v)
{
	/* Mail out of our own network is what these two are about. */
	const bool out = strcmp(v->detector, "outbound_fanout") == 0 ||
			 strcmp(v->detector, "blocklisted") == 0;
	json_t *o = json_object();

	if (!v->community_id[0])
		return o;
	put_enum(o, "direction_id", out ? 2 : 1, "direction", out ? "Outbound" : "Inbound");
	view_put(o, "protocol_name", "tcp");
	view_put_number(o, "protocol_num", 6);
	view_put(o, "community_uid", v->community_id);
	return o;
}

static json_t *
evidences(const struct encode_view *v)
{
	json_t *list = json_array(), *o = json_object(), *dest;
	json_t *place = view_place(v);

	view_put_some(o, "src_endpoint", endpoint(v->source, v->source_port, place));
	json_decref(place);
	dest = endpoint(v->dest, v->dest_port, NULL);
	if (v->dest[0])
		view_put(dest, "svc_name", "smtp");
	view_put_some(o, "dst_endpoint", dest);
	view_put_some(o, "connection_info", connection(v));
	view_put_some(o, "user", entity("", v->account));
	if (json_object_size(o))
		json_array_append(list, o);
	json_decref(o);
	return list;
}

static void
observe(json_t *list, json_t *names, const char *attribute, int type_id)
{
	json_t *one;
	size_t i;

	json_array_foreach(names, i, one)
	{
		json_t *o = json_object();

		view_put(o, "name", attribute);
		put_enum(o, "type_id", type_id, "type",
			type_id == TYPE_IP_ADDRESS ? "IP Address" : "User Name");
		view_put(o, "value", json_string_value(one));
		json_array_append_new(list, o);
	}
	json_decref(names);
}

static json_t *
observables(const struct encode_view *v)
{
	json_t *list = json_array();

	observe(list, view_names(v, "sources"), "evidences.src_endpoint.ip", TYPE_IP_ADDRESS);
	observe(list, view_names(v, "servers"), "evidences.dst_endpoint.ip", TYPE_IP_ADDRESS);
	observe(list, view_names(v, "accounts"), "evidences.user.name", TYPE_USER_NAME);
	return list;
}

static json_t *
metadata(const struct encode_view *v)
{
	json_t *o = json_object(), *product = json_object();

	view_put(product, "name", ENCODE_PRODUCT);
	view_put(product, "vendor_name", ENCODE_VENDOR);
	view_put(product, "version", SMTAP_VERSION);
	json_object_set_new(o, "product", product);
	view_put(o, "version", OCSF_VERSION);
	view_put(o, "log_name", "alert");
	view_put(o, "log_provider", v->sensor);
	view_put(o, "original_time", v->timestamp);
	return o;
}

json_t *
encode_ocsf(const struct encode_view *v)
{
	json_t *o = json_object(), *own = json_object(), *remediation = json_object();

	put_activity(o, v);
	put_scales(o, v);
	view_put_number(o, "time", view_time_ms(v->timestamp));
	view_put_number(o, "start_time", view_time_ms(v->first_seen));
	view_put_number(o, "end_time", view_time_ms(v->last_seen));
	if (v->attempts > 0)
		view_put_number(o, "count", v->attempts);
	view_put(o, "message", v->signature);
	json_object_set_new(o, "metadata", metadata(v));
	json_object_set_new(o, "finding_info", finding_info(v));
	view_put_some(o, "evidences", evidences(v));
	view_put_some(o, "observables", observables(v));
	view_put(remediation, "desc", v->advice);
	view_put_some(o, "remediation", remediation);
	json_object_set_new(own, "smtap", encode_own(v));
	json_object_set_new(o, "unmapped", own);
	return o;
}
