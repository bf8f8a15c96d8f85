#include "export/webhook/slack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "export/encode/view.h"
#include "export/sink/id.h"

#define TEXT_MAX 2900  /* bytes of a section's text; Slack takes 3000 characters */
#define FIELD_MAX 1900 /* of a field; 2000 */
#define NAMES_SHOWN 5
#define FIELDS_MAX 8  /* of a section; Slack takes 10 */
#define ESCAPED_MAX 8 /* bytes of one character, escaped */

struct line {
	size_t len;
	size_t max;
	char text[TEXT_MAX + 1];
};

/* Does it turn the direction of what follows? Then names could be shown as others. */
static bool
turns_text(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
	       c == 0x200f || c == 0x061c;
}

/* A stranger's text: escaped, whole characters, as much of it as fits. */
static void
add_escaped(struct line *l, const char *text, bool code)
{
	size_t left = strlen(text), n;
	uint32_t c;

	for (; left > 0; text += n, left -= n) {
		char one[ESCAPED_MAX];

		n = utf8_next((const uint8_t *)text, left, &c);
		if (n == 0 || turns_text(c)) {
			n = n ? n : 1;
			strcpy(one, "\xef\xbf\xbd");
		} else if (c == '&' || c == '<' || c == '>') {
			strcpy(one, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
		} else if (c < 0x20 || c == 0x7f) {
			strcpy(one, " ");
		} else if (c == '`' && code) {
			strcpy(one, "'");
		} else {
			memcpy(one, text, n);
			one[n] = '\0';
		}
		if (l->len + strlen(one) > l->max)
			return;
		strcpy(l->text + l->len, one);
		l->len += strlen(one);
	}
}

/* Our own words. */
__attribute__((format(printf, 2, 3))) static void
add(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->len, l->max - l->len + 1, format, args);
	va_end(args);
	if (n > 0)
		l->len += (size_t)n < l->max - l->len ? (size_t)n : l->max - l->len;
}

/* A name as code, where nothing is formatted. */
static void
add_name(struct line *l, const char *name)
{
	size_t max = l->max;

	/* A name takes no more than its share, and its last backtick always fits. */
	if (l->len + 2 > max)
		return;
	add(l, "`");
	l->max = l->len + 400 < max ? l->len + 400 : max - 1;
	add_escaped(l, name, true);
	l->max = max;
	add(l, "`");
}

static void
add_names(struct line *l, const struct encode_view *v, const char *kind)
{
	json_t *names = view_names(v, kind);
	size_t count = json_array_size(names), i;

	for (i = 0; i < count && i < NAMES_SHOWN; i++) {
		add(l, "%s", i > 0 ? ", " : "");
		add_name(l, json_string_value(json_array_get(names, i)));
	}
	if (i < count)
		add(l, " and %zu more", count - i);
	json_decref(names);
}

static void
start(struct line *l, size_t max)
{
	l->len = 0;
	l->max = max;
	l->text[0] = '\0';
}

static json_t *
mrkdwn(const struct line *l)
{
	return json_pack("{s:s, s:s, s:b}", "type", "mrkdwn", "text", l->text, "verbatim", 1);
}

static json_t *
plain(const struct line *l)
{
	return json_pack("{s:s, s:s, s:b}", "type", "plain_text", "text", l->text, "emoji", 0);
}

static const char *
severity_word(json_int_t severity)
{
	static const char *const words[] = {"Critical", "Major", "Minor"};

	return severity >= 1 && severity <= 3 ? words[severity - 1] : "Informational";
}

static const char *
state_word(const char *state)
{
	if (strcmp(state, "open") == 0)
		return "opened";
	if (strcmp(state, "closed") == 0)
		return "closed";
	return "goes on";
}

/* "SMTAP bruteforce: SMTP AUTH ..": what stands behind the detector. */
static const char *
title_of(const struct encode_view *v)
{
	const char *colon = strstr(v->signature, ": ");

	return strncmp(v->signature, "SMTAP ", 6) == 0 && colon ? colon + 2 : v->signature;
}

static void
add_headline(struct line *l, const struct encode_view *v, bool code)
{
	add(l, code ? "*%s*, " : "%s, ", severity_word(v->severity));
	if (v->incident_id > 0)
		add(l, "incident %" JSON_INTEGER_FORMAT " ", v->incident_id);
	add(l, "%s: ", state_word(v->state));
	add_escaped(l, title_of(v), code);
}

static void
put_field(json_t *fields, const struct line *l)
{
	if (json_array_size(fields) < FIELDS_MAX)
		json_array_append_new(fields, mrkdwn(l));
}

static void
put_names(json_t *fields, const struct encode_view *v, const char *kind, const char *label)
{
	struct line l;

	start(&l, FIELD_MAX);
	add(&l, "*%s*\n", label);
	size_t before = l.len;
	add_names(&l, v, kind);
	if (l.len > before)
		put_field(fields, &l);
}

/* 2026-09-22T17:21:00.204700+0000 to the second. */
static void
add_time(struct line *l, const char *time)
{
	if (strlen(time) > 19 && time[10] == 'T')
		add(l, "%.10s %.8s UTC", time, time + 11);
	else
		add_escaped(l, time, false);
}

static json_t *
fields_of(const struct encode_view *v)
{
	json_t *fields = json_array();
	struct line l;

	if (v->subject[0]) {
		start(&l, FIELD_MAX);
		add(&l, "*Subject*\n");
		add_escaped(&l, v->subject_type, false);
		add(&l, " ");
		add_name(&l, v->subject);
		put_field(fields, &l);
	}
	put_names(fields, v, "sources", "Sources");
	put_names(fields, v, "accounts", "Accounts");
	put_names(fields, v, "servers", "Servers");
	if (v->attempts > 0) {
		start(&l, FIELD_MAX);
		add(&l, "*Attempts*\n%" JSON_INTEGER_FORMAT, v->attempts);
		if (v->successes > 0)
			add(&l, ", %" JSON_INTEGER_FORMAT " worked", v->successes);
		put_field(fields, &l);
	}
	start(&l, FIELD_MAX);
	add(&l, "*Seen*\n");
	add_time(&l, v->first_seen);
	add(&l, " to ");
	add_time(&l, v->last_seen);
	put_field(fields, &l);
	return fields;
}

static void
put_section(json_t *blocks, const struct encode_view *v)
{
	struct line l;

	start(&l, TEXT_MAX);
	add_headline(&l, v, true);
	json_array_append_new(blocks, json_pack("{s:s, s:o, s:o}", "type", "section", "text",
					      mrkdwn(&l), "fields", fields_of(v)));
	if (!v->advice[0])
		return;
	start(&l, TEXT_MAX);
	add_escaped(&l, v->advice, false);
	json_array_append_new(
		blocks, json_pack("{s:s, s:o}", "type", "section", "text", plain(&l)));
}

/* Where it comes from, and its id, by which one that came twice is known. */
static void
put_context(json_t *blocks, const struct encode_view *v, const struct sink_alert *alert)
{
	char id[SINK_ID_MAX];
	struct line l;

	sink_id(alert, v->sensor, id);
	start(&l, FIELD_MAX);
	add(&l, "smtap on ");
	add_escaped(&l, v->sensor, false);
	add(&l, ", detector ");
	add_escaped(&l, v->detector, false);
	add(&l, ", alert %s", id);
	json_array_append_new(
		blocks, json_pack("{s:s, s:[o]}", "type", "context", "elements", plain(&l)));
}

char *
slack_piece(const struct sink_alert *alert, const char *sensor)
{
	json_t *blocks = json_array();
	struct encode_view v;
	char *text;
	size_t len;

	view_of(&v, alert->json, sensor);
	put_section(blocks, &v);
	put_context(blocks, &v, alert);
	text = json_dumps(blocks, JSON_COMPACT);
	json_decref(blocks);
	if (!text)
		return NULL;
	len = strlen(text);
	memmove(text, text + 1, len - 2);
	text[len - 2] = '\0';
	return text;
}

char *
slack_summary(const struct sink_alert *alert, size_t count, const char *sensor)
{
	struct encode_view v;
	struct line l;
	json_t *string;
	char *text;

	view_of(&v, alert->json, sensor);
	start(&l, 300);
	add_headline(&l, &v, false);
	if (count > 1)
		add(&l, " (and %zu more)", count - 1);
	string = json_string(l.text);
	text = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
	json_decref(string);
	return text;
}
