/*
 * An alert as an abuse report: XARF v4, category connection, type login_attack
 * (https://github.com/xarf/xarf-spec, schemas/v4/xarf-core.json and
 * types/connection-login-attack.json).
 *
 * It goes to strangers: to whoever a registry names for the address. So it names the address, when,
 * how often, and the server; never an account, nor a text that may hold one.
 *
 * No spam is reported: messaging/spam over SMTP requires the sender's address (smtp_from), and that
 * of mail sent through a stolen account is the victim's. What was stolen is in the report of the
 * login. Scans are not either: most come from who looks at the whole Internet and says so.
 */
#include "export/xarf/report.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "contract/prefix.h"
#include "contract/reserved.h"
#include "export/encode/view.h"

#define XARF_VERSION "4.0.0"
#define EVIDENCE_MAX 2048
#define SHA1_BYTES 20
#define SHA256_BYTES 32

/* All of IPv6 that is given to anybody. */
#define IPV6_GLOBAL "2000::/3"

bool
report_is_global(const char *address)
{
	struct prefix net, one;
	enum reserved what;
	char why[256];

	if (prefix_parse_addr(&one, address, why, sizeof(why)) != 0)
		return false;
	for (unsigned i = 0; reserved_at(i, &net, &what); i++)
		if (prefix_contains(&net, &one.addr))
			return false;
	if (addr_is_v4(&one.addr))
		return true;
	return prefix_parse(&net, IPV6_GLOBAL, why, sizeof(why)) == 0 &&
	       prefix_contains(&net, &one.addr);
}

/* Those that are about guessing by one address. What was not guessed is no login attack. */
static bool
is_login_attack(const char *detector)
{
	static const char *const detectors[] = {
		"bruteforce", "spray", "stuffing", "slow", "compromise"};

	for (size_t i = 0; i < sizeof(detectors) / sizeof(detectors[0]); i++)
		if (strcmp(detectors[i], detector) == 0)
			return true;
	return false;
}

const char *
report_source(const struct report_options *options, const json_t *eve)
{
	struct encode_view v;

	view_of(&v, eve, options->sensor);
	if (v.incident_id <= 0 || !is_login_attack(v.detector) ||
		strcmp(v.subject_type, "source") != 0 || v.confidence < options->confidence)
		return NULL;
	return report_is_global(v.subject) ? v.subject : NULL;
}

/* RFC 9562 5.5: a hash of a name in a space of names, which is that of smtap's reports. */
static bool
hash_name(const char *name, unsigned char hash[SHA1_BYTES])
{
	static const unsigned char space[16] = {0x6f, 0x0c, 0x2d, 0x52, 0x1c, 0x57, 0x4b, 0x7e,
		0x9a, 0x63, 0x55, 0x0e, 0xd3, 0x7f, 0x24, 0xb1};
	gnutls_hash_hd_t sha1;

	if (gnutls_hash_init(&sha1, GNUTLS_DIG_SHA1) < 0)
		return false;
	gnutls_hash(sha1, space, sizeof(space));
	gnutls_hash(sha1, name, strlen(name));
	gnutls_hash_deinit(sha1, hash);
	hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x50); /* version 5 */
	hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80); /* of this variant */
	return true;
}

bool
report_id(const struct report_options *options, const json_t *eve, char id[REPORT_ID_MAX])
{
	unsigned char h[SHA1_BYTES];
	struct encode_view v;
	char *name;
	bool done;

	view_of(&v, eve, options->sensor);
	if (asprintf(&name, "%s/%lld/%s", options->sensor, (long long)v.incident_id, v.subject) < 0)
		return false;
	done = hash_name(name, h);
	free(name);
	if (done)
		snprintf(id, REPORT_ID_MAX,
			"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11],
			h[12], h[13], h[14], h[15]);
	return done;
}

static json_t *
contact(const struct report_options *options)
{
	return json_pack("{s:s, s:s, s:s}", "org", options->org, "contact", options->contact,
		"domain", options->domain);
}

/* The numbers, in words that whoever runs that network can look for in their own logs. */
static void
write_evidence(const struct encode_view *v, char text[EVIDENCE_MAX])
{
	const json_t *samples = json_object_get(v->smtap, "samples");
	char first[VIEW_TIME_MAX], last[VIEW_TIME_MAX];
	struct text t = {.out = text, .room = EVIDENCE_MAX};

	view_time(v->first_seen, first);
	view_time(v->last_seen, last);
	text_add(&t, "SMTP logins (AUTH) from %s, as seen on the way to the mail server\n\n",
		v->subject);
	text_add(&t, "First seen: %s\nLast seen: %s\n", first, last);
	text_add(&t, "Logins tried: %lld\nRefused: %lld\nSuccessful: %lld\n",
		(long long)v->attempts, (long long)view_number(v->smtap, "failures"),
		(long long)v->successes);
	text_add(&t, "Accounts tried: %lld\nServers tried: %lld\n",
		(long long)view_number(v->smtap, "accounts"),
		(long long)view_number(v->smtap, "targets"));
	if (v->dest[0])
		text_add(&t, "Last connection: %s port %lld to %s port %lld, TCP\n", v->source,
			(long long)v->source_port, v->dest, (long long)v->dest_port);
	for (size_t i = 0; i < json_array_size(samples); i++) {
		const char *id = json_string_value(json_array_get(samples, i));

		if (id)
			text_add(&t, "Connection (community id): %s\n", id);
	}
}

static json_t *
evidence(const struct encode_view *v)
{
	char text[EVIDENCE_MAX], digest[8 + 2 * SHA256_BYTES];
	unsigned char hash[SHA256_BYTES];
	gnutls_datum_t plain, payload;
	json_t *item;
	int n = snprintf(digest, sizeof(digest), "sha256:");

	write_evidence(v, text);
	plain = (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, plain.size, hash) < 0 ||
		gnutls_base64_encode2(&plain, &payload) < 0)
		return NULL;
	for (unsigned i = 0; i < SHA256_BYTES; i++)
		n += snprintf(digest + n, sizeof(digest) - (size_t)n, "%02x", hash[i]);
	item = json_pack("{s:s, s:s, s:s%, s:s, s:I}", "content_type", "text/plain", "description",
		"What the sensor counted", "payload", payload.data, (size_t)payload.size, "hash",
		digest, "size", (json_int_t)plain.size);
	gnutls_free(payload.data);
	return item;
}

/* Its kind of guessing, as a tag: namespace:predicate. */
static const char *
tag_of(const char *detector)
{
	if (strcmp(detector, "spray") == 0)
		return "attack:password_spraying";
	if (strcmp(detector, "stuffing") == 0)
		return "attack:credential_stuffing";
	return "attack:brute_force";
}

static void
put_times(json_t *o, const struct encode_view *v)
{
	char time[VIEW_TIME_MAX];

	view_time(v->timestamp, time);
	view_put(o, "timestamp", time);
	view_time(v->first_seen, time);
	view_put(o, "first_seen", time);
	view_time(v->last_seen, time);
	view_put(o, "last_seen", time);
}

static void
put_ends(json_t *o, const struct encode_view *v)
{
	view_put(o, "source_identifier", v->source);
	if (v->source_port > 0)
		view_put_number(o, "source_port", v->source_port);
	view_put(o, "destination_ip", v->dest);
	if (v->dest_port > 0)
		view_put_number(o, "destination_port", v->dest_port);
	view_put(o, "protocol", "tcp");
	view_put(o, "service", "smtp");
}

json_t *
report_of(const struct report_options *options, const json_t *eve)
{
	json_t *o = json_object(), *item, *list = json_array();
	char id[REPORT_ID_MAX], text[256];
	struct encode_view v;

	view_of(&v, eve, options->sensor);
	item = evidence(&v);
	if (!o || !list || !item || !report_id(options, eve, id)) {
		json_decref(o);
		json_decref(list);
		json_decref(item);
		return NULL;
	}
	view_put(o, "xarf_version", XARF_VERSION);
	view_put(o, "report_id", id);
	put_times(o, &v);
	json_object_set_new(o, "reporter", contact(options));
	json_object_set_new(o, "sender", contact(options));
	view_put(o, "category", "connection");
	view_put(o, "type", "login_attack");
	put_ends(o, &v);
	view_put_number(o, "attempt_count", v.attempts);
	view_put_number(o, "successful_logins", v.successes);
	view_put(o, "evidence_source", "ids_detection");
	json_array_append_new(list, item);
	json_object_set_new(o, "evidence", list);
	json_object_set_new(o, "confidence", json_real((double)v.confidence / 100));
	json_object_set_new(o, "tags", json_pack("[s, s]", tag_of(v.detector), "service:smtp"));
	snprintf(text, sizeof(text),
		"Passwords guessed at a mail server: %lld logins tried over "
		"SMTP, %lld of them successful.",
		(long long)v.attempts, (long long)v.successes);
	view_put(o, "description", text);
	return o;
}
