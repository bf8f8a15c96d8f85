/*
 * ArcSight Common Event Format: "Implementing ArcSight Common Event Format (CEF)", version 26;
 * a header of seven fields between bars, then key=value pairs. Values are cut at the lengths that
 * its dictionary gives for their keys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "export/encode/formats.h"

#define CEF_NAME_MAX 512
#define CEF_USER_MAX 1023
#define CEF_TEXT_MAX 1023
#define CEF_CUSTOM_MAX 4000

/* Where it is written, and whether that is the header still. */
struct cef {
	FILE *out;
	bool header;
};

/*
 * One character. A bar ends a field of the header, an equals sign a key of the extension, and a
 * backslash begins an escape in both. Lines end only in values, and there as \n. Other controls,
 * which a terminal may obey, are written out.
 */
static void
put_character(const struct cef *cef, const uint8_t *p, size_t len, uint32_t code)
{
	if (code == '\\' || code == (cef->header ? '|' : '='))
		fputc('\\', cef->out);
	if (code == '\n' || code == '\r')
		fputs(cef->header ? " " : code == '\n' ? "\\n" : "\\r", cef->out);
	else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		fprintf(cef->out, "\\\\x%02" PRIx32, code);
	else
		fwrite(p, 1, len, cef->out);
}

/* At most max characters of text, as the dictionary counts them: before the escapes. */
static void
put_text(const struct cef *cef, const char *text, size_t max)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t left = strlen(text);

	for (; left > 0 && max > 0; max--) {
		uint32_t code = *p;
		size_t len = utf8_next(p, left, &code);

		if (len == 0) {
			fprintf(cef->out, "\\\\x%02x", *p);
			len = 1;
		} else {
			put_character(cef, p, len, code);
		}
		p += len;
		left -= len;
	}
}

static void
put_field(struct cef *cef, const char *text, size_t max)
{
	fputc('|', cef->out);
	put_text(cef, text, max);
}

static void
put_pair(const struct cef *cef, const char *key, const char *value, size_t max)
{
	if (!value[0])
		return;
	fprintf(cef->out, " %s=", key);
	put_text(cef, value, max);
}

static void
put_count(const struct cef *cef, const char *key, json_int_t value)
{
	if (value > 0)
		fprintf(cef->out, " %s=%lld", key, (long long)value);
}

static void
put_custom(const struct cef *cef, const char *key, const char *label, const char *value)
{
	if (!value[0])
		return;
	put_pair(cef, key, value, CEF_CUSTOM_MAX);
	fprintf(cef->out, " %sLabel=%s", key, label);
}

/* Names with commas between them. */
static void
put_list(const struct cef *cef, const char *key, const char *label, const json_t *names)
{
	json_t *one;
	size_t i;

	if (json_array_size(names) == 0)
		return;
	fprintf(cef->out, " %s=", key);
	json_array_foreach(names, i, one)
	{
		if (i > 0)
			fputc(',', cef->out);
		put_text(cef, json_string_value(one), CEF_USER_MAX);
	}
	fprintf(cef->out, " %sLabel=%s", key, label);
}

/* src and dst are of IPv4; the addresses of IPv6 have keys of their own. */
static void
put_address(const struct cef *cef, const char *key, const char *key_v6, const char *label,
	const char *address)
{
	if (view_is_v6(address))
		put_custom(cef, key_v6, label, address);
	else
		put_pair(cef, key, address, CEF_TEXT_MAX);
}

static void
put_ends(const struct cef *cef, const struct encode_view *v)
{
	put_address(cef, "src", "c6a2", "Source IPv6 Address", v->source);
	put_count(cef, "spt", v->source_port);
	put_address(cef, "dst", "c6a3", "Destination IPv6 Address", v->dest);
	put_count(cef, "dpt", v->dest_port);
	if (v->community_id[0]) {
		put_pair(cef, "proto", "TCP", CEF_TEXT_MAX);
		put_pair(cef, "app", "SMTP", CEF_TEXT_MAX);
	}
	/* Who sends as somebody is somebody to the server. */
	if (strcmp(v->stage, "relay") == 0)
		put_pair(cef, "suser", v->account, CEF_USER_MAX);
	put_pair(cef, "duser", v->account, CEF_USER_MAX);
}

static void
put_custom_fields(const struct cef *cef, const struct encode_view *v)
{
	json_t *sources = view_names(v, "sources"), *accounts = view_names(v, "accounts");

	put_custom(cef, "cs1", "detector", v->detector);
	put_custom(cef, "cs2", "subject", v->subject);
	put_custom(cef, "cs3", "state", v->state);
	put_custom(cef, "cs4", "stage", v->stage);
	put_list(cef, "cs5", "mitre", v->mitre);
	put_custom(cef, "cs6", "communityId", v->community_id);
	put_count(cef, "cn1", v->confidence);
	if (v->confidence > 0)
		fputs(" cn1Label=confidence", cef->out);
	put_count(cef, "cn2", v->finding_id);
	if (v->finding_id > 0)
		fputs(" cn2Label=findingId", cef->out);
	put_list(cef, "flexString1", "sources", sources);
	put_list(cef, "flexString2", "accounts", accounts);
	json_decref(sources);
	json_decref(accounts);
}

static void
put_extension(const struct cef *cef, const struct encode_view *v)
{
	char id[24];

	fprintf(cef->out, "rt=%lld", (long long)view_time_ms(v->timestamp));
	put_count(cef, "start", view_time_ms(v->first_seen));
	put_count(cef, "end", view_time_ms(v->last_seen));
	if (v->incident_id > 0) {
		snprintf(id, sizeof(id), "%lld", (long long)v->incident_id);
		put_pair(cef, "externalId", id, CEF_TEXT_MAX);
	}
	put_pair(cef, "dvchost", v->sensor, 100);
	put_pair(cef, "cat", v->category, CEF_TEXT_MAX);
	put_pair(cef, "act", view_text(v->alert, "action"), 63);
	put_count(cef, "cnt", v->attempts);
	if (v->successes > 0 || view_number(v->smtap, "failures") > 0)
		put_pair(cef, "outcome", v->successes > 0 ? "success" : "failure", 63);
	put_ends(cef, v);
	put_custom_fields(cef, v);
	put_pair(cef, "msg", v->advice, CEF_TEXT_MAX);
}

char *
encode_cef(const struct encode_view *v)
{
	static const char *const severities[] = {"0", "10", "7", "4", "2"};
	const size_t at = v->severity >= 1 && v->severity <= 4 ? (size_t)v->severity : 0;
	char *text = NULL, id[24];
	size_t len;
	struct cef cef = {.out = open_memstream(&text, &len), .header = true};

	if (!cef.out)
		return NULL;
	snprintf(id, sizeof(id), "%lld", (long long)v->signature_id);
	fputs("CEF:0", cef.out);
	put_field(&cef, ENCODE_VENDOR, CEF_NAME_MAX);
	put_field(&cef, ENCODE_PRODUCT, CEF_NAME_MAX);
	put_field(&cef, SMTAP_VERSION, CEF_NAME_MAX);
	put_field(&cef, id, CEF_NAME_MAX);
	put_field(&cef, v->signature, CEF_NAME_MAX);
	put_field(&cef, severities[at], CEF_NAME_MAX);
	fputc('|', cef.out);
	cef.header = false;
	put_extension(&cef, v);
	if (fclose(cef.out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
