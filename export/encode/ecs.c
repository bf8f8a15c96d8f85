/*
 * Elastic Common Schema 8.11: https://www.elastic.co/guide/en/ecs/8.11/ecs-field-reference.html
 * All that smtap says stays under the key smtap, which ECS leaves to whoever makes the event.
 */
#include <stdio.h>
#include <string.h>

#include "export/encode/attack.h"
#include "export/encode/formats.h"

#define ECS_VERSION "8.11.0"

static json_t *
strings(const char *a, const char *b)
{
	json_t *list = json_array();

	view_add_once(list, a);
	view_add_once(list, b);
	return list;
}

/* Of the values that ECS allows for event.category. */
static json_t *
categories(const char *detector)
{
	static const struct {
		const char *detector;
		const char *category;
	} also[] = {{"bruteforce", "authentication"}, {"spray", "authentication"},
		{"stuffing", "authentication"}, {"distributed", "authentication"},
		{"slow", "authentication"}, {"compromise", "authentication"},
		{"stale_credential", "authentication"}, {"auth_spike", "authentication"},
		{"relay_burst", "email"}, {"open_relay", "email"}, {"bounce_wave", "email"},
		{"enumeration", "email"}, {"outbound_fanout", "email"}, {"blocklisted", "email"},
		{"exposure", "configuration"}, {"sensor_loss", "host"}, {"sensor_shed", "host"}};
	json_t *list = strings("intrusion_detection", "");

	for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++)
		if (strcmp(also[i].detector, detector) == 0)
			view_add_once(list, also[i].category);
	if (json_array_size(list) == 1)
		view_add_once(list, "network");
	return list;
}

static json_t *
event(const struct encode_view *v)
{
	json_t *o = json_object();
	char time[VIEW_TIME_MAX], code[24];

	view_put(o, "kind", "alert");
	json_object_set_new(o, "category", categories(v->detector));
	json_object_set_new(o, "type", strings("info", ""));
	view_put(o, "action", v->detector);
	snprintf(code, sizeof(code), "%lld", (long long)v->signature_id);
	view_put(o, "code", code);
	view_put(o, "module", "smtap");
	view_put(o, "dataset", "smtap.alert");
	view_put(o, "provider", "smtap");
	view_put_number(o, "severity", v->severity);
	view_time(v->first_seen, time);
	view_put(o, "start", time);
	view_time(v->last_seen, time);
	view_put(o, "end", time);
	view_put(o, "reason", v->signature);
	return o;
}

/* One end of a session. place, which may be NULL, says where it is. */
static json_t *
end(const char *address, json_int_t port, const json_t *place)
{
	json_t *o = json_object(), *as = json_object(), *org = json_object(), *geo = json_object();

	view_put(o, "address", address);
	view_put(o, "ip", address);
	if (port > 0)
		view_put_number(o, "port", port);
	if (view_number(place, "asn") > 0)
		view_put_number(as, "number", view_number(place, "asn"));
	view_put(org, "name", view_text(place, "as_org"));
	view_put_some(as, "organization", org);
	view_put_some(o, "as", as);
	view_put(geo, "country_iso_code", view_text(place, "country"));
	view_put_some(o, "geo", geo);
	return o;
}

/* ids and names stand in lists side by side; the parts of techniques in lists of their own. */
static json_t *
threat(const struct encode_view *v)
{
	json_t *o = json_object(), *technique = json_object(), *part = json_object();
	json_t *tactic = json_object(), *one;
	json_t *lists[6];
	struct attack a;
	size_t i;

	for (i = 0; i < 6; i++)
		lists[i] = json_array();
	json_array_foreach(v->mitre, i, one)
	{
		if (!json_is_string(one) || !attack_of(json_string_value(one), &a))
			continue;
		view_add_once(lists[0], a.technique);
		view_add_once(lists[1], a.technique_name);
		view_add_once(lists[2], a.subtechnique);
		view_add_once(lists[3], a.subtechnique_name);
		view_add_once(lists[4], a.tactic);
		view_add_once(lists[5], a.tactic_name);
	}
	if (json_array_size(lists[0]))
		view_put(o, "framework", "MITRE ATT&CK");
	view_put_some(technique, "id", lists[0]);
	view_put_some(technique, "name", lists[1]);
	view_put_some(part, "id", lists[2]);
	view_put_some(part, "name", lists[3]);
	view_put_some(tactic, "id", lists[4]);
	view_put_some(tactic, "name", lists[5]);
	view_put_some(technique, "subtechnique", part);
	view_put_some(o, "technique", technique);
	view_put_some(o, "tactic", tactic);
	return o;
}

static json_t *
rule(const struct encode_view *v)
{
	json_t *o = json_object();
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)v->signature_id);
	view_put(o, "id", id);
	view_put(o, "name", v->signature);
	view_put(o, "category", v->category);
	view_put(o, "ruleset", "smtap");
	return o;
}

static json_t *
network(const struct encode_view *v)
{
	json_t *o = json_object();

	if (!view_text(v->eve, "src_ip")[0])
		return o;
	view_put(o, "transport", "tcp");
	view_put(o, "protocol", "smtp");
	view_put(o, "type", view_is_v6(view_text(v->eve, "src_ip")) ? "ipv6" : "ipv4");
	view_put(o, "community_id", v->community_id);
	return o;
}

static json_t *
observer(const struct encode_view *v)
{
	json_t *o = json_object();

	view_put(o, "vendor", ENCODE_VENDOR);
	view_put(o, "product", ENCODE_PRODUCT);
	view_put(o, "version", SMTAP_VERSION);
	view_put(o, "type", "ids");
	view_put(o, "name", v->sensor);
	view_put(o, "hostname", v->sensor);
	return o;
}

/* Every address and account of the alert, to look for. */
static json_t *
related(const struct encode_view *v)
{
	json_t *o = json_object(), *addresses = view_names(v, "sources");
	json_t *servers = view_names(v, "servers"), *one;
	size_t i;

	json_array_foreach(servers, i, one) view_add_once(addresses, json_string_value(one));
	json_decref(servers);
	view_put_some(o, "ip", addresses);
	view_put_some(o, "user", view_names(v, "accounts"));
	return o;
}

json_t *
encode_ecs(const struct encode_view *v)
{
	json_t *o = json_object(), *ecs = json_object(), *user = json_object();
	json_t *place = view_place(v);
	char time[VIEW_TIME_MAX];

	view_time(v->timestamp, time);
	view_put(o, "@timestamp", time);
	view_put(ecs, "version", ECS_VERSION);
	json_object_set_new(o, "ecs", ecs);
	view_put(o, "message", v->signature);
	json_object_set_new(o, "event", event(v));
	json_object_set_new(o, "rule", rule(v));
	view_put_some(o, "source", end(v->source, v->source_port, place));
	view_put_some(o, "destination", end(v->dest, v->dest_port, NULL));
	view_put(user, "name", v->account);
	view_put_some(o, "user", user);
	view_put_some(o, "network", network(v));
	view_put_some(o, "threat", threat(v));
	json_object_set_new(o, "observer", observer(v));
	view_put_some(o, "related", related(v));
	json_object_set_new(o, "smtap", encode_own(v));
	json_decref(place);
	return o;
}
