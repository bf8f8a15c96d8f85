#include "export/webhook/body.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/encode/view.h"
#include "export/sink/id.h"
#include "export/webhook/slack.h"
#include "export/webhook/template.h"

#define FRAME_BYTES 16 /* brackets and what stands between two pieces */

const char *body_content_type(enum body_template template)
{
	return template == BODY_ELASTIC ? "application/x-ndjson" : "application/json";
}

size_t
body_alerts_max(const struct body_options *o)
{
	switch (o->template) {
	case BODY_JSON:
		return o->array ? BODY_ALERTS_MAX : 1;
	case BODY_SLACK:
		return SLACK_ALERTS_MAX;
	case BODY_SPLUNK:
	case BODY_ELASTIC:
		return BODY_ALERTS_MAX;
	case BODY_FILE:
	case BODY_TEMPLATES:
		break;
	}
	return 1;
}

size_t
body_frame_bytes(const struct body_options *o, size_t count)
{
	return count * 2 + (o->template == BODY_SLACK ? SLACK_FRAME_BYTES : FRAME_BYTES);
}

/* To be freed; NULL: out of memory. */
__attribute__((format(printf, 1, 2))) static char *
print(const char *format, ...)
{
	char *out = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&out, format, args);
	va_end(args);
	return n < 0 ? NULL : out;
}

static char *
json_piece(enum encode_format format, const struct sink_alert *a, const char *sensor)
{
	return format == ENCODE_EVE ? strndup(a->line, a->line_len)
				    : encode_alert(format, a->json, sensor);
}

/* An event of the HTTP event collector, which may stand behind another. */
static char *
splunk_piece(const struct body_options *o, const struct sink_alert *a)
{
	json_int_t when_ms = view_time_ms(view_text(a->json, "timestamp"));
	char id[SINK_ID_MAX], seq[24], time_text[40] = "";
	char *text = NULL, *out = NULL;
	json_t *head;

	sink_id(a, o->sensor, id);
	snprintf(seq, sizeof(seq), "%" PRIu64, a->seq);
	if (when_ms > 0)
		snprintf(time_text, sizeof(time_text), "\"time\":%" JSON_INTEGER_FORMAT ".%03d,",
			when_ms / 1000, (int)(when_ms % 1000));
	head = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "host", o->sensor, "source", "smtap",
		"sourcetype", o->sourcetype, "fields", "smtap_id", id, "smtap_seq", seq);
	if (head && o->index[0])
		json_object_set_new(head, "index", json_string(o->index));
	text = head ? json_dumps(head, JSON_COMPACT) : NULL;
	if (text)
		out = print("{%s%.*s,\"event\":%.*s}", time_text, (int)strlen(text) - 2, text + 1,
			(int)a->line_len, a->line);
	json_decref(head);
	free(text);
	return out;
}

/*
 * A document that is made unless it is there: `create` is also what data streams take, and one
 * that came before is answered with 409, which is as good.
 */
static char *
elastic_piece(const struct body_options *o, const struct sink_alert *a)
{
	char *ecs = encode_alert(ENCODE_ECS, a->json, o->sensor), *action = NULL, *out = NULL;
	char id[SINK_ID_MAX];
	json_t *head;

	sink_id(a, o->sensor, id);
	head = json_pack("{s:{s:s, s:s}}", "create", "_index", o->index, "_id", id);
	action = head ? json_dumps(head, JSON_COMPACT) : NULL;
	if (ecs && action)
		out = print("%s\n%s", action, ecs);
	json_decref(head);
	free(action);
	free(ecs);
	return out;
}

char *
body_piece(const struct body_options *o, const struct sink_alert *a)
{
	switch (o->template) {
	case BODY_JSON:
		return json_piece(o->format, a, o->sensor);
	case BODY_SLACK:
		return slack_piece(a, o->sensor);
	case BODY_SPLUNK:
		return splunk_piece(o, a);
	case BODY_ELASTIC:
		return elastic_piece(o, a);
	case BODY_FILE:
		return template_fill(o->custom, a, o->sensor);
	case BODY_TEMPLATES:
		break;
	}
	return NULL;
}

static void
put_pieces(FILE *out, char *const *pieces, size_t count, const char *between)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i > 0 ? between : "", pieces[i]);
}

static bool
put_slack(FILE *out, const struct body_options *o, const struct sink_alert *alerts,
	char *const *pieces, size_t count)
{
	char *summary = slack_summary(alerts, count, o->sensor);

	if (!summary)
		return false;
	fprintf(out, "{\"text\":%s,\"blocks\":[", summary);
	put_pieces(out, pieces, count, ",{\"type\":\"divider\"},");
	fputs("]}", out);
	free(summary);
	return true;
}

char *
body_join(const struct body_options *o, const struct sink_alert *alerts, char *const *pieces,
	size_t count, size_t *len)
{
	bool whole = true, array = o->template == BODY_JSON && o->array;
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	if (o->template == BODY_SLACK) {
		whole = put_slack(out, o, alerts, pieces, count);
	} else {
		fputs(array ? "[" : "", out);
		put_pieces(out, pieces, count, array ? "," : "\n");
		fputs(array ? "]" : o->template == BODY_ELASTIC ? "\n" : "", out);
	}
	whole = whole && !ferror(out);
	if (fclose(out) != 0 || !whole) {
		free(text);
		return NULL;
	}
	return text;
}
