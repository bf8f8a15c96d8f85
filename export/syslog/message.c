/*
 * An alert as a syslog message: <PRI>1 TIME HOST APP PID MSGID [SD] MSG (RFC 5424 6).
 *
 * MSG has no byte order mark: it is MSG-ANY, as many readers take a mark for a part of the JSON.
 */
#include "export/syslog/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/encode/view.h"
#include "export/sink/id.h"

#define HOSTNAME_MAX 255
#define APP_NAME_MAX 48
#define MSGID_MAX 32
#define HEADER_MAX 1200
#define PARAM_MAX 160
#define SEQUENCE_MAX 2147483647u /* 7.3.1 */

/* PRINTUSASCII, at most max of it; "-" is none. */
static void
put_word(FILE *out, const char *text, size_t max)
{
	if (!text[0])
		fputc('-', out);
	for (size_t i = 0; text[i] && i < max; i++)
		fputc(text[i] > ' ' && text[i] < 0x7f ? text[i] : '_', out);
}

/* 6.3.3: a quote, a backslash and a closing bracket are escaped; of controls nothing is said. */
static void
put_param(FILE *out, const char *name, const char *value)
{
	size_t n = strnlen(value, PARAM_MAX);

	/* Not in the middle of a character. */
	while (n > 0 && value[n] && ((unsigned char)value[n] & 0xc0) == 0x80)
		n--;
	fprintf(out, " %s=\"", name);
	for (size_t i = 0; i < n; i++) {
		if (strchr("\"\\]", value[i]))
			fputc('\\', out);
		fputc((unsigned char)value[i] < ' ' ? '?' : value[i], out);
	}
	fputc('"', out);
}

/* origin and meta are registered with IANA (9); what is ours needs a number of the site's own. */
static void
put_data(FILE *out, const struct message_options *options, const struct encode_view *v,
	const struct sink_alert *alert, uint32_t sequence)
{
	char number[24], id[SINK_ID_MAX];

	fprintf(out, "[origin software=\"smtap\" swVersion=\"%s\"][meta sequenceId=\"%u\"]",
		SMTAP_VERSION, (sequence - 1) % SEQUENCE_MAX + 1);
	if (!options->sd_id[0])
		return;
	fprintf(out, "[%s", options->sd_id);
	sink_id(alert, options->sensor, id);
	put_param(out, "id", id);
	if (v->incident_id > 0) {
		snprintf(number, sizeof(number), "%lld", (long long)v->incident_id);
		put_param(out, "incident", number);
	}
	put_param(out, "state", v->state);
	put_param(out, "detector", v->detector);
	put_param(out, "subject", v->subject);
	put_param(out, "source", v->source);
	fputc(']', out);
}

static void
put_header(FILE *out, const struct message_options *options, const struct encode_view *v,
	const struct sink_alert *alert, uint32_t sequence)
{
	/* Critical, major, minor and informational, as 6.2.1 has them. */
	static const unsigned severities[] = {5, 2, 3, 4, 6};
	const size_t at = v->severity >= 1 && v->severity <= 4 ? (size_t)v->severity : 0;
	char time[VIEW_TIME_MAX];

	view_time(v->timestamp, time);
	fprintf(out, "<%u>1 %s ", options->facility * 8 + severities[at], time[0] ? time : "-");
	put_word(out, options->sensor, HOSTNAME_MAX);
	fputc(' ', out);
	put_word(out, options->app_name, APP_NAME_MAX);
	fprintf(out, " %ld ", options->pid);
	put_word(out, v->detector, MSGID_MAX);
	fputc(' ', out);
	put_data(out, options, v, alert, sequence);
	fputc(' ', out);
}

char *
message_of(const struct message_options *options, const struct sink_alert *alert, uint32_t sequence,
	size_t *len)
{
	struct encode_view view;
	char *message = NULL, *text;
	FILE *out = open_memstream(&message, len);

	if (!out)
		return NULL;
	view_of(&view, alert->json, options->sensor);
	put_header(out, options, &view, alert, sequence);
	fflush(out);
	text = encode_alert_within(options->format, alert->json, options->sensor,
		options->max > *len ? options->max - *len : 0);
	if (text)
		fputs(text, out);
	if (fclose(out) != 0 || !text) {
		free(message);
		message = NULL;
	}
	free(text);
	return message;
}

bool
message_sd_id_is_right(const char *sd_id)
{
	const char *sign = strchr(sd_id, '@');
	size_t name = sign ? (size_t)(sign - sd_id) : 0;

	if (name == 0 || strlen(sd_id) > MESSAGE_SD_ID_MAX)
		return false;
	for (size_t i = 0; i < name; i++)
		if (sd_id[i] <= ' ' || sd_id[i] >= 0x7f || strchr("=]\"", sd_id[i]))
			return false;
	return sign[1] && strspn(sign + 1, "0123456789.") == strlen(sign + 1);
}
