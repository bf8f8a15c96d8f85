/* What rules of the configuration hid and allowed: nobody should find out elsewhere. */
#include <inttypes.h>

#include "cli/page/html.h"
#include "cli/page/text.h"

static void
put_name_cell(FILE *out, const char *text, unsigned max)
{
	fputs("<td class=\"name\">", out);
	text_name(out, text ? text : "", max);
	fputs("</td>", out);
}

/* Of the configuration; what an operator suppressed has none. */
static void
put_line(uint64_t line, FILE *out)
{
	if (line > 0)
		fprintf(out, "<td class=\"n\">%" PRIu64 "</td>", line);
	else
		fputs("<td class=\"n\">operator</td>", out);
}

static void
put_rule(FILE *out, const struct told_rule *rule)
{
	fputs("<tr>", out);
	put_line(rule->line, out);
	fprintf(out, "<th scope=\"row\">%s</th>", rule->allows ? "allow" : "suppress");
	put_name_cell(out, rule->reason, TEXT_LONG_CHARS);
	put_name_cell(out, rule->until, TEXT_NAME_CHARS);
	html_cell(out, rule->findings);
	html_cell(out, rule->sightings);
	html_cell(out, rule->events);
	fputs("</tr>\n", out);
}

static void
put_rules(FILE *out, const struct hiding *hiding)
{
	static const char *const columns[] = {"#Line", "Rule", "Reason", "Until", "#Findings",
		"#Alerts kept back", "#Events allowed", NULL};

	if (hiding->rule_count == 0)
		return;
	fputs("<h3>Rules</h3>\n<p class=\"note\">By the line of the configuration on which each "
	      "begins.</p>\n",
		out);
	html_frame(out, "Rules");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < hiding->rule_count; i++)
		put_rule(out, &hiding->rules[i]);
	fputs("</tbody></table>", out);
	html_frame_end(out);
}

static void
put_finding(FILE *out, const struct hidden *h)
{
	fputs("<tr><th scope=\"row\">", out);
	text_name(out, h->detector ? h->detector : "", TEXT_SHORT_CHARS);
	fputs("</th><td class=\"name\">", out);
	text_name(out, h->subject_type ? h->subject_type : "", TEXT_SHORT_CHARS);
	fputc(' ', out);
	text_name(out, h->subject ? h->subject : "", TEXT_NAME_CHARS);
	fputs("</td>", out);
	html_cell(out, h->attempts);
	fputs("<td class=\"t\">", out);
	html_time(out, h->first_us);
	fputs("</td><td class=\"t\">", out);
	html_time(out, h->last_us);
	fputs("</td>", out);
	put_line(h->line, out);
	put_name_cell(out, h->reason, TEXT_LONG_CHARS);
	fputs("</tr>\n", out);
}

static void
put_findings(FILE *out, const struct hiding *hiding)
{
	static const char *const columns[] = {
		"Detector", "Subject", "#Counted", "First", "Last", "#Line", "Reason", NULL};

	if (hiding->count == 0)
		return;
	fputs("<h3>Findings</h3>\n", out);
	html_frame(out, "Suppressed findings");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < hiding->count; i++)
		put_finding(out, &hiding->findings[i]);
	fputs("</tbody></table>", out);
	html_frame_end(out);
}

void
html_hidden(FILE *out, const struct model *model)
{
	const struct hiding *hiding = &model->hiding;

	if (hiding->count + hiding->rule_count == 0)
		return;
	fputs("<section id=\"suppressed\" aria-labelledby=\"suppressed-h\">\n"
	      "<h2 id=\"suppressed-h\">Suppressed or allowed by rules</h2>\n<p class=\"note\">What "
	      "rules of "
	      "the configuration hid from the alerts, or kept from detectors. It is part of no "
	      "incident above.</p>\n",
		out);
	put_findings(out, hiding);
	if (hiding->further > 0) {
		fputs("<p class=\"note\">", out);
		text_count(out, hiding->further, "further finding is", "further findings are");
		fputs(" not shown.</p>\n", out);
	}
	put_rules(out, hiding);
	if (hiding->rules_further > 0) {
		fputs("<p class=\"note\">", out);
		text_count(out, hiding->rules_further, "further rule is", "further rules are");
		fputs(" not shown.</p>\n", out);
	}
	fputs("</section>\n", out);
}
