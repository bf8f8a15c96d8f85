#include "cli/look/show.h"

#include <inttypes.h>
#include <string.h>

#include "cli/look/look.h"

#define LINE_WIDTH 78

const char *
show_severity(unsigned severity)
{
	static const char *const words[] = {"-", "critical", "major", "minor"};

	return severity < sizeof(words) / sizeof(words[0]) ? words[severity] : "informational";
}

json_t *
show_read(const struct store_incident *incident)
{
	json_t *line =
		incident->line ? json_loadb(incident->line, incident->line_len, 0, NULL) : NULL;
	json_t *smtap = json_object_get(line, "smtap");

	json_incref(smtap);
	json_decref(line);
	return smtap;
}

static json_t *
part(json_t *smtap, const char *key)
{
	return json_object_get(json_object_get(smtap, "incident"), key);
}

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static json_int_t
number_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void
show_names(FILE *out, json_t *smtap, const char *key, unsigned width)
{
	json_t *list = part(smtap, key);
	const char *first = json_string_value(json_array_get(list, 0));
	size_t more = json_array_size(list);
	char text[512];

	if (more > 1)
		snprintf(text, sizeof(text), "%s (+%zu)", first ? first : "-", more - 1);
	else
		snprintf(text, sizeof(text), "%s", first ? first : "-");
	look_put_text(out, text, width);
}

static void
put_list(FILE *out, json_t *smtap, const char *key, const char *title)
{
	json_t *list = part(smtap, key), *name;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fprintf(out, "%-10s", title);
	json_array_foreach(list, i, name)
	{
		fputs(i ? ", " : "", out);
		look_put_text(out, json_string_value(name) ? json_string_value(name) : "-", 0);
	}
	fputc('\n', out);
}

/* "2026-05-04T08:01:24.123456+0000" as the other times are. */
static void
put_eve_time(FILE *out, const char *time)
{
	if (strlen(time) >= 19 && time[10] == 'T')
		fprintf(out, "%.10s %.8s", time, time + 11);
	else
		look_put_text(out, time, 19);
}

static void
put_stages(FILE *out, json_t *smtap)
{
	json_t *stages = part(smtap, "stages"), *s;
	size_t i;

	if (json_array_size(stages) > 0)
		fputs("\nTimeline\n", out);
	json_array_foreach(stages, i, s)
	{
		json_t *names = json_object_get(s, "detectors"), *name;
		size_t n;

		fputs("  ", out);
		put_eve_time(out, text_of(s, "first_seen"));
		fputs("  ", out);
		look_put_text(out, text_of(s, "stage"), 12);
		json_array_foreach(names, n, name)
		{
			fputs(n ? ", " : "", out);
			look_put_text(out, json_string_value(name), 0);
		}
		fprintf(out, ": %s ", text_of(s, "subject_type"));
		look_put_text(out, text_of(s, "subject"), 0);
		fprintf(out,
			", %" JSON_INTEGER_FORMAT " attempts, %" JSON_INTEGER_FORMAT " finding%s\n",
			number_of(s, "attempts"), number_of(s, "findings"),
			number_of(s, "findings") == 1 ? "" : "s");
	}
}

/* Broken at spaces, indented. */
static void
put_paragraph(FILE *out, const char *text)
{
	size_t column = 0;

	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, " ");
		char word[256];

		snprintf(word, sizeof(word), "%.*s", (int)(n < 255 ? n : 255), p);
		if (column > 0 && column + 1 + n > LINE_WIDTH - 4) {
			fputc('\n', out);
			column = 0;
		}
		fputs(column ? " " : "    ", out);
		look_put_text(out, word, 0);
		column += n + (column > 0);
		p += n;
		p += strspn(p, " ");
	}
	fputc('\n', out);
}

static void
put_advice(FILE *out, json_t *smtap)
{
	json_t *list = part(smtap, "advice"), *one;
	size_t i;

	if (json_array_size(list) > 0)
		fputs("\nWhat to do\n", out);
	json_array_foreach(list, i, one)
	{
		fputs("  ", out);
		look_put_text(out, text_of(one, "stage"), 0);
		fputc('\n', out);
		put_paragraph(out, text_of(one, "text"));
	}
	if (json_array_size(list) == 0 && json_object_get(smtap, "advice")) {
		fputs("\nWhat to do\n", out);
		put_paragraph(out, text_of(smtap, "advice"));
	}
}

static int
put_alert(void *arg, const struct store_alert *alert)
{
	FILE *out = arg;
	char time[LOOK_TIME_MAX];
	json_t *line = json_loadb(alert->line, alert->line_len, 0, NULL);
	json_t *smtap = json_object_get(line, "smtap");

	fprintf(out, "  %s  ", look_time(alert->time_ns, time));
	look_put_text(out, text_of(smtap, "detector"), 16);
	fputc(' ', out);
	look_put_text(out, text_of(smtap, "finding_state"), 6);
	fprintf(out, " %7" JSON_INTEGER_FORMAT " attempts  ", number_of(smtap, "attempts"));
	look_put_text(out, text_of(smtap, "subject"), 0);
	fputc('\n', out);
	json_decref(line);
	return 0;
}

int
show_incident(struct store *store, const struct store_incident *incident, json_t *smtap, FILE *out)
{
	char time[2][LOOK_TIME_MAX];

	fprintf(out, "Incident %" PRIu64 ": %s, %s", incident->id,
		show_severity(incident->severity), incident->state);
	if (strcmp(incident->stage, "none") != 0)
		fprintf(out, ", come to %s", incident->stage);
	if (incident->merged_into)
		fprintf(out, "; part of incident %" PRIu64, incident->merged_into);
	fprintf(out, "\n%-10s%s to %s UTC\n", "Seen", look_time(incident->first_ns, time[0]),
		look_time(incident->last_ns, time[1]));
	if (incident->acked_ns) {
		fprintf(out, "%-10s%s UTC by ", "Acked", look_time(incident->acked_ns, time[0]));
		look_put_text(out, incident->acked_by, 0);
		fputs(incident->note[0] ? ": " : "", out);
		look_put_text(out, incident->note, 0);
		if (strcmp(incident->acked_stage, incident->stage) != 0)
			fputs("; it has come further since", out);
		fputc('\n', out);
	}
	put_list(out, smtap, "sources", "Sources");
	put_list(out, smtap, "accounts", "Accounts");
	put_list(out, smtap, "servers", "Servers");
	put_stages(out, smtap);
	put_advice(out, smtap);
	fputs("\nAlerts\n", out);
	return store_read_incident(store, incident->id, put_alert, out);
}
