/* One incident: what happened, what to do, and the evidence. */
#include <inttypes.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/text.h"

static void
put_stages(FILE *out, const struct incident *incident)
{
	char text[WHEN_MAX];
	bool any = false;

	for (unsigned s = 0; s < STAGE_COUNT; s++)
		any |= incident->stages[s].reached;
	if (!any) /* a weakness, say: six times "not seen" would only puzzle */
		return;
	fputs("<ol class=\"stages\" aria-label=\"Stages of the attack\">\n", out);
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		const struct stage_told *stage = &incident->stages[s];

		if (!stage->reached) {
			fprintf(out, "<li><b>%s</b><span class=\"when\">not seen</span></li>\n",
				stage_name(s));
			continue;
		}
		fprintf(out, "<li class=\"reached\"><b>&#10003; %s</b><span class=\"when\">",
			stage_name(s));
		html_time(out, stage->first_us);
		if (stage->last_us > stage->first_us)
			fprintf(out, " to %s", when_end(stage->first_us, stage->last_us, text));
		fputs("</span></li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void
put_advice(FILE *out, const char *what, const char *advice)
{
	fputs("<dt>", out);
	text_name(out, what, TEXT_SHORT_CHARS);
	fputs("</dt><dd>", out);
	text_name(out, advice, TEXT_LONG_CHARS);
	fputs("</dd>\n", out);
}

/* What to do at each stage; where the stages say nothing, at each finding. */
static void
put_todo(FILE *out, const struct incident *incident)
{
	unsigned told = 0;

	for (unsigned s = 0; s < STAGE_COUNT; s++)
		told += incident->stages[s].advice != NULL;
	for (size_t i = 0; i < incident->finding_count; i++)
		told += incident->findings[i].advice != NULL;
	if (told == 0)
		return;
	fputs("<h3>What to do</h3>\n<dl class=\"todo\">\n", out);
	told = 0;
	/* The furthest stage is the most urgent. */
	for (unsigned s = STAGE_COUNT; s-- > 0;)
		if (incident->stages[s].advice) {
			put_advice(out, stage_name(s), incident->stages[s].advice);
			told++;
		}
	for (size_t i = 0; told == 0 && i < incident->finding_count; i++)
		if (incident->findings[i].advice && incident->findings[i].detector)
			put_advice(
				out, incident->findings[i].detector, incident->findings[i].advice);
	fputs("</dl>\n", out);
}

static void
put_head(FILE *out, const struct incident *incident)
{
	const struct brief *b = incident->brief;
	const char *severity = severity_name(b->severity);
	char text[WHEN_MAX];

	fprintf(out,
		"<section class=\"incident\" id=\"incident-%" PRIu64
		"\" aria-labelledby=\"h%" PRIu64 "\">\n<h2 id=\"h%" PRIu64 "\">Incident %" PRIu64
		" <span class=\"sev %s\">%s</span></h2>\n"
		"<p class=\"headline\">",
		b->id, b->id, b->id, b->id, severity, severity);
	html_headline(out, incident);
	fputs("</p>\n<p class=\"soft\">", out);
	html_time(out, b->first_us);
	if (b->last_us != WHEN_NONE && b->last_us > b->first_us)
		fprintf(out, " to %s", when_end(b->first_us, b->last_us, text));
	fputs(" UTC", out);
	if (b->last_us > b->first_us && b->first_us != WHEN_NONE)
		fprintf(out, " (%s)", when_span(b->last_us - b->first_us, text));
	fprintf(out, "; %s", b->state == STATE_CLOSED ? "closed" : "open");
	if (incident->reopened > 0) {
		fputs(", reopened ", out);
		text_count(out, incident->reopened, "time", "times");
	}
	fputs("; ", out);
	text_count(out, incident->finding_count, "finding", "findings");
	fputs(", told in ", out);
	text_count(out, b->alerts, "alert", "alerts");
	fputs(".</p>\n", out);
}

static void
put_tools(FILE *out, const struct incident *incident)
{
	if (!incident->patterns[0])
		return;
	fputs("<h3>Recognised</h3>\n<p class=\"note\">Tools and servers, by what they said.</p>\n"
	      "<ul>",
		out);
	for (unsigned i = 0; i < PATTERNS_MAX && incident->patterns[i]; i++) {
		fputs("<li>", out);
		text_name(out, incident->patterns[i], TEXT_NAME_CHARS);
		fputs("</li>", out);
	}
	fputs("</ul>\n", out);
}

static void
put_numbers(FILE *out, const struct finding *f)
{
	const uint64_t numbers[] = {
		f->attempts, f->failures, f->successes, f->sources, f->accounts, f->targets};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		fputs("<td class=\"n\">", out);
		text_number(out, numbers[i]);
		fputs("</td>", out);
	}
	fprintf(out, "<td class=\"n\">%" PRIu64 "&nbsp;%%</td>", f->confidence);
}

static void
put_finding(FILE *out, const struct finding *f)
{
	fprintf(out,
		"<tr><td class=\"n\">%" PRIu64 "<br><span class=\"soft\">%s</span></td>"
		"<th scope=\"row\">",
		f->id, f->closed ? "closed" : "open");
	text_name(out, f->detector ? f->detector : "", TEXT_SHORT_CHARS);
	if (f->stage != STAGE_COUNT)
		fprintf(out, "<br><span class=\"soft\">%s</span>", stage_name(f->stage));
	fputs("</th><td class=\"name\">", out);
	text_name(out, f->subject_type ? f->subject_type : "", TEXT_SHORT_CHARS);
	fputc(' ', out);
	text_name(out, f->subject ? f->subject : "", TEXT_NAME_CHARS);
	fputs("</td>", out);
	put_numbers(out, f);
	fprintf(out, "<td class=\"n\">%" PRIu64 "<br>", f->signature_id);
	for (unsigned i = 0; i < sizeof(f->mitre) / sizeof(f->mitre[0]) && f->mitre[i]; i++) {
		fputs(i ? ", " : "", out);
		text_name(out, f->mitre[i], TEXT_SHORT_CHARS);
	}
	fputs("</td></tr>\n", out);
}

/* The incidents that turned out to be parts of this one. */
static void
put_merged(FILE *out, const struct model *model, uint64_t id)
{
	unsigned told = 0;

	for (size_t i = model->list.alone; i < model->list.count; i++) {
		const struct brief *b = &model->list.briefs[i];

		if (b->into == 0 || list_root(&model->list, b->id) != id)
			continue;
		fprintf(out, "%s%" PRIu64, told ? ", " : "; merged into it: incident ", b->id);
		if (++told == 20) {
			fputs(" and more", out);
			break;
		}
	}
}

static void
put_findings(FILE *out, const struct model *model, const struct incident *incident)
{
	static const char *const columns[] = {"#Finding", "Detector", "Subject", "#Counted",
		"#Failed", "#Logged in", "#Sources", "#Accounts", "#Servers", "#Confidence",
		"#Signature, ATT&amp;CK", NULL};

	fprintf(out, "<h3>Findings and identifiers</h3>\n<p class=\"note\">incident_id %" PRIu64,
		incident->brief->id);
	put_merged(out, model, incident->brief->id);
	fputs(". What is counted depends on the detector: login attempts, connections, recipients "
	      "or bounces.</p>\n",
		out);
	html_frame(out, "Findings and identifiers");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < incident->finding_count; i++)
		put_finding(out, &incident->findings[i]);
	fputs("</tbody></table>", out);
	html_frame_end(out);
	if (incident->findings_further > 0) {
		fputs("<p class=\"note\">Findings past the first ", out);
		text_number(out, FINDINGS_MAX);
		fputs(" are not shown: they had ", out);
		text_count(out, incident->findings_further, "alert.</p>\n", "alerts.</p>\n");
	}
}

void
html_incident(FILE *out, struct model *model, struct incident *incident)
{
	bool counted =
		tally_attempts(&incident->all) + incident->all.mails + incident->all.sessions > 0;

	put_head(out, incident);
	put_stages(out, incident);
	put_todo(out, incident);
	html_timeline(out, incident);
	html_chart(out, incident, CHART_AUTH);
	html_chart(out, incident, CHART_MAIL);
	if (tally_attempts(&incident->all) + incident->all.mails == 0)
		html_chart(out, incident, CHART_SESSION);
	html_accounts(out, incident);
	html_sources(out, incident);
	html_servers(out, incident);
	if (counted)
		fputs("<p class=\"note\">Charts and tables above count the events between first "
		      "and last seen of the sources, networks, accounts and servers that the "
		      "findings are about, and what was sent as an account of these in the "
		      "day after a guess worked. What an account's owner did meanwhile is among "
		      "them.</p>\n",
			out);
	html_flows(out, incident);
	put_tools(out, incident);
	put_findings(out, model, incident);
	html_about(out, incident);
	fputs("</section>\n", out);
}
