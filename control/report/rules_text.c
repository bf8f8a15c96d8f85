#include "control/report/rules_text.h"

#include <stdlib.h>

#include "control/report/finding_text.h"
#include "control/report/words.h"

#define RULES_SHOWN 20
#define FINDINGS_SHOWN 20
#define FINDINGS_MAX 4096
#define INDENT 2

/* "3 findings" */
static const char *
many(uint64_t n, const char *one, char *out, size_t out_len)
{
	char number[WORDS_NUMBER_MAX];

	snprintf(out, out_len, "%s %s%s", words_number(n, number), one, n == 1 ? "" : "s");
	return out;
}

static bool
did(const struct suppress *rules, enum config_rule_list list, unsigned i)
{
	struct suppress_count count = suppress_count(rules, list, i);

	return count.sightings > 0 || count.events > 0;
}

static unsigned
how_many_did(const struct suppress *rules, enum config_rule_list list)
{
	unsigned n = 0;

	for (unsigned i = 0; i < suppress_rules(rules, list); i++)
		n += did(rules, list, i);
	return n;
}

static void
print_head(const struct report *r, enum config_rule_list list, uint64_t n, FILE *out)
{
	bool suppress = list == CONFIG_SUPPRESS;
	char what[64], by[64];

	fprintf(out, r->color ? "\n\x1b[1m%s: %s by %s\x1b[0m\n" : "\n%s: %s by %s\n",
		suppress ? "SUPPRESSED" : "ALLOWED",
		many(n, suppress ? "finding" : "event", what, sizeof(what)),
		many(how_many_did(r->rules, list), "rule", by, sizeof(by)));
}

/* "Line 12", or "Suppression 3" of an operator. */
static const char *
place_of(const struct suppress *rules, enum config_rule_list list, unsigned i, char out[48])
{
	uint64_t id = suppress_rule_id(rules, list, i);

	if (id)
		snprintf(out, 48, "Suppression %llu", (unsigned long long)id);
	else
		snprintf(out, 48, "Line %u", suppress_rule(rules, list, i)->line);
	return out;
}

/* "Line 12, until 2026-12-31: a test of ours; 3 findings, 12 sightings" */
static void
print_rule(const struct report *r, enum config_rule_list list, unsigned i, FILE *out)
{
	const struct config_rule *rule = suppress_rule(r->rules, list, i);
	struct suppress_count count = suppress_count(r->rules, list, i);
	char until[CONFIG_RULE_TIME_MAX], reason[WORDS_NAME_MAX], a[64], b[64], text[1024];
	char place[48];

	config_rule_until(rule, until);
	words_clean(rule->reason, reason, sizeof(reason));
	if (list == CONFIG_SUPPRESS)
		snprintf(text, sizeof(text), "%s, until %s: %s; %s, %s.",
			place_of(r->rules, list, i, place), until, reason,
			many(count.findings, "finding", a, sizeof(a)),
			many(count.sightings, "sighting", b, sizeof(b)));
	else
		snprintf(text, sizeof(text), "%s, until %s: %s; %s.",
			place_of(r->rules, list, i, place), until, reason,
			many(count.events, "event", a, sizeof(a)));
	words_paragraph(out, INDENT, text);
}

static void
print_rules(const struct report *r, enum config_rule_list list, FILE *out)
{
	unsigned shown = 0, all = how_many_did(r->rules, list);
	char more[64], text[80];

	for (unsigned i = 0; i < suppress_rules(r->rules, list) && shown < RULES_SHOWN; i++) {
		if (!did(r->rules, list, i))
			continue;
		print_rule(r, list, i, out);
		shown++;
	}
	if (all == shown)
		return;
	snprintf(text, sizeof(text), "And %s more.", many(all - shown, "rule", more, sizeof(more)));
	words_paragraph(out, INDENT, text);
}

/* Those that are hidden still, by name. */
static void
print_findings(const struct report *r, FILE *out)
{
	const struct finding **all = calloc(FINDINGS_MAX, sizeof(const struct finding *));
	size_t n = all ? engine_findings(r->engine, all, FINDINGS_MAX) : 0;
	unsigned shown = 0, hidden = 0;
	char name[FINDING_TEXT_NAME_MAX], text[FINDING_TEXT_NAME_MAX + 128], attempts[64];
	char place[48];

	for (size_t i = 0; i < n; i++) {
		if (all[i]->suppressed_by == 0 || ++hidden > FINDINGS_SHOWN)
			continue;
		finding_name(all[i], name);
		place_of(r->rules, CONFIG_SUPPRESS, all[i]->suppressed_by - 1, place);
		place[0] = place[0] == 'L' ? 'l' : 's';
		snprintf(text, sizeof(text), "* %s (seen %s, %s)", name,
			many(all[i]->attempts, "time", attempts, sizeof(attempts)), place);
		words_paragraph(out, INDENT, text);
		shown++;
	}
	free(all);
	if (hidden == shown)
		return;
	snprintf(text, sizeof(text), "And %s more; each is in the EVE file.",
		many(hidden - shown, "finding", attempts, sizeof(attempts)));
	words_paragraph(out, INDENT, text);
}

void
rules_text(const struct report *report, FILE *out)
{
	struct suppress_count total;

	if (!report->rules)
		return;
	total = suppress_total(report->rules);
	if (total.sightings > 0) {
		print_head(report, CONFIG_SUPPRESS, total.findings, out);
		print_rules(report, CONFIG_SUPPRESS, out);
		print_findings(report, out);
	}
	if (total.events > 0) {
		print_head(report, CONFIG_ALLOW, total.events, out);
		print_rules(report, CONFIG_ALLOW, out);
	}
}
