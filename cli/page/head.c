/* The run as a whole: its time, what was lost, and the list of incidents. */
#include <inttypes.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/text.h"
#include "contract/counters.h"

void
html_cell(FILE *out, uint64_t n)
{
	fputs("<td class=\"n\">", out);
	if (n > 0)
		text_number(out, n);
	else
		fputs("&ndash;", out);
	fputs("</td>", out);
}

void
html_time(FILE *out, int64_t us)
{
	char text[WHEN_MAX];

	if (us == WHEN_NONE)
		fputs("&ndash;", out);
	else
		fprintf(out, "<time>%s</time>", when_text(us, text));
}

void
html_columns(FILE *out, const char *const columns[])
{
	fputs("<tr>", out);
	for (size_t i = 0; columns[i]; i++) {
		bool number = columns[i][0] == '#';
		fprintf(out, "<th scope=\"col\"%s>%s</th>", number ? " class=\"n\"" : "",
			columns[i] + number);
	}
	fputs("</tr>", out);
}

void
html_frame(FILE *out, const char *label)
{
	fprintf(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">\n",
		label);
}

void
html_frame_end(FILE *out)
{
	fputs("</div>\n", out);
}

/* Counters that speak of something that was not seen: what is lost is not told. */
static const char *
loss_help(const char *name)
{
	static const struct {
		const char *name;
		const char *help;
	} ours[] = {{"intake_invalid", "Events that made no sense and were dropped"},
		{"intake_broken_rings", "Workers whose events could not be read to the end"},
		{"engine_evicted_sources", "Sources forgotten: the table was full"},
		{"engine_evicted_accounts", "Accounts forgotten: the table was full"},
		{"engine_untracked", "Attempts that were not tracked: the tables were full"},
		{"engine_findings_refused", "Findings not told: the table was full"}};
	static const enum counter lost[] = {COUNTER_EVENTS_LOST_AUTH, COUNTER_EVENTS_LOST_RCPT,
		COUNTER_EVENTS_LOST_MAIL, COUNTER_EVENTS_LOST_SESSION,
		COUNTER_EVENTS_LOST_SIGNATURE, COUNTER_DECODE_TRUNCATED, COUNTER_FRAG_DROP,
		COUNTER_TCP_GAPS, COUNTER_TCP_GAP_BYTES, COUNTER_TCP_HOLD_FULL,
		COUNTER_FLOW_EVICTED, COUNTER_FLOW_FULL, COUNTER_SMTP_HOLD_FULL};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(ours[i].name, name) == 0)
			return ours[i].help;
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		if (strcmp(counter_infos[lost[i]].name, name) == 0)
			return counter_infos[lost[i]].help;
	return NULL;
}

static void
put_losses(FILE *out, const struct model *model)
{
	unsigned told = 0;

	fputs("<dt>Not seen, or in doubt</dt><dd>", out);
	if (!model->stats_seen)
		fputs("The run did not tell its counters: it goes on, or ended early.", out);
	for (size_t i = 0; i < model->counter_count; i++) {
		const struct told_counter *c = &model->counters[i];
		const char *help = loss_help(c->name);

		if (!help || c->value == 0)
			continue;
		fputs(told++ ? "<br>" : "", out);
		text_number(out, c->value);
		fprintf(out, " %s <span class=\"soft\">(%s)</span>", help, c->name);
	}
	if (model->unknown > 0) {
		fputs(told++ || !model->stats_seen ? "<br>" : "", out);
		text_count(out, model->unknown, "login attempt", "login attempts");
		fputs(" whose outcome was not seen", out);
	}
	if (model->stats_seen && told == 0)
		fputs("Nothing is known to be missing.", out);
	if (model->damaged > 0) {
		fputs("<br>", out);
		text_count(out, model->damaged, "line of the event file could not be read.",
			"lines of the event file could not be read.");
	}
	fputs("</dd>\n", out);
}

static void
put_severities(FILE *out, const struct list *list)
{
	unsigned told = 0;

	text_count(out, list->alone, "incident", "incidents");
	for (unsigned s = SEVERITY_CRITICAL; s <= SEVERITY_INFORMATIONAL; s++) {
		if (list->by_severity[s] == 0)
			continue;
		fputs(told++ ? ", " : ": ", out);
		fprintf(out, "<b class=\"%s\">", severity_name(s));
		text_number(out, list->by_severity[s]);
		fprintf(out, " %s</b>", severity_name(s));
	}
}

/* alone: the page is of one incident, and what rules hid is not on it. */
static void
put_hidden(FILE *out, const struct hiding *hiding, bool alone)
{
	uint64_t events = 0;

	if (hiding->count + hiding->rule_count == 0)
		return;
	for (size_t i = 0; i < hiding->rule_count; i++)
		events += hiding->rules[i].events;
	fputs("<dt>By rules</dt><dd>", out);
	text_count(out, hiding->count + hiding->further, "finding", "findings");
	fputs(" suppressed, ", out);
	text_count(out, events, "event", "events");
	fputs(" allowed", out);
	fputs(alone ? "" : ": <a href=\"#suppressed\">see below</a>", out);
	fputs(".</dd>\n", out);
}

void
html_run(FILE *out, const struct model *model, uint64_t only)
{
	const struct tally *all = &model->all;
	char text[WHEN_MAX], span[WHEN_MAX];

	fputs("<header>\n<h1>SMTP incident report</h1>\n<p class=\"headline\">", out);
	if (only > 0)
		fprintf(out, "Incident %" PRIu64 ", of a run with ", only);
	put_severities(out, &model->list);
	fputs(".</p>\n<dl class=\"facts\">\n<dt>Period</dt><dd>", out);
	html_time(out, model->first_us);
	if (model->last_us > model->first_us)
		fprintf(out, " to %s UTC (%s)", when_end(model->first_us, model->last_us, text),
			when_span(model->last_us - model->first_us, span));
	fputs("</dd>\n<dt>Seen</dt><dd>", out);
	text_count(out, all->sessions, "session", "sessions");
	fputs(", ", out);
	text_count(out, tally_attempts(all), "login attempt", "login attempts");
	fputs(" (", out);
	text_number(out, all->auth[OUTCOME_FAILURE]);
	fputs(" failed, ", out);
	text_number(out, all->auth[OUTCOME_SUCCESS]);
	fputs(" worked), ", out);
	text_count(out, all->mails, "mail transaction", "mail transactions");
	fputs(", ", out);
	text_count(out, model->alerts, "alert", "alerts");
	fputs(".</dd>\n", out);
	put_hidden(out, &model->hiding, only > 0);
	put_losses(out, model);
	fputs("</dl>\n<p class=\"note\">All times are packet times in UTC. No password is in this "
	      "report. What was not printable is shown as <span class=\"ctl\">U+XXXX</span>.</p>\n"
	      "</header>\n<main>\n",
		out);
}

static void
put_row(FILE *out, const struct model *model, size_t i)
{
	const struct brief *b = &model->list.briefs[i];
	const char *severity = severity_name(b->severity);
	bool told = i < model->list.told;
	char text[WHEN_MAX];

	fputs("<tr><th scope=\"row\" class=\"n\">", out);
	if (told)
		fprintf(out, "<a href=\"#incident-%" PRIu64 "\">%" PRIu64 "</a>", b->id, b->id);
	else
		fprintf(out, "%" PRIu64, b->id);
	fprintf(out, "</th><td><span class=\"sev %s\">%s</span></td>", severity, severity);
	fputs("<td class=\"what\">", out);
	if (told) {
		html_headline(out, &model->incidents[i]);
	} else {
		text_name(out, b->detector, TEXT_SHORT_CHARS);
		fputs(": ", out);
		text_name(out, b->subject, TEXT_SHORT_CHARS);
	}
	fputs("</td><td>", out);
	for (unsigned s = 0, n = 0; s < STAGE_COUNT; s++)
		if (b->stages & (1u << s))
			fprintf(out, "%s%s", n++ ? ", " : "", stage_name(s));
	fputs("</td><td class=\"t\">", out);
	html_time(out, b->first_us);
	if (b->last_us > b->first_us && b->first_us != WHEN_NONE)
		fprintf(out, "<br>to %s", when_end(b->first_us, b->last_us, text));
	fputs("</td><td class=\"spark\">", out);
	html_spark(out, model, b);
	fputs("</td></tr>\n", out);
}

static void
put_rest(FILE *out, const struct list *list)
{
	if (list->alone > list->told)
		fprintf(out,
			"<p class=\"note\">The %zu gravest are told in full; <code>smtap report "
			"--incident N</code> makes a page of any other.</p>\n",
			list->told);
	if (list->alone > list->shown) {
		fputs("<p class=\"note\">", out);
		text_count(out, list->alone - list->shown, "further incident is",
			"further incidents are");
		fputs(" not listed.</p>\n", out);
	}
	if (list->further_lines > 0) {
		fputs("<p class=\"note\">", out);
		text_count(out, list->further_lines, "alert is", "alerts are");
		fputs(" of incidents past the first ", out);
		text_number(out, LIST_MAX);
		fputs(", which are not counted here.</p>\n", out);
	}
}

void
html_overview(FILE *out, const struct model *model)
{
	static const char *const columns[] = {"#Incident", "Severity", "What happened", "Stages",
		"When (UTC)", "In the run", NULL};

	fputs("<section id=\"overview\" aria-labelledby=\"overview-h\">\n"
	      "<h2 id=\"overview-h\">Incidents</h2>\n",
		out);
	if (model->list.count == 0) {
		fprintf(out, "<p>No incident was found.%s</p>\n</section>\n",
			model->hiding.count + model->hiding.rule_count > 0
				? " What rules hid or allowed is <a href=\"#suppressed\">below</a>."
				: "");
		return;
	}
	html_frame(out, "Incidents");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < model->list.shown; i++)
		put_row(out, model, i);
	fputs("</tbody></table>", out);
	html_frame_end(out);
	put_rest(out, &model->list);
	fputs("</section>\n", out);
}

void
html_signatures(FILE *out, const struct model *model)
{
	static const char *const columns[] = {
		"#Rule", "Name", "Severity", "Sent by", "#Lines", "First", "Last", NULL};

	if (model->signature_count == 0)
		return;
	fputs("<section id=\"signatures\" aria-labelledby=\"signatures-h\">\n"
	      "<h2 id=\"signatures-h\">Rules that matched</h2>\n",
		out);
	html_frame(out, "Rules that matched");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < model->signature_count; i++) {
		const struct signature *s = &model->signatures[i];

		fprintf(out, "<tr><td class=\"n\">%" PRIu64 "</td><th scope=\"row\">", s->id);
		text_name(out, s->title ? s->title : "", TEXT_NAME_CHARS);
		fprintf(out, "</th><td>%s</td><td class=\"name\">", severity_name(s->severity));
		text_name(out, s->subject ? s->subject : "", TEXT_NAME_CHARS);
		fputs("</td><td class=\"n\">", out);
		text_number(out, s->lines);
		fputs("</td><td class=\"t\">", out);
		html_time(out, s->first_us);
		fputs("</td><td class=\"t\">", out);
		html_time(out, s->last_us);
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table>", out);
	html_frame_end(out);
	if (model->signatures_further > 0) {
		fputs("<p class=\"note\">", out);
		text_count(
			out, model->signatures_further, "further alert is", "further alerts are");
		fputs(" not shown.</p>\n", out);
	}
	fputs("</section>\n", out);
}
